"""Tests of `nano_bert.pretrained`."""
