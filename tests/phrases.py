"""Artificial phrases to train on in a test, drawn once for all tests of a process; nobody is to change them."""

from functools import cache

from nano_bert.data import Corpus, load_phrases


@cache
def phrases(n: int = 100) -> Corpus:
    """Return n phrases: eight tenths to train on, a tenth to validate, a tenth to test."""
    return load_phrases(n)
