"""The table of results in README.md and docs/results.md, made from the run records. Nobody types a number."""

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nano_bert.training.significance import compare, unpack

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


def make_paired_table(records: Path) -> str:
    """Each model beside the better bag of words, text by text: a mean over the seeds, and the largest p of them."""
    rows = [
        ["data", "model", "right, and the bag wrong", "wrong, and the bag right", "largest p of three seeds"],
        ["---", "---", "---", "---", "---"],
    ]
    for corpus, title in CORPORA.items():
        record = json.loads((records / f"{corpus}.json").read_text(encoding="utf-8"))
        n_texts, n_classes = record["texts"]["test"], len(record["classes"])
        true = unpack(record["test_labels"], n_texts, n_classes)
        bags = [record["baselines"][name] for name in BASELINES if name != "majority"]
        bag = unpack(max(bags, key=lambda bag: bag["test"]["accuracy"])["answers"], n_texts, n_classes)
        for name, result in record["recipes"].items():
            found = [compare(true, unpack(run["answers"], n_texts, n_classes), bag) for run in result["runs"]]
            alone = [
                statistics.mean(one.only_first for one in found),
                statistics.mean(one.only_second for one in found),
            ]
            p_value = max(one.p_value for one in found)
            in_digits = f"{p_value:.3f}" if p_value >= 0.001 else "below 0.001"
            rows.append([title, f"`{name}`", *(f"{mean:,.0f}" for mean in alone), in_digits])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def with_table(page: str, table: str, name: str = "results") -> str:
    """The text of a page with its table of this name replaced."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found_start, rest = page.partition(start)
    _, found_end, after = rest.partition(end)
    if not found_start or not found_end:
        raise ValueError(f"the page has no place for the table: {start} … {end}")
    return f"{before}{start}\n\n{table}\n\n{end}{after}"
