"""With several processes, each page is read by one of them, the longest are begun first, and nothing is lost."""

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.book.planted import ROOT, Book, copy_machinery
from tests.book.shares import SECONDS, LongestFirst, scope_of, seconds


class Worker:
    """A process that is told what to run, and runs it when the test says so."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.shutting_down = False
        self.todo, self.done = list[int](), list[int]()

    def send_runtest_some(self, indices: list[int]) -> None:
        self.todo += indices

    def shutdown(self) -> None:
        self.shutting_down = True

    @property
    def ready(self) -> bool:
        """A worker of xdist begins an item when it knows the next one, or that there is none."""
        return len(self.todo) > 1 or bool(self.todo and self.shutting_down)


def work(items: list[str], n_workers: int, choose: Callable[[list[Any]], Any]) -> list[Worker]:
    """Run the items; who of those that are ready goes on is chosen each time."""
    option = SimpleNamespace(loadscopereorder=True)
    config: Any = SimpleNamespace(getvalue=lambda _: ["popen"] * n_workers, option=option)
    scheduler = LongestFirst(config)
    workers: list[Any] = [Worker(f"gw{k}") for k in range(n_workers)]
    for worker in workers:
        scheduler.add_node(worker)
        scheduler.add_node_collection(worker, items)
    scheduler.schedule()
    while ready := [worker for worker in workers if worker.ready]:
        worker = choose(ready)
        item = worker.todo.pop(0)
        worker.done.append(item)
        scheduler.mark_test_complete(worker, item)
    assert scheduler.tests_finished
    return workers


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.integers(1, 4), st.data())
def test_whoever_is_quick_each_item_runs_once_and_each_page_in_one_process(
    sizes: list[int], n_workers: int, data: st.DataObject
) -> None:
    items = [f"docs/{page}.md::use-{k}" for page, size in enumerate(sizes) for k in range(size)]
    workers = work(items, n_workers, lambda ready: data.draw(st.sampled_from(ready)))
    assert sorted(item for worker in workers for item in worker.done) == list(range(len(items)))
    for page in range(len(sizes)):
        own = {k for k, item in enumerate(items) if scope_of(item) == f"docs/{page}.md"}
        [reader] = [worker for worker in workers if own & set(worker.done)]
        assert [k for k in reader.done if k in own] == sorted(own), "from the top of the page"


@pytest.mark.parametrize(
    ("item", "scope"),
    [
        ("docs/a.md::use-1", "docs/a.md"),
        ("nano_bert/m.py::A.f", "nano_bert/m.py"),
        ("tests/test_a.py::test_one[a::b]", "tests/test_a.py"),
        ("tests/test_a.py::TestA::test_one", "tests/test_a.py"),
        ("tests/test_a.py::test_one[a]@real weights", "@real weights"),  # by the mark xdist_group
        ("tests/test_a.py::test_one[a@b]", "tests/test_a.py"),
    ],
)
def test_a_file_stays_together_unless_a_mark_says_otherwise(item: str, scope: str) -> None:
    assert scope_of(item) == scope


def test_the_longest_are_begun_first() -> None:
    longest = max(SECONDS, key=lambda name: SECONDS[name])
    items = ["tests/test_none.py::test_one", *(f"docs/none.md::use-{k}" for k in range(3)), f"{longest}::test_one"]
    [worker] = work(items, 1, lambda ready: ready[0])
    assert worker.done == [4, 1, 2, 3, 0]


def test_what_is_said_to_be_long_exists() -> None:
    assert [name for name in SECONDS if not (ROOT / name).is_file()] == []
    assert seconds("docs/none.md", 3) < min(SECONDS.values())


BLOCK = """\
```pycon
>>> import os
>>> with open({!r}, "a") as file:
...     _ = file.write(f"{{os.getpid()}} ")
...
```
"""
TESTS = """\
import pytest


@pytest.mark.xdist_group("together")
def test_one():
    pass


def test_two():
    pass
"""


def test_pages_alone_are_shared_out_by_pages_too(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the project as it is, with our settings and our conftest.py, and no tests but one file of them."""
    copy_machinery(book.root)
    for name in "abc":
        book.write(f"docs/{name}.md", BLOCK.format(str(book.root / name)) * 4)
    book.write("tests/test_a.py", TESTS)
    for name in [name for name in os.environ if "XDIST" in name]:  # this may run in such a process itself
        monkeypatch.delenv(name)
    unchecked = "--jaxtyping-packages="  # which have been imported here already
    book.pytester.runpytest_inprocess("-n", "2", unchecked, "docs", "tests/test_a.py").assert_outcomes(passed=20)
    for name in "abc":
        processes = (book.root / name).read_text().split()
        assert len(processes) == 4
        assert len(set(processes)) == 1
