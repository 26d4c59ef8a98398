"""What cannot be learnt from is refused before the first step, and in our own words."""

from typing import Any

import numpy as np
import pytest
import torch

from nano_bert import NanoBertForClassification, NanoBertForPreTraining, WordTokenizer
from nano_bert.data import Corpus, Split
from nano_bert.training import TrainingConfig, loop, pretrain, train
from nano_bert.training.evaluation import evaluate
from tests.phrases import phrases

CORPUS = phrases()
TOKENIZER = WordTokenizer.from_texts(CORPUS.train.texts, max_seq_len=32)
NAMES = CORPUS.label_names
SETTINGS = TrainingConfig(epochs=1)


def new_model(**settings: Any) -> NanoBertForClassification:
    return NanoBertForClassification(**{"vocab_size": len(TOKENIZER), "n_embed": 4, "max_seq_len": 32, **settings})


@pytest.fixture(autouse=True)
def no_step(monkeypatch: pytest.MonkeyPatch, as_a_reader: None) -> None:
    """Nothing may begin: a step would fail."""
    monkeypatch.setattr(loop, "train_step", None)


# Splits and corpora.


def test_what_holds_texts_and_numbers_is_a_split() -> None:
    expected = Split(["good", "bad"], [1, 0])
    texts: list[Any] = [("good", "bad"), np.array(["good", "bad"]), np.array(["good", "bad"], dtype=object)]
    labels: list[Any] = [(1, 0), np.array([1, 0]), np.array([1, 0], np.uint8), torch.tensor([1, 0]), [True, False]]
    for some in texts:
        for ids in labels:
            split = Split(some, ids)
            assert split == expected
            assert {type(one) for one in split.texts} == {str}
            assert {type(one) for one in split.labels} == {int}


def test_a_column_of_pandas_is_a_list() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"text": ["good", "bad"], "label": [1, 0]})
    assert Split(table["text"], table["label"]) == Split(["good", "bad"], [1, 0])
    with pytest.raises(TypeError, match=r"A text is a string, but number 1 \(from 0\) is None|nan"):
        Split(pandas.Series(["good", None]), table["label"])


@pytest.mark.parametrize(
    ("texts", "labels", "sentence"),
    [
        ("good", [1], "texts is a list, one entry for each text, but it is good (str)."),
        ({"good"}, [1], "texts is a list, one entry for each text, but it is {'good'} (set)."),
        (None, [1], "texts is a list, one entry for each text, but it is None (NoneType)."),
        (["good"], 1, "labels is a list, one entry for each text, but it is 1 (int)."),
        (["good"], np.array(1), "labels is a list, one entry for each text, but it is 1 (int)."),
        ([["good", "film"]], [1], "A text is a string, but number 0 (from 0) is ['good', 'film'] (list)."),
        (["good"], ["positive"], "names = sorted(set(labels)), then labels=[names.index(name) for name in labels]."),
        (["good"], [1.0], "A label is a whole number, the number of a class, but number 0 (from 0) is 1.0 (float)."),
        (["good"], [[1]], "A label is a whole number, the number of a class, but number 0 (from 0) is [1] (list)."),
        (["good"], [None], "is None (NoneType)."),
        (["good"], [-1], "A label is 0 or above, the number of a class, but number 0 (from 0) is -1."),
        (["good", "bad"], [1], "Every text needs one label, got 2 texts and 1 labels."),
        (["good"], ["\x1b" * 10**6], r"is the text '\\x1b"),
    ],
)
def test_what_is_no_split_is_refused(texts: Any, labels: Any, sentence: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        Split(texts, labels)
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_label_without_a_name_is_refused() -> None:
    good, wrong = Split(["good"], [1]), Split(["good"], [2])
    for place in ("train", "validation", "test"):
        with pytest.raises(
            ValueError, match=f"The split {place} has the label 2, but labels go from 0 to 1: there are 2"
        ):
            Corpus("films", NAMES, **{"train": good, "validation": good, "test": good, place: wrong})
    with pytest.raises(TypeError, match="label_names is a list"):
        Corpus("films", "positive", good, good, good)  # pyright: ignore
    with pytest.raises(TypeError, match="train is a Split, but it is"):
        Corpus("films", NAMES, ["good"], good, good)  # pyright: ignore


# Training.


def test_a_model_with_fewer_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="The split train of phrases has the label 1, but labels go from 0 to 0"):
        train(new_model(labels=("any",)), TOKENIZER, CORPUS, SETTINGS)


