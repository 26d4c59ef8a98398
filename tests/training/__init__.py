"""Tests of `nano_bert.training`."""
