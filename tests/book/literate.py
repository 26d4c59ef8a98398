"""The pytest plugin that makes every page a test.

    pytest                                     every example of README.md, docs/ and nano_bert/, and all of tests/
    pytest docs/04-attention.md                one page
    pytest "docs/04-attention.md::a-head-2"    the second block under the heading "A head", after those above it
    pytest --rewrite                           after a wanted change: writes the new outputs and figures

A page has one test item for each ```pycon fence and one for each figure, and two that judge it as a whole:
`rules` (how fences, prompts and images are written) and `numbers` (a result in prose must come from somewhere).
A module has one item for each docstring with examples, and so has a file of a reader's own in the folder exercises/.

The parts: pages.py reads what stands on a page, reader.py and repl.py run it in a workplace.py of its own, figures.py
compares drawings, guards.py judges prose and site, shares.py shares the work out, shapes.py checks each call. None of
them imports nano_bert, which jaxtyping must wrap first.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from tests.book import guards
from tests.book.pages import Block, Page, read_docstrings, read_page
from tests.book.reader import Reader

READER = pytest.StashKey[Reader]()
Check = Callable[[], Iterable[tuple[int, str]]]  # gives (line, what is wrong there)


class PageFaultError(Exception):
    """What is wrong on a page, as the text that the reader of the test report sees."""


class PageItem(pytest.Item):
    """One check of a page, which stands at a line of it."""

    def __init__(self, *, line: int, check: Check, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.line, self.check = line, check

    def runtest(self) -> None:
        shown = self.nodeid.partition("::")[0]
        faults = [f"{shown}:{line}: {what}" for line, what in self.check()]
        if faults:
            raise PageFaultError("\n\n".join(faults))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        told = isinstance(excinfo.value, PageFaultError)
        return str(excinfo.value) if told else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.line - 1, self.name  # pytest counts lines from 0; editors put a button there


class PageFile(pytest.File):
    """A Markdown page."""

    def collect(self) -> Iterator[PageItem]:
        page = read_page(self.path)
        yield self._item("rules", 1, lambda: page.faults)
        yield self._item("numbers", 1, partial(guards.check_numbers, page, self.config.rootpath))
        yield from self._steps(page)

    def _steps(self, page: Page) -> Iterator[PageItem]:
        reader = self.config.stash[READER]
        for index, step in enumerate(page.steps):
            check = reader.check_block if isinstance(step, Block) else reader.check_figure
            yield self._item(step.name, step.line, partial(check, page, index))

    def _item(self, name: str, line: int, check: Check) -> PageItem:
        return PageItem.from_parent(self, name=name, line=line, check=check)


class DocstringFile(PageFile):
    """A module of the package: each docstring with examples is a page of its own, which stands alone."""

    def collect(self) -> Iterator[PageItem]:
        faults = list[tuple[int, str]]()
        for page in read_docstrings(self.path):
            faults += page.faults
            yield from self._steps(page)
        if faults:
            yield self._item("rules", 1, lambda: faults)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite",
        action="store_true",
        help="write expected outputs and figures of the pages and docstrings anew where they differ",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("dist", "no") != "no":
        if config.getoption("--rewrite"):
            raise pytest.UsageError("--rewrite writes pages, so it runs in one process: leave -n out")
        if config.option.dist == "load":  # what `-n` stands for, if nobody has said how
            config.option.dist = "loadgroup"  # the workers then write the mark xdist_group behind a name, for shares.py
    mpl.use("Agg")  # no windows
    config.stash[READER] = Reader(config.rootpath, rewrite=bool(config.getoption("--rewrite")))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> PageFile | None:
    if file_path.suffix == ".md":
        return PageFile.from_parent(parent, path=file_path)
    examined = (parent.config.rootpath / folder for folder in ("nano_bert", "exercises"))
    if file_path.suffix == ".py" and any(folder in file_path.parents for folder in examined):
        return DocstringFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share pages and tests out to several processes, unless somebody has said how with --dist."""
    if config.option.dist != "loadgroup":
        return None
    from tests.book.shares import LongestFirst

    return LongestFirst(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    reader = session.config.stash[READER]
    reader.write()
    if reader.in_the_way:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for path, line in config.stash[READER].rewritten:
        terminalreporter.write_line(f"rewrote {path.relative_to(config.rootpath).as_posix()}:{line}")
    for path in config.stash[READER].in_the_way:
        name = path.relative_to(config.rootpath).as_posix()
        terminalreporter.write_line(f"{name} was edited while it was read: nothing is written, rewrite it again")


def pytest_unconfigure(config: pytest.Config) -> None:
    if reader := config.stash.get(READER, None):  # there is none if the options were wrong
        reader.close()
