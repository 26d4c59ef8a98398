"""A reader: opens a page, reads it from the top at the Python prompt, and finds what is not as the page says."""

import os
import random
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch

from tests.book import figures
from tests.book.pages import Block, Figure, Page, read_page
from tests.book.points import points_of, read_points, same_points, write_points
from tests.book.repl import Answer, agrees, answer, mutants, rounded_like
from tests.book.workplace import Workplace, write_whole

Faults = Iterator[tuple[int, str]]  # the line in the page, and what is wrong there


class Reader:
    """One reader with one page open. Going back, or to another page, starts a new session at the prompt."""

    def __init__(self, root: Path, rewrite: bool = False) -> None:
        self.root, self.rewrite = root, rewrite
        self.rewritten: list[tuple[Path, int]] = []
        self.in_the_way: list[Path] = []  # what could not be rewritten, since somebody else has edited it meanwhile
        self._edits: dict[tuple[Path, str], dict[int, tuple[slice, list[str]]]] = {}  # for a file as it was read
        self._page: Page | None = None
        self._workplace: Workplace | None = None
        self._read: list[list[Answer]] = []  # the answers of each step that has been read
        self._left: list[list[str]] = []  # what each of them has left behind
        self._drawn: str | None = None  # the figure that stood open at the last image, as SVG
        self._points: dict[str, Any] | None = None  # what it showed, if it was one in space
        self._namespace: dict[str, Any] = {}
        self._broken: tuple[int, str] | None = None  # where a file of the reader's own cannot even be run, and why
        self._learns = True  # whether the page, where it stands, keeps gradients

    def check_block(self, page: Page, index: int) -> Faults:
        """Run the block that is step `index` of the page; the faults are the examples that answer something else.

        The right ones are checked for mutants: whatever is changed in an expected output, it must be seen.
        """
        self._read_on(page, index)
        if self._broken:
            yield self._broken
            return
        for name in self._left[index][:1]:
            yield page.steps[index].line, f"this leaves {name} behind: save into a tempfile.TemporaryDirectory()"
        for given in self._read[index]:
            if given.right:
                for mutant in mutants(given.example.want):
                    if agrees(mutant, given.got):
                        yield given.example.line, f"nobody would notice if this output were changed to:\n{mutant}"
            elif self.rewrite and not given.surprise:
                self._rewrite_output(page, given)
            else:
                yield given.example.line, _told(given)

    def check_figure(self, page: Page, index: int) -> Faults:
        """Compare the figure that the examples above it (or in the fold below) have drawn with the committed file."""
        step = page.steps[index]
        assert isinstance(step, Figure)
        file = page.path.parent / step.target
        if step.link:  # the page that the image leads to draws it, and is tested there
            if file.resolve() not in _drawn_on(page.path.parent / step.link.partition("#")[0]):
                yield step.line, f"{step.link} draws no {step.target}, though the image links to it as its source"
            return
        self._read_on(page, index)
        committed = file.read_text(encoding="utf-8") if file.is_file() else None
        if self._drawn is None:
            yield step.line, f"no example above draws {step.target}, and no fold below: no figure is open here"
            return
        found = figures.difference(committed, self._drawn) if committed else "it does not exist"
        if found and self.rewrite:
            write_whole(file, self._drawn)
            self.rewritten.append((file, 1))
        elif found:
            yield step.line, f"{step.target} is not what the examples draw: {found} (`pytest --rewrite` saves it)"
        yield from self._check_points(step)

    def _check_points(self, step: Figure) -> Faults:
        """Compare a figure in space with the one that the site lets its reader turn."""
        name = Path(step.target).name
        file = self.root / "docs" / "assets" / "points-data.js"
        if self._points is None or same_points(read_points(file).get(name), self._points):
            return
        if self.rewrite:
            write_points(file, name, self._points)
            self.rewritten.append((file, 1))
        else:
            yield step.line, f"{name} in {file.name} is not what the examples draw (`pytest --rewrite` saves it)"

    def write(self) -> None:
        """Write the new outputs into their files, from the bottom up so that the lines above stay right."""
        for (path, text), edits in sorted(self._edits.items()):
            if path.read_text(encoding="utf-8") != text:
                self.in_the_way.append(path)
                continue
            lines = text.split("\n")
            for _, (place, new) in sorted(edits.items(), reverse=True):
                lines[place] = new
            write_whole(path, "\n".join(lines))
            self.rewritten += [(path, line) for line in sorted(edits)]

    def close(self) -> None:
        """Forget the page, its figures and what it has left behind."""
        self._page = None
        if self._workplace:
            self._workplace.close()
            self._workplace = None
        plt.close("all")

    def _open(self, page: Page) -> Workplace:
        """Start as a fresh prompt would: nothing of another page is left, and nobody has set a seed yet."""
        self.close()
        self._page, self._read, self._left, self._namespace = page, [], [], {"__name__": "__main__"}
        self._workplace = Workplace(self.root)
        random.seed()
        np.random.seed()
        torch.seed()
        torch.set_printoptions(profile="default")
        torch.set_default_dtype(torch.float32)
        self._learns = True
        self._broken = self._run_exercise(page)
        return self._workplace

    def _run_exercise(self, page: Page) -> tuple[int, str] | None:
        """A docstring in exercises/ may use what its file defines; one of the package shows what is to be imported."""
        if page.path.suffix != ".py" or self.root / "exercises" not in page.path.parents:
            return None
        self._namespace["__name__"] = page.path.stem
        self._namespace["__file__"] = str(page.path)
        try:
            exec(compile(page.text.removeprefix("\ufeff"), str(page.path), "exec", dont_inherit=True), self._namespace)
        except (Exception, SystemExit) as error:
            frames = traceback.extract_tb(error.__traceback__)
            line = next((f.lineno for f in reversed(frames) if f.filename == str(page.path)), None) or 1
            return line, "".join(traceback.format_exception_only(type(error), error)).strip()
        return None

    def _read_on(self, page: Page, index: int) -> None:
        """Read step `index`, after the steps above it that have not been read."""
        if self._page is not page or self._workplace is None or len(self._read) > index:
            workplace = self._open(page)
        else:
            workplace = self._workplace
        here = Path.cwd()
        os.chdir(workplace.path)  # a reader starts Python in the project
        torch.set_grad_enabled(self._learns)
        try:
            with figures.style():
                for step in page.steps[len(self._read) : index + 1]:
                    self._read.append(self._read_step(page, step))
                    self._left.append(workplace.left())
        finally:
            os.chdir(here)
            self._learns = torch.is_grad_enabled()
            torch.set_grad_enabled(True)  # what a page switches off stays off for that page alone

    def _read_step(self, page: Page, step: Block | Figure) -> list[Answer]:
        if isinstance(step, Block):
            return [answer(example, self._namespace, str(page.path)) for example in step.examples]
        if not step.link:
            self._points = points_of(plt.gcf()) if plt.get_fignums() else None
            self._drawn = figures.draw()
            plt.close("all")  # no other image may claim this figure
        return []

    def _rewrite_output(self, page: Page, given: Answer) -> None:
        example = given.example
        lines = rounded_like(example.want, given.got).split("\n") if given.got else []
        if page.path.suffix == ".py":  # a blank line would end the output in a docstring
            lines = [line or "<BLANKLINE>" for line in lines]
        new = [(example.prefix + line).rstrip() for line in lines]
        self._edits.setdefault((page.path, page.text), {})[example.line] = (example.want_lines, new)


def _drawn_on(page: Path) -> list[Path]:
    """The files of the figures that a page draws itself."""
    steps = read_page(page).steps if page.is_file() else []
    return [(page.parent / step.target).resolve() for step in steps if isinstance(step, Figure) and not step.link]


def _told(given: Answer) -> str:
    """What happened and what should have, in the words of the page."""
    if given.error and given.surprise:
        head = given.error.splitlines()[-1]
    else:
        head = "the example prints something else than the page says"
    parts = {
        "example": given.example.source.rstrip(),
        "expected": given.example.want or "(nothing)",
        "got": given.got or "(nothing)",
        "by way of": "\n".join(given.places) if given.surprise else "",
    }
    return "\n".join([head, *(f"{name}:\n" + _indented(text) for name, text in parts.items() if text)])


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.split("\n"))
