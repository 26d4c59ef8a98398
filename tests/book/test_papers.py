"""The list of papers holds every paper that the book cites, on a page or in a docstring, under the same address."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LISTS = (DOCS / "papers.md", DOCS / "after-bert.md")
PAPER = re.compile(
    r"https?://(?:(?:www\.)?arxiv\.org/(?:abs|pdf)/|aclanthology\.org/|(?:dx\.)?doi\.org/|(?:www\.)?jmlr\.org/"
    r"|proceedings\.|openreview\.net/|[^\s)]+\.pdf)[^\s<>\]\"]*"
)


def papers(text: str) -> set[str]:
    """The addresses of the papers in a text: of a Markdown link without its bracket, of a sentence without its stop."""
    found = set[str]()
    for address in PAPER.findall(text):
        address = address.rstrip(".,;:")
        while address.endswith(")") and address.count(")") > address.count("("):
            address = address[:-1].rstrip(".,;:")
        found.add(address)
    return found


def test_an_address_is_found_whole() -> None:
    text = "([one](https://arxiv.org/abs/1810.04805)), two, https://doi.org/10.1016/0306-4573(88)90021-0."
    assert papers(text) == {"https://arxiv.org/abs/1810.04805", "https://doi.org/10.1016/0306-4573(88)90021-0"}


def test_every_paper_that_is_cited_is_in_the_list() -> None:
    listed = set[str]().union(*(papers(path.read_text("utf-8")) for path in LISTS))
    missing = {
        f"{path.relative_to(ROOT)}: {address}"
        for path in (*DOCS.rglob("*.md"), *(ROOT / "nano_bert").rglob("*.py"))
        for address in papers(path.read_text("utf-8")) - listed
    }
    assert not missing, "\n".join(sorted(missing))


def test_no_paper_is_listed_twice() -> None:
    addresses = [address for line in LISTS[0].read_text("utf-8").splitlines() for address in papers(line)]
    assert len(addresses) == len(set(addresses)), sorted({a for a in addresses if addresses.count(a) > 1})
