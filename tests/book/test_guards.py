"""Nothing on a page escapes: every fence and prompt runs or is refused, and every result has a source."""

import json
from pathlib import Path

import pytest

from tests.book.guards import check_site, prompts_shown
from tests.book.planted import PAGES, ROOT, Book


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("```python\nx = 1\n```\n", 1),
        ("```py\nx = 1\n```\n", 1),
        ("```\nx = 1\n```\n", 1),
        ("~~~ {.python}\nx = 1\n~~~\n", 1),
        ("``` pycon\n>>> 1\n1\n```\n", 1),  # one spelling only
        ('```pycon title="x"\n>>> 1\n1\n```\n', 1),
        ("Text.\n\n```pycon\n>>> 1\n1\n", 3),  # never closed
        ("> ```pycon\n> >>> 1\n> 1\n\nThe quote has ended.\n", 4),
        ("- ```pycon\n  >>> 1\n  1\n  ```\n", 1),
        ("```pycon\n1\n```\n", 2),
        ("```pycon\n```\n", 1),
        ("```pycon\nstray\n>>> 1\n1\n```\n", 2),
        ("```text\n>>> 1\n```\n", 2),
        ("```bash\n> >>> 1\n```\n", 2),
        ("    >>> 1\n    1\n", 1),
        ("> >>> 1\n", 1),
        ("```pycon\n>>>1\n```\n", 2),
        ("```pycon\n>>> 1  # doctest: +SKIP\n1\n```\n", 2),
        ("```pycon\n>>> for x in [1]:\n...     x\n1\n```\n", 2),  # pasted, it would wait for one more line
    ],
)
def test_what_would_be_skipped_silently_is_refused(book: Book, text: str, line: int) -> None:
    book.write("docs/a.md", text)
    result = book.run("docs/a.md::rules")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"docs/a.md:{line}: *"])


@pytest.mark.parametrize(
    "text", ["```bash\npytest\n```\n", "````text\n```python\n````\n", "Type `>>>`, as in a REPL.\n", ""]
)
def test_other_languages_and_prose_are_fine(book: Book, text: str) -> None:
    book.write("docs/a.md", text)
    assert book.counts() == (2, 0)


PROSE = """\
It has {}.

```pycon
>>> accuracy, rate = 0.88349, 0.1
>>> accuracy
0.883
>>> n_reviews, n_long, ids = 161, 20_000, [12, 1030]
```
"""


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("0.883", True),
        ("0.88349", True),
        ("88.3 %", True),
        ("88%", True),
        ("88 per cent", True),
        ("$88.3\\%$", True),
        ("a rate of 0.1", True),
        ("| 0.883 | 0.88 |", True),
        ("25 words in 3 seconds", True),
        ("161 reviews, of which 20,000 or 20000 are long, with ids 12, 1030", True),
        ("written in 1969, and (Devlin et al., 2019, p. 4171)", False),
        ("written in 1969 (Devlin et al., 2019)", True),
        ("port:29400, `first-100`, 2024-11, 100-fold, x100, a1000, #1000", True),
        ("171/20,000 of them", False),
        ("from 100 to 171", False),
        ("add 100", True),
        ("171 reviews", False),
        ("1161 reviews", False),
        ("2,048 words", False),
        ("20,001 reviews", False),
        ("$n = 161$ of **162**", False),
        ("Python 3.10 to 3.13, torch>=2.4, version 1.4.1 and [section 3.2](https://x.org/1.5)", True),
        ("arXiv:1810.04805, doi 10.18653/v1/N19-1423", True),
        ("[tf-idf](https://doi.org/10.1016/0306-4573(88)90021-0)", True),
        ("0.884", False),
        ("0.8836", False),
        ("89 %", False),
        ("88.4%", False),
        ("89 percent", False),
        ("| 0.883 | 0.91 |", False),
        ("`0.884`", False),
        ("$x = 0.884$", False),
        ("**0.884**", False),
        ("a loss of 2.5e-3", False),
        ("\n\n```text\naccuracy 0.884\n```\n", False),  # typed by hand as well
    ],
)
def test_a_result_in_prose_stands_in_an_example_of_the_page(book: Book, said: str, passes: bool) -> None:
    book.write("docs/a.md", PROSE.format(said))
    assert book.counts("docs/a.md::numbers") == (int(passes), int(not passes))


