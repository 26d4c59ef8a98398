"""The book as a whole: every chapter has its parts, every exercise a solution, every name of the API a place."""

import ast
import html
import json
import re
from pathlib import Path

import pytest

from tests.book.test_site import site

__all__ = ["site"]  # the fixture: the book, built

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CHAPTERS = sorted(DOCS.glob("[0-9][0-9]-*.md"))
KINDS = ("By hand", "REPL", "Your file", "Shell", "Open")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """What stands under a heading of the second level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert found, f"there is no section {title!r}"
    return found[1]


def test_there_are_fourteen_chapters_in_order() -> None:
    assert [int(path.name[:2]) for path in CHAPTERS] == list(range(1, 15))
    for path in CHAPTERS:
        assert re.match(rf"# {int(path.name[:2])}\. \S", text_of(path)), path.name


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_has_its_parts(path: Path) -> None:
    text = text_of(path)
    assert re.search(r"^\*[^*]+\?\*$", text, re.M), "its question stands in italics"
    assert "**Predict.**" in text
    assert text.count("<summary>Open the answer</summary>") >= text.count("**Predict.**") >= 1
    assert re.search(r"`tests/(?:\w+/)?test_\w+\.py::test_\w+", section(text, "Break it")), "Break it names the test"
    assert "https://" in section(text, "What the papers say")
    assert "::: nano_bert" in section(text, "The code")
    number, last = int(path.name[:2]), text.rstrip().rsplit("\n", 1)[-1]
    for neighbour in CHAPTERS[max(number - 2, 0) : number - 1] + CHAPTERS[number : number + 1]:
        assert f"({neighbour.name})" in last, f"the last line leads to {neighbour.name}"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_exercise_has_a_solution_behind_a_click(path: Path) -> None:
    exercises = section(text_of(path), "Exercises")
    numbers = re.findall(r"^(\d+)\. \*\*([\w ]+)\b.*?\*\*", exercises, re.M)
    assert [int(number) for number, _ in numbers] == list(range(1, len(numbers) + 1))
    assert 3 <= len(numbers) <= 6
    kinds = {next((kind for kind in KINDS if words.startswith(kind)), words) for _, words in numbers}
    assert kinds <= set(KINDS)
    assert {"REPL", "Your file", "Open"} <= kinds, "one in the REPL, one in a file of the reader's own, one open"
    assert f"(solutions/{path.name})" in exercises
    solutions = text_of(DOCS / "solutions" / path.name)
    assert f"(../{path.name})" in solutions
    parts = re.split(r"^## Exercise (\d+)\n", solutions, flags=re.M)
    assert parts[1::2] == [number for number, _ in numbers]
    assert all("<summary>Open the solution</summary>" in part for part in parts[2::2])


def test_every_page_stands_in_the_navigation_and_no_page_twice() -> None:
    listed = re.findall(r"^ +- ([\w/-]+\.md)$", text_of(ROOT / "mkdocs.yml"), re.M)
    assert sorted(listed) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def test_a_search_finds_every_term_of_the_glossary(site: Path) -> None:
    terms = re.findall(r"^### (.+)$", text_of(DOCS / "glossary.md"), re.M)
    assert len(terms) > 60
    assert terms == sorted(terms, key=str.lower)
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    titles = {entry["title"] for entry in index if entry["location"].startswith("glossary.html#")}
    assert set(terms) <= titles


def test_every_public_name_has_one_place(site: Path) -> None:
    """Its docstring is on one page of the site, so that a link can lead there."""
    anchors = [
        anchor for page in site.rglob("*.html") for anchor in re.findall(r'id="(nano_bert\.[\w.]+)"', text_of(page))
    ]
    for path in sorted((ROOT / "nano_bert").glob("[a-z]*.py")):
        for node in ast.parse(text_of(path)).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                name = f"nano_bert.{path.stem}.{node.name}"
                assert anchors.count(name) == 1, f"{name} stands on {anchors.count(name)} pages of the site"


def test_every_name_of_the_api_leads_to_its_docstring(site: Path) -> None:
    """Each page links a class or function of the package where it first names it in its prose."""
    places = {
        anchor.rpartition(".")[2]: anchor
        for page in site.glob("*.html")
        for anchor in re.findall(r'<h\d id="(nano_bert\.\w+\.\w+)"', text_of(page))
    }
    for page in [*site.glob("*.html"), *site.glob("solutions/*.html")]:
        prose = re.split(r'<div class="doc doc-object', text_of(page), maxsplit=1)[0]
        prose = re.sub(r"<(pre|h1|h2|h3|summary|table)\b.*?</\1>", "", prose, flags=re.S)
        linked = set(re.findall(r'<a [^>]*href="[^"]*#(nano_bert\.\w+\.\w+)"', prose))
        for code in re.findall(r"<code>([^<]+)</code>", prose):
            name = html.unescape(code).removesuffix("()")
            if name in places and is_telling(name):
                assert places[name] in linked, f"{page.name}: the first `{code}` should lead to {places[name]}"


def is_telling(name: str) -> bool:
    """Whether a name can mean nothing but the API: `train` may be a split, and `count` a word."""
    return name[0].isupper() or "_" in name


def test_every_module_stands_in_the_list_and_imports_only_from_those_above() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", text_of(DOCS / "api.md"), re.M)
    paths = {path.stem: path for path in (ROOT / "nano_bert").glob("[a-z]*.py")}
    assert sorted(listed) == sorted(paths)
    for place, name in enumerate(listed):
        imported = set(re.findall(r"^from nano_bert\.(\w+) import", text_of(paths[name]), re.M))
        assert imported <= set(listed[:place]), f"{name} imports from below"
