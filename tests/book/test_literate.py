"""The runner of the pages: each fault it must catch is planted in a small book, and seen to be caught."""

import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.book.pages import read_page
from tests.book.planted import PAGE, ROOT, Book, copy_machinery
from tests.book.reader import Reader
from tests.book.repl import agrees, mutants, rounded_like

# -- what is collected, and under which names -------------------------------------------------------------------


def test_each_fence_is_an_item_with_a_name_that_survives_when_prose_moves(book: Book) -> None:
    path = book.write("docs/a.md", PAGE)
    before = [item.nodeid for item in book.items()]
    assert before == [f"docs/a.md::{n}" for n in ["rules", "numbers", "setup-1", "use-1", "use-2"]]
    path.write_text("A new beginning.\n\n" * 5 + PAGE.replace("Prose.", "More\n\nprose."), encoding="utf-8")
    assert [item.nodeid for item in book.items()] == before


def test_two_headings_of_the_same_name_give_different_items(book: Book) -> None:
    book.write("docs/a.md", PAGE.replace("## Use", "## Setup"))
    names = [item.name for item in book.items()]
    assert names[2:] == ["setup-1", "setup-2", "setup-3"]


def test_an_item_stands_at_the_line_of_its_first_prompt(book: Book) -> None:
    book.write("docs/a.md", PAGE)
    lines = [item.location[1] for item in book.items()][2:]
    assert [PAGE.splitlines()[line or 0] for line in lines] == [
        '>>> words = ["good", "bad"]',
        ">>> def shout(word):",
        ">>> 1 / len(words)",
    ]


def test_plain_pytest_finds_readme_pages_and_docstrings(book: Book) -> None:
    book.write("README.md", PAGE)
    book.write("docs/deep/a.md", PAGE)
    book.write(
        "nano_bert/m.py", 'class A:\n    def f(self):\n        """F.\n\n        >>> 1 + 1\n        2\n        """\n'
    )
    ids = [item.nodeid for item in book.items()]
    assert ids[4:] == ["README.md::use-2", *(f"docs/deep/a.md::{n}" for n in ["rules", "numbers", "setup-1"]), *ids[8:]]
    assert ids[-1] == "nano_bert/m.py::A.f"
    assert book.counts() == (11, 0)


def test_fences_in_quotes_and_lists_run_too(book: Book) -> None:
    quote = "> [!TIP]\n> ```pycon\n> >>> 1 + 1\n> 2\n>\n> >>> 2 + 2\n> 5\n> ```\n"
    path = book.write("docs/a.md", quote + "\n- item\n\n  ```pycon\n  >>> 3 + 3\n  7\n  ```\n")
    result = book.run()
    result.stdout.fnmatch_lines(["docs/a.md:6: *", "docs/a.md:13: *"])
    assert book.counts("--rewrite") == (4, 0)
    assert [line for line in path.read_text().split("\n") if line[2:] in {"4", "6"}] == ["> 4", "  6"]
    assert book.counts() == (4, 0)


# -- one session a page -----------------------------------------------------------------------------------------


def test_one_block_alone_replays_the_blocks_above_it(book: Book) -> None:
    book.write("docs/a.md", PAGE)
    for name in ["setup-1", "use-1", "use-2"]:
        assert book.counts(f"docs/a.md::{name}") == (1, 0)
    assert book.counts("-k", "use-2") == (1, 0)


def test_pages_share_nothing(book: Book) -> None:
    fence = "```pycon\n>>> import torch\n>>> {}\n```\n"
    book.write("docs/a.md", fence.format("x = torch.set_printoptions(precision=2)\n>>> 5\n5"))
    book.write("docs/b.md", fence.format("x"))
    book.write("docs/c.md", fence.format("_"))
    book.write("docs/d.md", fence.format("torch.tensor(0.123456)\ntensor(0.1235)"))
    result = book.run()
    result.assert_outcomes(passed=10, failed=2)
    result.stdout.fnmatch_lines(["docs/b.md:3: NameError: *", "docs/c.md:3: NameError: *"])


def test_in_a_whole_run_each_block_runs_once(book: Book, tmp_path: Path) -> None:
    log = tmp_path / "log"
    blocks = [f">>> _ = open({str(log)!r}, 'a').write('{k}')" for k in range(4)]
    book.page(*blocks)
    assert book.counts() == (6, 0)
    assert log.read_text() == "0123"


