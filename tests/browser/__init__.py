"""The book in a real browser: `pytest tests/browser/check_*.py`, with the extra "browser"."""
