"""`pytest --rewrite` writes what Python answers, and nothing else: no page is ever damaged."""

from pathlib import Path

import pytest

from tests.book.planted import PAGE, Book

WRONG = PAGE.replace("0.5\n", "0.4\n")


def test_rewrite_changes_what_differs_and_nothing_else(book: Book) -> None:
    text = PAGE.replace("0.5\n", "0.4\n").replace("'GOOD'\n", "").replace("2\n```", "2\n>>> 2 / 3\n0.67\n```")
    page = book.write("docs/a.md", text)
    docstring = 'r"""F.\n\n    >>> 2 / 3\n    0.6\n    >>> print("a\\n\\nb")\n    """'
    module = book.write("nano_bert/m.py", f"def f():\n    {docstring}\n\n\ndef g():\n    pass\n")
    result = book.run("--rewrite")
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["rewrote docs/a.md:*", "rewrote nano_bert/m.py:*"])
    assert page.read_text() == PAGE.replace("2\n```", "2\n>>> 2 / 3\n0.67\n```")  # 0.67 was right: it stays
    assert '    0.7\n    >>> print("a\\n\\nb")\n    a\n    <BLANKLINE>\n    b\n    """' in module.read_text()
    assert book.counts() == (6, 0)
    after = page.read_text(), module.read_text()
    assert "rewrote" not in book.run("--rewrite").stdout.str()
    assert (page.read_text(), module.read_text()) == after


def test_rewrite_never_writes_an_exception_that_nobody_announced(book: Book) -> None:
    path = book.page(">>> 1 / 0\n1", ">>> int('1')\nTraceback (most recent call last):\n    ...\nValueError: x")
    before = path.read_text()
    assert book.counts("--rewrite") == (2, 2)
    assert path.read_text() == before


def test_rewriting_is_the_work_of_one_process(book: Book) -> None:
    """Several would write the same page, each with the answers that it has seen."""
    page = book.write("docs/a.md", WRONG)
    result = book.run("--rewrite", "-n", "2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --rewrite writes pages, so it runs in one process: leave -n out"])
    assert page.read_text() == WRONG
    assert book.counts("--rewrite", "-n", "0") == (5, 0)
    assert page.read_text() == PAGE


@pytest.mark.parametrize("name", ["docs/page.md", "nano_bert/m.py"])
def test_a_page_that_was_edited_while_it_was_read_is_left_as_it_is(book: Book, name: str) -> None:
    edit = f">>> with open({name!r}, 'a') as file:\n    ...     _ = file.write('# More.')\n    ...\n"
    text = f'"""A.\n\n    {edit}    >>> 1\n    2\n    """\n'
    page = book.write(
        name, text if name.endswith(".py") else f"- A\n\n    ```pycon\n    {edit}    >>> 1\n    2\n    ```\n"
    )
    before = page.read_text()
    result = book.run("--rewrite", name)
    assert page.read_text() == before + "# More."
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"{name} was edited while it was read: nothing is written, rewrite it again"])
    assert "rewrote" not in result.stdout.str()


def test_a_page_is_written_as_a_whole_or_not_at_all(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    page = book.write("docs/a.md", WRONG)
    page.chmod(0o640)

    def die(*_: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        book.run("--rewrite")
    assert page.read_text() == WRONG
    assert [path.name for path in page.parent.iterdir()] == ["a.md"]
    book.run("--rewrite")
    assert page.read_text() == PAGE
    assert page.stat().st_mode & 0o777 == 0o640
