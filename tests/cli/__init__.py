"""Tests of `nano_bert.cli`."""