@pytest.mark.parametrize("order", ["3210", "1302", "0022", "2"])
def test_in_any_order_a_block_sees_exactly_the_blocks_above_it(book: Book, order: str) -> None:
    page = read_page(
        book.page(*[f">>> seen = {'seen + ' if k else ''}[{k}]\n>>> seen\n{list(range(k + 1))}" for k in range(4)])
    )
    reader = Reader(ROOT)
    assert [list(reader.check_block(page, int(k))) for k in order] == [[] for _ in order]
    reader.close()


@pytest.mark.parametrize(
    "draw", ["torch.randint(10**9, ()).item()", "random.randint(0, 10**9)", "int(np.random.randint(10**9))"]
)
def test_a_page_that_sets_no_seed_cannot_pass_by_luck(book: Book, draw: str) -> None:
    page = read_page(book.page(f">>> import random, torch, numpy as np\n>>> {draw}\n0"))
    reader, told = Reader(ROOT), set[str]()
    for _ in range(2):
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        told |= {what for _, what in reader.check_block(page, 0)}
    reader.close()
    assert len(told) == 2


def test_a_page_starts_in_the_folder_of_the_project(book: Book) -> None:
    book.page(">>> from pathlib import Path\n>>> Path('docs/page.md').is_file()\nTrue")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(book.root / "docs")
        assert book.counts("page.md") == (3, 0)


@pytest.mark.parametrize(
    ("example", "left"),
    [
        ("from pathlib import Path; _ = Path('model.txt').write_text('x')", "model.txt"),
        ("import os; os.mkdir('runs')", "runs"),
        ("import torch; torch.save({}, 'model.pt')", "model.pt"),  # by a library that is not Python
    ],
)
def test_a_page_leaves_nothing_behind(book: Book, example: str, left: str) -> None:
    book.page(">>> 1\n1", f">>> {example}", ">>> 2\n2")
    result = book.run()
    result.stdout.fnmatch_lines([f"docs/page.md:9: this leaves {left} behind: *"])
    result.assert_outcomes(passed=4, failed=1)  # it is said once, where it happens
    assert not (book.root / left).exists()


def test_what_others_make_meanwhile_is_nobodys_fault(book: Book) -> None:
    """An editor, a second pytest, a reader: the project is not the page's alone."""
    other = [sys.executable, "-c", f"open({str(book.root / 'other.txt')!r}, 'w').close()"]
    book.page(f">>> import subprocess\n>>> subprocess.run({other!r}).returncode\n0", ">>> 1\n1")
    assert book.counts() == (4, 0)
    assert (book.root / "other.txt").exists()


