"""Tests of `nano_bert.tokenizer`."""
