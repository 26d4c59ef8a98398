"""What every test can ask for."""

import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import jaxtyping
import pytest
import torch

os.environ["HF_HUB_OFFLINE"] = "1"  # transformers is an oracle that needs no network
hypothesis.settings.register_profile("book", deadline=None, database=None, derandomize=True)
hypothesis.settings.load_profile("book")
collect_ignore = ["browser"]  # a browser is not everywhere: these checks are asked for by name
if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)  # `pytest -n auto`: every core has a process of its own


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """`pytest -n auto` gives a page to one process: its examples build on those above them."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)


@pytest.fixture
def as_a_reader() -> Iterator[None]:
    """Switch the shape checks off: a reader runs the package without them and meets its own errors."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)
