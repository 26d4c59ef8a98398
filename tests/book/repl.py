"""Runs one example as the Python prompt would, and compares what it prints with what the page says."""

import ast
import contextlib
import io
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import jaxtyping

from tests.book.pages import Example

HEADER = "Traceback (most recent call last):\n"
NUMBER = re.compile(r"(?<![\w.])[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?!\w)")


@dataclass
class Answer:
    """What came out of an example."""

    example: Example
    got: str
    error: str | None = None  # the exception that ended it, if one did
    places: Sequence[str] = ()  # the lines that the exception passed through, outermost first

    @property
    def surprise(self) -> bool:
        """Whether it raised where the page announces no exception, or did not where the page announces one."""
        return (self.error is not None) != (HEADER in self.example.want)

    @property
    def right(self) -> bool:
        """Whether the page says what happens."""
        return agrees(self.example.want, self.got)


def answer(example: Example, namespace: dict[str, Any], filename: str) -> Answer:
    """Run `example`, compiled with the page's own path and line, so that a breakpoint in the page is hit."""
    printed = io.StringIO()
    failed, places = None, list[str]()

    def echo(value: object) -> None:  # what the prompt does with the value of an expression
        if value is not None:
            namespace["_"] = value
            print(repr(value))

    usual, sys.displayhook = sys.displayhook, echo
    unchecked = jaxtyping.config.jaxtyping_disable
    if HEADER in example.want:  # the reader meets the package's own error, not that of the shape checks in the tests
        jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with contextlib.redirect_stdout(printed):
            tree = ast.parse(example.source, filename, mode="single")
            ast.increment_lineno(tree, example.line - 1)
            exec(compile(tree, filename, "single", dont_inherit=True), namespace)
    except (Exception, SystemExit) as error:
        said = traceback.format_exception_only(type(error), error)
        failed = said[-1].strip() if isinstance(error, SyntaxError) else "".join(said).strip()
        printed.write(f"{HEADER}    ...\n{failed}")
        frames = traceback.extract_tb(error.__traceback__)
        ours = {__file__, ast.__file__}
        places = [f"{f.filename}:{f.lineno}: in {f.name}" for f in frames if f.filename not in ours]
    finally:
        sys.displayhook = usual
        jaxtyping.config.update("jaxtyping_disable", unchecked)
    got = "\n".join(line.rstrip() for line in printed.getvalue().split("\n")).rstrip()
    return Answer(example, got, failed, places)


def agrees(want: str, got: str) -> bool:
    """Whether the output is the expected one: word for word, each number rounded to the digits shown.

    Stricter than pytest's NUMBER option, which lets a whole unit of the last digit pass (0.74 for 0.731) and
    would not see that someone changed that digit. `...` is no wildcard, except for the stack of a traceback.
    """
    want = re.sub(re.escape(HEADER) + r"(?:[ \t]*\.\.\.\n)?", lambda _: HEADER + "    ...\n", want)
    return rounded_like(want, got) == want


def rounded_like(want: str, got: str) -> str:
    """`got`, with each decimal number rounded to as many digits as its partner in `want` shows."""
    wanted = NUMBER.findall(want)
    if len(wanted) != len(NUMBER.findall(got)):
        return got
    partners = iter(wanted)
    return NUMBER.sub(lambda match: _rounded(match.group(), next(partners)), got)


def _rounded(number: str, like: str) -> str:
    if "." not in like or like.endswith(".") or _digits(number) <= _digits(like):
        return number  # whole numbers, and numbers that are not longer than the page's, are compared as they stand
    nearest = Decimal(number).quantize(Decimal(like))
    if nearest == Decimal(like):
        return like
    return number if "e" in like.lower() else f"{nearest:f}"


def _digits(number: str) -> int:
    """The place of the last digit behind the point, 2 for 0.73 and 4 for 1.23e-2."""
    return -int(Decimal(number).as_tuple().exponent)


def mutants(want: str) -> Iterator[str]:
    """Wrong versions of an expected output: each number, each word and each line changed in turn."""
    for token in re.finditer(r"\d+(?=\D|$)|[^\W\d_]+", want):
        last = want[token.end() - 1]
        other = str((int(last) + 1) % 10) if last.isdigit() else chr(ord(last) ^ 1)
        yield want[: token.end() - 1] + other + want[token.end() :]
    lines = want.split("\n")
    for k in range(len(lines)):
        if lines[k].strip(" ."):
            yield "\n".join(lines[:k] + lines[k + 1 :])
    yield want + "\nmore"