def test_a_result_in_prose_may_stand_in_a_run_record(book: Book) -> None:
    book.write("docs/a.md", "# A\n\nThe model has 88.3 % (± 0.2 %), with a rate of 0.02.\n")
    assert book.counts("-k", "numbers") == (0, 1)
    record = {"test": {"accuracy": [0.88341, 0.00243]}, "rate": 0.02, "history": [{"accuracy": 0.7519}]}
    book.write("docs/results/imdb.json", json.dumps(record))
    assert book.counts("-k", "numbers") == (1, 0)
    book.write("docs/a.md", "# A\n\nAfter an epoch it has 75.2 %.\n")  # of a history, nearly any number is true
    result = book.run("-k", "numbers")
    result.stdout.fnmatch_lines(["docs/a.md:3: 75.2 % looks like a result, *"])


def test_the_allow_list_needs_a_reason_and_a_use(book: Book) -> None:
    book.write("docs/a.md", "# A\n\nBERT reached 93.2 % there.\n")
    for listed, passes in [
        ({"93.2 %": "F1 on SQuAD, Devlin et al. 2019, table 2"}, True),
        ({"93.2 %": ""}, False),
        ({"93.2 %": "Devlin et al. 2019", "0.5": "no longer said"}, False),
        ({}, False),
    ]:
        book.write("tests/allowed_numbers.json", json.dumps({"docs/a.md": listed}))
        assert book.counts("docs/a.md::numbers") == (int(passes), int(not passes))


def test_a_few_numbers_may_be_said_everywhere(book: Book) -> None:
    book.write("docs/a.md", "# A\n\nBERT is 768 wide, and has 30,522 tokens.\n")
    for listed, passes in [({}, False), ({"768": "its width"}, False), ({"768": "width", "30,522": "tokens"}, True)]:
        book.write("tests/allowed_numbers.json", json.dumps({"*": listed}))
        assert book.counts("docs/a.md::numbers") == (int(passes), int(not passes))


def test_the_allow_list_names_pages_that_exist() -> None:
    file = ROOT / "tests" / "allowed_numbers.json"
    listed = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    assert set(listed) - {"*"} <= {page.relative_to(ROOT).as_posix() for page in PAGES}


SITE = """\
site_name: A book
theme: {name: material, font: false}
plugins: []
markdown_extensions: [pymdownx.superfences, pymdownx.highlight]
"""


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("```pycon\n>>> 1\n1\n\n>>> for k in []:\n...     k\n```\n\n> ```pycon\n> >>> 2\n> 2\n> ```\n", 0),
        ("Text.\n\n    ```pycon\n    >>> 1\n    1\n    ```\n", 1),  # the site shows this as text with backticks
        ("<!--\n```pycon\n>>> 1\n1\n```\n-->\n", 1),  # nobody can see what the tests run here
    ],
)
def test_the_site_shows_each_example_that_is_run(tmp_path: Path, text: str, faults: int) -> None:
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "mkdocs.yml").write_text(SITE)
    (tmp_path / "docs" / "index.md").write_text("# A book\n\n```pycon\n>>> 1\n1\n```\n")
    (tmp_path / "docs" / "deep" / "a.md").write_text(text)
    assert len(list(check_site(tmp_path / "mkdocs.yml", tmp_path / "site"))) == faults


def test_prompts_of_the_embedded_api_are_counted_apart() -> None:
    prompt = '<span class="gp">&gt;&gt;&gt; </span>'
    assert prompts_shown(f"<div>{prompt}<div class='doc x'><div>{prompt}</div>{prompt}</div></div>{prompt}") == 2
