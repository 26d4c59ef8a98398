"""MkDocs and Zensical make the same book: `python -m tests.book.check_builders` builds both and compares them.

They are compared by pages, by the anchors of each page (what a link can point to), and by the entries of the API.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[2]
THEIRS = {"__skip", "__toc"}  # what Zensical's theme, and not the book, puts on a page


class Anchors(HTMLParser):
    """The anchors of a page, and which of them are entries of the API."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.all, self.entries = set[str](), list[str]()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        settings = dict(attrs)
        name = settings.get("id")
        if name and name not in THEIRS:
            self.all.add(name)
            if "doc-heading" in (settings.get("class") or ""):
                self.entries.append(name)


def differences(first: Path, second: Path) -> Iterator[str]:
    """What one site has and the other has not."""
    pages = [{page.relative_to(site).as_posix() for page in site.rglob("*.html")} for site in (first, second)]
    yield from (f"Only one of them has the page {name}." for name in sorted(pages[0] ^ pages[1]))
    for name in sorted(pages[0] & pages[1]):
        one, other = Anchors(first / name), Anchors(second / name)
        yield from (f"{name}: only one of them has the anchor {anchor}." for anchor in sorted(one.all ^ other.all))
        if one.entries != other.entries:
            yield f"{name}: the entries of the API differ."


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "mkdocs", Path(folder) / "project"
        quiet = {"check": True, "env": {**os.environ, "NO_MKDOCS_2_WARNING": "1"}}
        subprocess.run([sys.executable, "-m", "mkdocs", "build", "-q", "-d", str(ours)], cwd=ROOT, **quiet)
        for part in ("docs", "nano_bert"):  # Zensical builds beside what it reads
            shutil.copytree(ROOT / part, theirs / part)
        shutil.copy(ROOT / "mkdocs.yml", theirs)
        subprocess.run([sys.executable, "-m", "zensical", "build", "--clean"], cwd=theirs, **quiet)
        said = list(differences(ours, theirs / "site"))
        count = len(list(ours.rglob("*.html")))
    print("\n".join(said) or f"Both make the same {count} pages, with the same anchors and entries.")
    sys.exit(bool(said))
