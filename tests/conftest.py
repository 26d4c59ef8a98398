"""What every test can ask for."""

import os
from collections.abc import Iterator

import hypothesis
import jaxtyping
import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # transformers is an oracle that needs no network
hypothesis.settings.register_profile("book", deadline=None, database=None, derandomize=True)
hypothesis.settings.load_profile("book")
collect_ignore = ["browser"]  # a browser is not everywhere: these checks are asked for by name


@pytest.fixture
def as_a_reader() -> Iterator[None]:
    """Switch the shape checks off: a reader runs the package without them and meets its own errors."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)