@pytest.mark.parametrize("place", ["train", "validation"])
def test_an_empty_split_is_refused(place: str) -> None:
    splits = {"train": CORPUS.train, "validation": CORPUS.validation, place: Split([], [])}
    with pytest.raises(ValueError, match=f"The split {place} of films has no text to judge: give at least one"):
        train(new_model(), TOKENIZER, Corpus("films", NAMES, test=CORPUS.test, **splits), SETTINGS)


@pytest.mark.parametrize("max_seq_len", [None, 64])
@pytest.mark.parametrize("place", ["train", "validation"])
def test_a_text_that_is_too_long_is_told_before_training(place: str, max_seq_len: int | None) -> None:
    tokenizer = WordTokenizer.from_texts(CORPUS.train.texts, max_seq_len=max_seq_len)
    long = Split(["good", "good " * 40], [1, 1])
    splits = {"train": CORPUS.train, "validation": CORPUS.validation, place: long}
    with pytest.raises(ValueError, match=r"Text number 1 \(from 0\) has 42 tokens, but the model reads 32 at most"):
        train(new_model(), tokenizer, Corpus("films", NAMES, test=CORPUS.test, **splits), SETTINGS)


def test_a_tokenizer_of_another_model_is_refused() -> None:
    larger = len(TOKENIZER) + 1
    with pytest.raises(ValueError, match="vocab"):
        train(new_model(vocab_size=larger), TOKENIZER, CORPUS, SETTINGS)
    with pytest.raises(ValueError, match="pad"):
        train(new_model(pad_id=5), TOKENIZER, CORPUS, SETTINGS)
    texts = CORPUS.train.texts
    with pytest.raises(ValueError, match="vocab"):
        pretrain(NanoBertForPreTraining(vocab_size=larger, n_embed=4, pooler=False), TOKENIZER, texts, texts, SETTINGS)


# Measuring.


def test_what_cannot_be_measured_is_refused() -> None:
    long = WordTokenizer.from_texts(CORPUS.train.texts, max_seq_len=None)
    with pytest.raises(
        ValueError, match=r"A text has 42 tokens, but the model reads 32 at most\. Let the tokenizer cut"
    ):
        evaluate(new_model(), long, Split(["good", "good " * 40], [1, 1]))
    with pytest.raises(ValueError, match="The split has the label 2, but labels go from 0 to 1"):
        evaluate(new_model(), TOKENIZER, Split(["good"], [2]))
    with pytest.raises(ValueError, match="no text to judge"):
        evaluate(new_model(), TOKENIZER, Split([], []))


# Settings.


OTHERS: list[Any] = [None, "3", [1], (1,), {}, 3 + 1j, torch.device("cpu"), 10**400, b"cpu", np.zeros(3)]


@pytest.mark.parametrize("name", [*TrainingConfig.__dataclass_fields__])
def test_a_setting_of_another_kind_is_refused_in_our_words(name: str) -> None:
    for value in OTHERS:
        if name == "device" and isinstance(value, str):
            continue  # a name that only the hardware can judge
        with pytest.raises((TypeError, ValueError)) as caught:
            TrainingConfig(**{name: value})
        assert str(caught.value).startswith(f"{name} ")
        assert "unsupported operand" not in str(caught.value)
        assert len(str(caught.value)) < 300
