"""What the tests of the pages can ask for."""

import pytest

from tests.book.planted import Book


@pytest.fixture
def book(pytester: pytest.Pytester) -> Book:
    """A small book, empty as yet."""
    return Book(pytester)