def test_where_links_are_not_allowed_a_page_is_read_in_the_project_itself(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("A required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    book.page(">>> from pathlib import Path\n>>> Path('docs/page.md').is_file()\nTrue")
    assert book.counts() == (3, 0)


# -- what a failure says ----------------------------------------------------------------------------------------


def test_a_failure_names_the_line_and_shows_example_expected_and_got(book: Book) -> None:
    book.write("docs/04-attention.md", PAGE.replace("'GOOD'", "'BAD'"))
    text = book.run().stdout.str()
    message = text[text.index("docs/04-attention.md:19: ") :]
    assert re.match(r".*\nexample:\n    shout\(words\[0\]\)\nexpected:\n    'BAD'\ngot:\n    'GOOD'\n", message)
    assert "repl.py" not in text  # the reader has no use for the stack of the runner


def test_an_exception_is_shown_with_the_lines_it_came_through(book: Book) -> None:
    path = book.page(">>> def half(x):\n...     return x / 0\n>>> half(1)\n0.5\n>>> 7\n8")
    result = book.run()
    result.stdout.fnmatch_lines(
        ["docs/page.md:6: ZeroDivisionError: *", f"*{path}:6: in <module>", f"*{path}:5: in half"]
    )
    result.stdout.fnmatch_lines(["docs/page.md:8: *"])  # and the examples after it still run


@pytest.mark.parametrize(
    ("example", "passes"),
    [
        (">>> [][0]\nTraceback (most recent call last):\n  ...\nIndexError: list index out of range", True),
        (">>> [][0]\nTraceback (most recent call last):\nIndexError: list index out of range", True),
        (">>> [][0]\nTraceback (most recent call last):\n    ...\nIndexError: another message", False),
        (">>> [][0]\nTraceback (most recent call last):\n    ...\nIndexError: ...", False),
        (">>> [][0]\nTraceback (most recent call last):\n    ...\nKeyError: list index out of range", False),
        (">>> [0][0]\nTraceback (most recent call last):\n    ...\nIndexError: list index out of range", False),
        (">>> raise SystemExit(2)\nTraceback (most recent call last):\n    ...\nSystemExit: 2", True),
        (">>> print(1); raise KeyError(2)\n1\nTraceback (most recent call last):\n    ...\nKeyError: 2", True),
        (">>> def f(:", False),
        (">>> x = 1", True),
        (">>> x = 1\n1", False),
        (">>> None", True),
        (">>> 1", False),
        (">>> 3\n3\n>>> _ + 1\n4", True),
        (">>> for k in range(2):\n...     k\n0\n1", True),
        (">>> print('a\\n\\nb')\na\n\nb\n\n>>> 2\n2", True),
        (">>> print('a\\n\\nb')\na\n\nc", False),
        (">>> print(list(range(99)))\n[0, ..., 98]", False),  # no ellipsis
        (">>> __name__\n'__main__'", True),
        (">>> '''a\n... b'''\n'a\\nb'", True),
    ],
)
def test_an_example_is_judged_as_at_the_prompt(book: Book, example: str, passes: bool) -> None:
    book.page(example)
    assert book.counts("-k", "page-1") == (int(passes), int(not passes))


# -- numbers and mutants ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("want", "got", "same"),
    [
        ("0.73", "0.7312", True),
        ("0.73", "0.7251", True),
        ("0.74", "0.7312", False),  # pytest's own NUMBER option accepts this one
        ("0.73", "0.7", False),
        ("0.730", "0.73", False),  # a page may show fewer digits than Python, not more
        ("-0.50", "-0.4951", True),
        ("-0.50", "0.5", False),
        ("0.00", "-0.0001", True),
        ("3", "3.2", False),
        ("3.", "3.2", False),
        ("1.5e-05", "1.5231e-05", True),
        ("1.5e-05", "1.5231e-04", False),
        ("tensor([0.1, 0.2])", "tensor([0.1000, 0.2000])", True),
        ("tensor([0.1, 0.2])", "tensor([0.1000, 0.2000, 0.3000])", False),
        ("tensor([0.1, nan])", "tensor([0.1000, 0.2000])", False),
        ("layer.0.weight 0.5", "layer.1.weight 0.5", False),
        ("[0.1, ...]", "[0.1, 0.2]", False),
        ("a  b", "a b", False),
    ],
)
def test_numbers_compare_to_the_digits_that_are_printed(want: str, got: str, same: bool) -> None:
    assert agrees(want, got) is same


@pytest.mark.parametrize(
    "got", ["0.125", "tensor([[0.9750, -1.0000], [nan, 9.9999]])", "{'good': 3}", "", "True\n\nNone"]
)
def test_every_mutant_of_an_output_is_seen(got: str) -> None:
    assert agrees(got, got)
    changed = list(mutants(got))
    assert len(changed) > len(re.findall(r"\w+", got))
    assert not [mutant for mutant in changed if agrees(mutant, got)]


def test_a_planted_mutant_turns_the_suite_red(book: Book) -> None:
    examples = ">>> {}\n{}\n>>> print('not bad')\n{}"
    book.page(examples.format("2 / 3", "0.67", "not bad"))
    assert book.counts() == (3, 0)
    for number in mutants("0.67"):
        book.page(examples.format("2 / 3", number, "not bad"))
        assert book.counts() == (2, 1), number
    for words in mutants("not bad"):
        book.page(examples.format("2 / 3", "0.67", words))
        assert book.counts() == (2, 1), words


def test_an_output_that_could_be_changed_unnoticed_is_a_fault(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(want: str, got: str) -> bool:
        return want.split() == got.split() or agrees(want, got)

    monkeypatch.setattr("tests.book.reader.mutants", lambda want: [want.replace(" ", "  ")])  # pyright: ignore
    monkeypatch.setattr("tests.book.reader.agrees", careless)
    book.page(">>> print('not bad')\nnot bad")
    book.run().stdout.fnmatch_lines(["docs/page.md:4: nobody would notice if *"])


# -- docstrings -------------------------------------------------------------------------------------------------

MODULE = '''"""A module.

    >>> from math import pi
    >>> pi
    3.14159
"""

LIMIT = 3


class A:
    """A.

    Example:
        >>> 1 + 1
        2

        Prose that is no output.
    """

    def f(self):
        """F.

        >>> LIMIT
        3
        """
'''


def test_a_docstring_example_stands_alone_and_fails_at_its_own_line(book: Book) -> None:
    book.write("nano_bert/m.py", MODULE)
    items = {item.name: item.location[1] for item in book.items("nano_bert/m.py")}
    assert items == {"module": 2, "A": 14, "A.f": 23}
    result = book.run("nano_bert/m.py")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["nano_bert/m.py:24: NameError: *"])  # a reader cannot paste it either
    assert book.counts("nano_bert/m.py::A") == (1, 0)


@pytest.mark.parametrize(
    "docstring",
    [
        '""">>> 1"""',
        '"""F.\n\n    >>> print("a\\\\nb")\n    a\n    b\n    """',
        '"""F.\n\n    >>> x = 1  # doctest: +SKIP\n    """',
        '"""F.\n\n    > >>> 1\n    """',
    ],
)
def test_a_docstring_example_that_would_not_run_is_refused(book: Book, docstring: str) -> None:
    book.write("nano_bert/m.py", f"def f():\n    {docstring}\n")
    book.run("-k", "rules").assert_outcomes(failed=1)


# -- the real command ------------------------------------------------------------------------------------------


OWN_ERROR = """\
Traceback (most recent call last):
    ...
TypeError: unsupported operand type(s) for *: 'NoneType' and 'int'"""


def test_plain_pytest_runs_everything_and_checks_every_shape(tmp_path: Path) -> None:
    copy_machinery(tmp_path)
    (tmp_path / "nano_bert" / "__init__.py").write_text(
        "from jaxtyping import Float\nfrom torch import Tensor\n\n\n"
        'def f(x: Float[Tensor, "a b"]) -> Float[Tensor, "b a"]:\n'
        '    """Turn x.\n\n    >>> 1 + 1\n    3\n    """\n    return x * 1\n'
    )
    examples = [
        "from torch import ones",
        "from nano_bert import f",
        "y = f(ones(2, 2))",
        "y = f(ones(2, 3))",
        "f(None)",
    ]
    (tmp_path / "docs" / "a.md").write_text(
        "\n".join(["```pycon", *(f">>> {line}" for line in examples), OWN_ERROR, "```"])
    )
    (tmp_path / "tests" / "test_a.py").write_text("def test_a():\n    pass\n")
    command = "import pytest, sys; sys.path.pop(0); sys.exit(pytest.main())"  # as `pytest`, which adds no folder
    run = subprocess.run(
        [sys.executable, "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 1, run.stdout + run.stderr
    assert re.search(r"docs/a.md:5: .*\n(.*\n)*.*TypeCheckError", run.stdout)  # its shape lies
    assert "nano_bert/__init__.py:8: " in run.stdout  # the docstring is read, though f is wrapped
    assert "docs/a.md:6: " not in run.stdout  # an error that the page announces is that of the package itself
    assert "2 failed, 3 passed" in run.stdout


def test_what_a_page_switches_off_stays_off_for_that_page_alone(book: Book) -> None:
    book.page(
        ">>> import torch\n>>> _ = torch.set_grad_enabled(False)",
        ">>> torch.is_grad_enabled()\nFalse",
    )
    book.write("docs/z.md", "```pycon\n>>> import torch\n>>> torch.is_grad_enabled()\nTrue\n```\n")
    assert book.counts("docs")[1] == 0
    assert torch.is_grad_enabled()


def test_rounded_like_keeps_the_digits_that_the_page_shows() -> None:
    assert rounded_like("loss 0.69, accuracy 0.500", "loss 0.7149, accuracy 0.48751") == "loss 0.71, accuracy 0.488"
