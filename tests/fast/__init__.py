"""Tests of `nano_bert.fast`."""
