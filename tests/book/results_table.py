"""The table of results in README.md and docs/results.md, made from the run records. Nobody types a number."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CORPORA = {
    "imdb": "IMDB",
    "imdb-part": "IMDB, a tenth",
    "hatexplain": "HateXplain, two classes",
    "hatexplain-3": "HateXplain, three classes",
}
BASELINES = {
    "majority": "majority class",
    "bag_of_words": "bag of words",
    "bag_of_words_tf_idf": "bag of words, tf-idf",
}
START, END = "<!-- results -->", "<!-- /results -->"


def make_table(records: Path) -> str:
    """The table as Markdown, from the records in a folder."""
    rows = [
        ["data", "model", "layers, heads, width, tokens", "accuracy", "macro-F1", "CPU time of a run"],
        ["---", "---", "---", "---", "---", "---"],
    ]
    for corpus, title in CORPORA.items():
        file = records / f"{corpus}.json"
        if file.is_file():
            rows += _rows(title, json.loads(file.read_text(encoding="utf-8")))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _rows(title: str, record: dict[str, Any]) -> Iterator[list[str]]:
    for name, label in BASELINES.items():
        test = record["baselines"][name]["test"]
        yield [title, label, "", f"{test['accuracy']:.3f}", f"{test['macro_f1']:.3f}", ""]
    for name, result in record["recipes"].items():
        size = ", ".join(str(n) for n in result["size"].values())
        measures = [
            f"{summary['mean']:.3f} ± {summary['sd']:.3f}"
            for summary in (result["summary"]["accuracy"], result["summary"]["macro_f1"])
        ]
        yield [title, f"`{name}`", size, *measures, in_words(result["cpu_seconds_mean"])]


def in_words(seconds: float) -> str:
    """Seconds, or minutes where there are many.

    >>> in_words(11.4), in_words(431.1)
    ('11 s', '7 min')
    """
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def with_table(page: str, table: str) -> str:
    """The text of a page with its table replaced."""
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"the page has no place for the table: {START} … {END}")
    return f"{before}{START}\n\n{table}\n\n{END}{after}"
