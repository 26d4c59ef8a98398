"""The book as a site: it builds without a warning, asks no other host for anything, and shows what is run."""

import re
from pathlib import Path

import pytest

from tests.book.guards import check_site

ROOT = Path(__file__).parents[2]


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
        assert not fetched.search(page.read_text(encoding="utf-8")), page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//", style.read_text(encoding="utf-8")), style.name


def test_every_chapter_embeds_code(site: Path) -> None:
    for page in site.glob("[0-9][0-9]-*.html"):
        text = page.read_text(encoding="utf-8")
        assert 'class="doc doc-heading"' in text, f"{page.name} shows no docstring"
        assert "Source code in" in text, f"{page.name} shows no source"


def test_formulas_are_marked_for_the_browser(site: Path) -> None:
    assert '<div class="arithmatex">' in (site / "04-attention.html").read_text(encoding="utf-8")


def test_callouts_are_callouts(site: Path) -> None:
    assert "admonition tip" in (site / "02-tokenizer.html").read_text(encoding="utf-8")
    assert "[!TIP]" not in (site / "02-tokenizer.html").read_text(encoding="utf-8")


def test_the_readme_installs_the_book_as_the_project_says() -> None:
    """The first command of README, which needs no torch, and the extra "book" name the same packages."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    extra = re.search(r"^book = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    assert extra
    assert "pip install " + " ".join(extra[1].split(", ")) + " && mkdocs serve" in readme
