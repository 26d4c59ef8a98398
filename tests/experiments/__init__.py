"""Tests of `nano_bert.experiments`."""
