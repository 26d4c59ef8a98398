"""The built book and a browser, one of each for all checks of a run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.site import build, chromium, serve


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built book."""
    return build(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def book(folder: Path) -> Iterator[str]:
    """The address of the book, which ends in a slash."""
    with serve(folder) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened
