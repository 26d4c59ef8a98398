"""The rules for what is not run: numbers in prose must come from somewhere, and the site must show every example."""

import functools
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from tests.book.pages import Page

# What a hand-typed result looks like: 0.734, 88 %, 88.3%, 12 per cent, 88\% in a formula.
RESULT = re.compile(r"(?<![\w.])(\d+\.\d+(?:e[+-]?\d+)?|\d+(?=\s?\\?%|\s?per ?cent\b))(\s?\\?%|\s?per ?cent\b)?", re.I)
# What only looks like one: addresses, arXiv numbers and DOIs, numbers of versions and of sections.
NO_RESULT = re.compile(
    r"""\]\((?:[^()\s]|\([^()\s]*\))*\) | <https?:[^>]*> | https?://\S+ | <!--.*?-->
    | arxiv:?\s*\d{4}\.\d{4,5} | \b10\.\d{4,5}/\S+ | \b\d+(?:\.\d+){2,}
    | [\w\]][<>=~!]=\d+(?:\.\d+)*
    | (?:§|\b(?:sections?|tables?|figures?|chapters?|appendix|equations?|version|python|pytorch|torch|mkdocs)\b)
      \s*\d+(?:\.\d+)+(?:(?:,|\u2013|\s(?:and|or|to))\s*\d+(?:\.\d+)+)*
    """,
    re.I | re.X,
)
# A count above 100, as 161 or 20,000, which can be mistyped like any other result. A year is none.
COUNT = re.compile(r"(?<![\w.,:#])(?<!\w-)(\d{1,3}(?:,\d{3})+|\d{3,})(?![\w%]|\.\d|,\d{3}|-[a-z])")
YEAR = re.compile(r"\b(?:1[89]\d\d|20[0-3]\d)\b(?!,\d{3})")
# A table that `tests/experiments/test_results.py` makes from the records.
GENERATED = re.compile(r"^<!-- paired -->$(.*?)^<!-- /paired -->$", re.M | re.S)
WHOLE = re.compile(r"(?<![\w.])\d[\d,_]*(?![\d.])")
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.I)


def check_numbers(page: Page, root: Path) -> Iterator[tuple[int, str]]:
    """Find numbers in prose that look like results and stand in no example of the page and in no run record.

    A decimal or a percentage may be rounded; a whole number above 100 must be there as it is.
    `tests/allowed_numbers.json` names the exceptions: for each page, the number as it is written and the reason
    (for a figure from a paper, its source). Under "*" are the few that any page may say, such as the width of BERT.
    """
    file = root / "tests" / "allowed_numbers.json"
    listed: dict[str, dict[str, str]] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    everywhere, allowed = listed.get("*", {}), listed.get(page.path.relative_to(root).as_posix(), {})
    code = "\n".join(example.source + example.want for example in page.examples)
    known = {Decimal(number) for number in NUMBER.findall(code)} | set(_recorded(root / "docs" / "results"))
    counted = {number for number in known if number == int(number)}
    for written in WHOLE.findall(code):  # 20,000 and 20_000 are one number, and a list without blanks is many
        counted |= {Decimal(digits) for digits in (*re.findall(r"\d+", written), re.sub(r"\D", "", written))}
    used = set[str]()
    generated = set("\n".join(GENERATED.findall(page.path.read_text(encoding="utf-8"))).split("\n"))
    for line, text in page.prose:
        if text in generated:
            continue
        text = NO_RESULT.sub(" ", text)
        unknown = [
            " ".join(match.group().split())
            for match in RESULT.finditer(text)
            if not any(_same(match[1], number, percent=bool(match[2])) for number in known)
        ]
        unknown += [
            match[1]
            for match in COUNT.finditer(YEAR.sub(" ", RESULT.sub(" ", text)))
            if Decimal(match[1].replace(",", "")) not in counted | {100} and match[1] not in everywhere
        ]
        used |= set(unknown)
        for written in unknown:
            if not allowed.get(written):
                yield line, f"{written} looks like a result, but no example of this page and no run record has it"
    for written in allowed.keys() - used:
        yield 1, f"tests/allowed_numbers.json allows {written} here, which does not need it (any more)"


def _same(written: str, number: Decimal, percent: bool) -> bool:
    """Whether `number`, rounded to the digits of `written`, is what was written."""
    shown = Decimal(written)
    half_a_digit = Decimal((0, (5,), int(shown.as_tuple().exponent) - 1))
    return any(abs(n - shown) <= half_a_digit for n in ([number, number * 100] if percent else [number]))


def _recorded(folder: Path) -> Iterator[Decimal]:
    """Every number in the run records, but no single run, history or weight: among so many, any would be found.

    The record of the benchmark holds hundreds, too: what the book says of it, it prints.
    """
    for file in sorted(set(folder.glob("*.json")) - {folder / "speed.json"}):
        yield from _numbers_of(file.read_text(encoding="utf-8"))


@functools.cache
def _numbers_of(record: str) -> frozenset[Decimal]:
    return frozenset(_numbers_in(json.loads(record, parse_float=Decimal)))


def _numbers_in(value: Any) -> Iterator[Decimal]:
    if isinstance(value, dict):
        for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType]
            if key not in ("history", "runs", "words"):
                yield from _numbers_in(inner)
    elif isinstance(value, list):
        for inner in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _numbers_in(inner)
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        yield abs(Decimal(value))


class _Prompts(HTMLParser):
    """Counts the >>> that a page of the site shows, apart from those of the embedded API."""

    def __init__(self) -> None:
        super().__init__()
        self.count, self.depth, self.prompt = 0, 0, False  # depth: of <div>s, inside the embedded API

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = (dict(attrs).get("class") or "").split()
        if tag == "div" and (self.depth or "doc" in classes):
            self.depth += 1
        self.prompt = tag == "span" and "gp" in classes

    def handle_endtag(self, tag: str) -> None:
        self.depth -= bool(tag == "div" and self.depth)
        self.prompt = False

    def handle_data(self, data: str) -> None:
        self.count += self.prompt and not self.depth and data.startswith(">>>")


def prompts_shown(html: str) -> int:
    """How many >>> prompts the HTML of a page shows, without those of the API that it embeds."""
    parser = _Prompts()
    parser.feed(html)
    return parser.count


def check_site(config_file: Path, site: Path) -> Iterator[str]:
    """Build the book into `site`, and find pages that show more or fewer examples than the tests run."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config
    from mkdocs.structure.files import File

    from tests.book.pages import read_page

    config: Any = load_config(config_file=str(config_file), site_dir=str(site))
    build(config)
    docs = Path(config.docs_dir)
    for path in sorted(docs.rglob("*.md")):
        name = path.relative_to(docs).as_posix()
        html = Path(File(name, str(docs), str(site), config.use_directory_urls).abs_dest_path)
        shown, run = prompts_shown(html.read_text(encoding="utf-8")), len(read_page(path).examples)
        if shown != run:
            yield f"{name} shows {shown} examples in the site, but {run} are run"
