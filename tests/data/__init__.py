"""Tests of `nano_bert.data`."""
