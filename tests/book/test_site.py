"""The book as a site: it builds without a warning, asks no other host for anything, shows what is run, and links it."""

import ast
import html
import json
import re
from pathlib import Path

import pytest

from tests.book.guards import check_site

ROOT = Path(__file__).parents[2]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    assert not list(check_site(ROOT / "mkdocs.yml", folder)), "the site and the tests do not show the same examples"
    return folder


def test_no_page_asks_another_host(site: Path) -> None:
    """What the browser fetches by itself (scripts, styles, fonts, images) lies in the site."""
    fetched = re.compile(r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//|<link\b[^>]*\brel=["']?"""
                         r"""(?:stylesheet|preconnect|icon)["']?[^>]*\bhref=["']?(?:https?:)?//""")  # fmt: skip
    for page in site.rglob("*.html"):
        assert not fetched.search(text_of(page)), page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//", text_of(style)), style.name


def test_every_chapter_embeds_code(site: Path) -> None:
    for page in site.glob("[0-9][0-9]-*.html"):
        text = text_of(page)
        assert 'class="doc doc-heading"' in text, f"{page.name} shows no docstring"
        assert "Source code in" in text, f"{page.name} shows no source"


def test_formulas_are_marked_for_the_browser(site: Path) -> None:
    assert '<div class="arithmatex">' in text_of(site / "04-attention.html")


def test_callouts_are_callouts(site: Path) -> None:
    assert "admonition warning" in text_of(site / "12-fine-tuning.html")
    assert "[!WARNING]" not in text_of(site / "12-fine-tuning.html")


def test_a_prediction_is_a_box_of_its_own(site: Path) -> None:
    """Each `> [!TIP]` that begins with **Predict.** (there is no other tip), and its title is not said twice."""
    for page in sorted((ROOT / "docs").glob("*.md")):
        built, written = text_of(site / f"{page.stem}.html"), text_of(page)
        assert built.count('class="admonition predict"') == written.count("> [!TIP]\n> **Predict.** "), page.name
        assert "admonition tip" not in built, page.name
        assert "<strong>Predict.</strong>" not in built or page.name == "how-to-read.md", page.name


def test_predictions_and_exercises_can_be_answered_on_their_page(site: Path) -> None:
    """Each prediction has choices or a place for a number, and each exercise that has an answer a place for it."""
    for page in sorted((ROOT / "docs").glob("*.md")):
        built, asked = text_of(site / f"{page.stem}.html"), text_of(page).count("> [!TIP]\n> **Predict.** ")
        assert len(re.findall(r'<(?:ol|form) class="\w+" data-key="[\w-]+:', built)) == asked, page.name
        assert len(re.findall(r'<ul data-for="', built)) == asked, page.name
    known = json.loads(text_of(ROOT / "nano_bert" / "check" / "answers.json"))
    forms = [key for page in site.glob("*.html") for key in re.findall(r'"typed" data-key="([\w.]+)"', text_of(page))]
    assert sorted(forms) == sorted(known)


def test_the_readme_installs_the_book_as_the_project_says() -> None:
    """The first command of README, which needs no torch, and the extra "book" name the same packages."""
    readme = text_of(ROOT / "README.md")
    extra = re.search(r"^book = \[(.*)\]$", text_of(ROOT / "pyproject.toml"), re.M)
    assert extra
    assert "pip install " + " ".join(extra[1].split(", ")) + " && mkdocs serve" in readme


def test_a_search_finds_every_term_of_the_glossary(site: Path) -> None:
    terms = re.findall(r"^### (.+)$", text_of(ROOT / "docs" / "glossary.md"), re.M)
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
    for path in sorted((ROOT / "nano_bert").rglob("[a-z]*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(text_of(path)).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                name = f"{module}.{node.name}"
                assert anchors.count(name) == 1, f"{name} stands on {anchors.count(name)} pages of the site"


def test_every_name_of_the_api_leads_to_its_docstring(site: Path) -> None:
    """Each page links a class or function of the package where it first names it in its prose."""
    places = {
        anchor.rpartition(".")[2]: anchor
        for page in site.glob("*.html")
        for anchor in re.findall(r'<h\d id="(nano_bert(?:\.[a-z_]+){1,2}\.\w+)"', text_of(page))
        if ".check." not in anchor  # the reader's own parts have the names of ours
    }
    for page in [*site.glob("*.html"), *site.glob("solutions/*.html")]:
        prose = re.split(r'<div class="doc doc-object', text_of(page), maxsplit=1)[0]
        prose = re.sub(r"<(pre|h1|h2|h3|summary|table)\b.*?</\1>", "", prose, flags=re.S)
        linked = set(re.findall(r'<a [^>]*href="[^"]*#(nano_bert(?:\.[a-z_]+){1,2}\.\w+)"', prose))
        for code in re.findall(r"<code>([^<]+)</code>", prose):
            name = html.unescape(code).removesuffix("()")
            if name in places and is_telling(name):
                assert places[name] in linked, f"{page.name}: the first `{code}` should lead to {places[name]}"


def is_telling(name: str) -> bool:
    """Whether a name can mean nothing but the API: `train` may be a split, and `count` a word."""
    return name[0].isupper() or "_" in name
