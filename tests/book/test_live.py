"""The live BERT has the weights of the package and the formulas of the book; `tests/browser/check_live.py` runs it."""

import base64
import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest

from nano_bert.pencil import SENTENCE
from tests.book.live_weights import FOLDER, models, packed, read_script

DOCS = FOLDER.parents[1]
MODELS = models()
PLACES = {
    path: re.findall(r'<div class="live-bert"([^>]*)>', path.read_text(encoding="utf-8")) for path in DOCS.glob("*.md")
}
STAGES = ["all", "overview", "embeddings", "points", "query-key-value", "attention", "layer", "verdict"]


@pytest.mark.parametrize("name", MODELS)
def test_the_page_has_the_words_and_weights_of_the_package(name: str) -> None:
    """If it has not: python -m tests.book.live_weights."""
    model, tokenizer, features = MODELS[name]
    file = read_script((FOLDER / f"{name}.js").read_text(encoding="utf-8"))
    assert file == packed(model, tokenizer, features)
    assert file["words"].split("\n") == tokenizer.id_to_token
    numbers, start = np.frombuffer(base64.b64decode(file["data"]), dtype="<f4"), 0
    for key, shape in file["shapes"].items():
        weight = model.state_dict()[key].numpy()
        assert list(weight.shape) == shape, key
        assert np.array_equal(numbers[start : start + weight.size], weight.ravel()), key
        start += weight.size
    assert start == len(numbers)


def test_what_is_fetched_is_small() -> None:
    weights = {path.name: len(gzip.compress(path.read_bytes())) for path in FOLDER.glob("*.js")}
    assert sum(weights.values()) < 600_000, weights
    assert sum(size for name, size in weights.items() if name != "imdb-tiny.js") < 30_000, weights


def test_a_key_press_is_answered_before_the_next_picture() -> None:
    """As it was measured by `python -m tests.browser.live_speed`: milliseconds, at 32 words and at 128."""
    record = json.loads((DOCS / "results" / "live-speed.json").read_text(encoding="utf-8"))
    assert record["32"]["busy"] < 16
    assert record["128"]["busy"] < 100


def test_each_formula_is_that_of_its_chapter() -> None:
    text = (FOLDER / "sums.js").read_text(encoding="utf-8")
    formulas = dict(re.findall(r"^    (\w+): String\.raw`(.+)`,$", text, re.M))
    assert len(formulas) >= 14
    chapters = dict(re.findall(r'(\w+): "(\d\d-[\w-]+)"', text))
    book = {name: (DOCS / f"{chapter}.md").read_text(encoding="utf-8") for name, chapter in chapters.items()}
    used = re.findall(r"chapter: CHAPTERS\.(\w+), formula: FORMULAS\.(\w+)", text)
    used += re.findall(r"CHAPTERS\.(\w+), FORMULAS\.(\w+)\)", text)
    assert len(used) >= 12
    for chapter, formula in used:
        assert formulas[formula] in book[chapter], f"chapter {chapters[chapter]} does not say {formulas[formula]}"
    for norm in ("norm", "spread"):
        assert formulas[norm] in book["embeddings"]


def test_the_first_example_is_the_sentence_of_the_book() -> None:
    assert f'pencil: ["{SENTENCE}"' in (FOLDER / "machine.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [path for path, places in PLACES.items() if places], ids=lambda path: path.stem)
def test_a_place_for_the_machine_asks_for_what_there_is(path: Path) -> None:
    """And holds something for who reads without scripts."""
    for place in PLACES[path]:
        asked = dict(re.findall(r'data-([a-z]+)="([^"]*)"', place))
        assert set(asked) <= {"stage", "model", "text", "focus", "hide", "heads"}, place
        assert set(asked["stage"].split()) <= set(STAGES), place
        assert asked.get("model", "pencil") in MODELS, place
        _, tokenizer, _ = MODELS[asked.get("model", "pencil")]
        words = tokenizer.tokenize(asked["text"])
        assert asked.get("focus", words[-1]) in words, place
    for inside in re.findall(r'<div class="live-bert"[^>]*>(.*?)</div>', path.read_text(encoding="utf-8"), re.S):
        assert len(inside.split()) > 5, f"{path.name} says nothing to who has no scripts"
