"""HateXplain: planted posts, whole and damaged, and the real ones if they are there."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nano_bert.data import load_hatexplain
from nano_bert.data.download import DataError
from tests.data.planted import DIVISIONS, POSTS, needs, plant, plant_posts, post


@pytest.fixture
def planted(folder: Path) -> Path:
    posts, divisions = plant_posts()
    plant(folder, POSTS, posts)
    plant(folder, DIVISIONS, divisions)
    return folder


def test_hatexplain_by_majority(planted: Path) -> None:
    corpus = load_hatexplain(n_classes=3)
    assert (corpus.name, corpus.label_names) == ("hatexplain", ("normal", "offensive", "hatespeech"))
    assert (corpus.validation.texts, corpus.validation.labels) == (["hateful 0", "normal 0", "offensive 0"], [2, 0, 1])
    # In the official order, and without the post on which all annotators disagree.
    assert (corpus.test.texts, corpus.test.labels) == (["offensive 1", "normal 1", "hateful 1"], [1, 0, 2])
    words = ("normal", "offensive", "hateful")
    assert [words.index(text.split()[0]) for text in corpus.train.texts] == corpus.train.labels


def test_hatexplain_as_two_classes(planted: Path) -> None:
    two, three = load_hatexplain(), load_hatexplain(n_classes=3)
    assert two.label_names == ("normal", "toxic")
    for name in ("train", "validation", "test"):
        assert getattr(two, name).texts == getattr(three, name).texts
        assert getattr(two, name).labels == [min(label, 1) for label in getattr(three, name).labels]


def test_hatexplain_seed(planted: Path) -> None:
    first, second = load_hatexplain(seed=1), load_hatexplain(seed=2)
    assert first == load_hatexplain(seed=1)
    assert first.train.texts != second.train.texts
    assert sorted(first.train.texts) == sorted(second.train.texts)
    assert (first.validation, first.test) == (second.validation, second.test)
    assert load_hatexplain(3).train.labels != sorted(load_hatexplain(3).train.labels)  # not grouped by label


@pytest.mark.parametrize("n_classes", [0, 1, 4])
def test_hatexplain_has_two_classes_or_three(planted: Path, n_classes: int) -> None:
    with pytest.raises(ValueError, match=rf"n_classes must be 2 \(.*\) or 3 \(.*\), got {n_classes}"):
        load_hatexplain(n_classes)


def changed(**changes: object) -> dict[str, Any]:
    return plant_posts()[0] | changes


def divided(**changes: object) -> dict[str, Any]:
    return plant_posts()[1] | changes


DAMAGED_JSON: dict[str, tuple[str, object, str]] = {
    "empty": (POSTS, b"", "it cannot be read to its end"),
    "half": (POSTS, json.dumps(plant_posts()[0]).encode()[:-100], "it cannot be read to its end"),
    "not UTF-8": (POSTS, b'{"\xff": {}}', "it cannot be read to its end"),
    "a list": (POSTS, [], "it is not a JSON object"),
    "a list of posts": (POSTS, {"n0": []}, "its values are not of the type dict"),
    "no tokens": (POSTS, changed(n9={"annotators": []}), "of the split 'train' is missing or has another layout"),
    "no annotator": (POSTS, changed(n0=post("a")), "of the split 'val' is missing or has another layout"),
    "unknown label": (POSTS, changed(n1=post("a", "kind")), "of the split 'test' is missing or has another layout"),
    "a post missing": (
        POSTS, {name: post for name, post in plant_posts()[0].items() if name != "h5"}, "KeyError..h5"
    ),
    "half the splits": (DIVISIONS, b'{"train": ["n0", ', "it cannot be read to its end"),
    "split missing": (
        DIVISIONS, {"train": divided()["train"], "val": divided()["val"]}, "0 posts in the split 'test' instead of 4"
    ),
    "split too short": (DIVISIONS, divided(val=["n0"]), "it lists 1 posts in the split 'val' instead of 3"),
    "split no list": (DIVISIONS, divided(val="n0"), "its values are not of the type list"),
    "ids no names": (DIVISIONS, divided(val=[["n0"], {}, None]), "is missing or has another layout"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGED_JSON)
def test_hatexplain_that_is_not_whole_is_refused(planted: Path, damage: str) -> None:
    name, content, reason = DAMAGED_JSON[damage]
    path = plant(planted, name, content)
    with pytest.raises(DataError, match=reason) as caught:
        load_hatexplain()
    assert " cannot be used: " in str(caught.value)
    if damage != "ids no names":
        assert str(caught.value).startswith(str(path))


# The real posts


@needs(POSTS, DIVISIONS)
def test_the_real_hatexplain() -> None:
    two, three = load_hatexplain(n_classes=2), load_hatexplain(n_classes=3)
    for corpus in (two, three):
        assert [len(corpus.train), len(corpus.validation), len(corpus.test)] == [15_383, 1_922, 1_924]
    everything = three.train.labels + three.validation.labels + three.test.labels
    assert Counter(everything) == {0: 7_814, 1: 5_480, 2: 5_935}
    assert sum(two.test.labels) == sum(label > 0 for label in three.test.labels)
