"""A file of a reader's own is checked, whatever it is: unfinished, with a mark at its beginning, or asynchronous."""

import matplotlib as mpl
import pytest

from tests.book import figures
from tests.book.planted import Book

ONE = 'def one():\n    """Give one.\n\n    >>> one()\n    1\n    """\n    return 1\n'


def test_an_unfinished_exercise_fails_alone_and_at_its_own_line(book: Book) -> None:
    book.write("exercises/broken.py", "def two():\n    return 2 *\n")
    book.write("exercises/one.py", ONE)
    result = book.run("exercises")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["exercises/broken.py:2: SyntaxError: *"])
    assert "literate.py" not in result.stdout.str()


def test_an_exercise_that_cannot_be_run_fails_at_its_own_line(book: Book) -> None:
    book.write("exercises/one.py", f"{ONE}\n\nhalf = 1 / 0\n")
    result = book.run("exercises")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["exercises/one.py:10: ZeroDivisionError: *"])


@pytest.mark.parametrize(
    "text", [ONE, "\ufeff" + ONE, ONE.replace("one()\n    1", "one().close()").replace("def", "async def", 1)]
)
def test_an_exercise_uses_what_its_file_defines(book: Book, text: str) -> None:
    book.write("exercises/one.py", text)
    assert book.counts("exercises") == (1, 0)
    book.write("exercises/one.py", text.replace(">>> ", ">>> assert 1 == 2, "))
    assert book.counts("exercises") == (0, 1)


def test_a_matplotlibrc_of_the_readers_own_changes_no_figure(book: Book) -> None:
    book.write(
        "docs/a.md",
        "```pycon\n>>> import matplotlib.pyplot as plt\n>>> _ = plt.plot([1, 2])\n```\n\n![A line](figures/a.svg)\n",
    )
    assert book.counts("--rewrite")[1] == 0
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 30, "axes.grid": True}):
        assert book.counts() == (4, 0)
        with figures.style():
            assert mpl.rcParams["font.size"] == 10
        assert mpl.rcParams["font.size"] == 30
