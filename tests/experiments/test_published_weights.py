"""Published weights on a part of IMDB: the part is always the same, and the whole run, made tiny, ends in a record."""

import json
from pathlib import Path
from typing import Any

import pytest

from nano_bert import NanoBERT, WordPieceTokenizer
from nano_bert.experiments import published_weights as published
from nano_bert.experiments.published_weights import make_published_record, minilm, take_part
from nano_bert.tokenizer.base import SPECIAL_TOKENS
from nano_bert.training import TrainingConfig, loop
from tests.oracles import random_weights
from tests.phrases import phrases

CORPUS = phrases(200)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "PART", {"train": 40, "validation": 10, "test": 15})
    monkeypatch.setattr(published, "MAX_SEQ_LEN", 16)
    monkeypatch.setattr(published, "FINE_TUNING", TrainingConfig(epochs=2, batch_size=8))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A BERT that nobody has trained, in the layout of a published one."""
    words = sorted({word for text in CORPUS.train.texts for word in text.split() if len(word) > 1})[:60]
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, *words, *"abcdefghijklmnop", *(f"##{x}" for x in "abcdefgh")])
    tokenizer.save_pretrained(tmp_path / "weights")
    model = NanoBERT(vocab_size=len(tokenizer), n_embed=8, n_heads=2, n_layers=2, max_seq_len=32)
    random_weights(model, 0).save_pretrained(tmp_path / "weights")
    return tmp_path / "weights"


def test_the_part_is_drawn_and_always_the_same(tiny: None) -> None:
    part = take_part(CORPUS)
    assert part == take_part(CORPUS) != take_part(CORPUS, seed=1)
    assert part.name == "a part of phrases"
    for name, n in published.PART.items():
        whole, taken = getattr(CORPUS, name), getattr(part, name)
        assert len(taken) == n == len(set(taken.texts))
        assert taken.texts != whole.texts[:n], "IMDB comes in order, so the part is drawn from all of it"
        known = dict(zip(whole.texts, whole.labels, strict=True))
        assert [known[text] for text in taken.texts] == taken.labels


def test_the_part_of_the_book_is_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn from 20,000, 5,000 and 25,000 texts: these ones, on every machine and in every version of Python."""
    monkeypatch.setattr(published, "PART", {"train": 2_000, "validation": 500, "test": 2_500})
    numbers = {name: [str(n) for n in range(size)] for name, size in (("train", 20_000), ("test", 25_000))}
    numbers["validation"] = [str(n) for n in range(5_000)]
    splits = {name: published.Split(texts, [0] * len(texts)) for name, texts in numbers.items()}
    part = take_part(published.Corpus("imdb", ("negative", "positive"), **splits))
    assert part.train.texts[:4] == ["12623", "13781", "1326", "8484"]
    assert part.validation.texts[:4] == ["3155", "3445", "331", "2121"]
    assert part.test.texts[:4] == ["12623", "24836", "13781", "1326"]


def test_the_record_is_complete_and_can_be_written(
    tiny: None, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = make_published_record(weights, CORPUS, [0, 3], tmp_path / "runs")
    json.dumps(record, allow_nan=False)
    assert record["weights"] == str(weights)
    assert record["texts"] == {"train": 40, "validation": 10, "test": 15}
    assert [run["seed"] for run in record["runs"]] == [0, 3]
    assert all(sum(map(sum, run["test"]["confusion"])) == 15 for run in [*record["runs"], record["bag_of_words"]])
    assert all(len(run["history"]) == 2 for run in record["runs"])
    mean = sum(run["test"]["accuracy"] for run in record["runs"]) / 2
    assert record["summary"]["published"]["accuracy"]["mean"] == pytest.approx(mean, abs=1e-4)
    accuracy = record["bag_of_words"]["test"]["accuracy"]
    assert record["summary"]["bag_of_words"]["accuracy"] == {"mean": round(accuracy, 4), "sd": 0.0}

    monkeypatch.setattr(loop, "train_step", None)  # what is complete is taken as it is
    again = make_published_record(weights, CORPUS, [0, 3], tmp_path / "runs")
    assert [run["test"] for run in again["runs"]] == [run["test"] for run in record["runs"]]
    assert again["runs"][0]["history"] == record["runs"][0]["history"]


def test_it_is_the_published_weights_that_are_fine_tuned(
    tiny: None, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(published, "train_and_measure", lambda *given: seen.append(given) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        published.fine_tune_once(weights, CORPUS, 4, tmp_path)
    [(model, tokenizer, _, settings, *_)] = seen
    expected = NanoBERT.from_pretrained(weights).state_dict()
    found = model.bert.state_dict()
    assert all(found[name].equal(expected[name]) for name in found)
    assert model.config.pooling == "mean"
    assert all(weight.requires_grad for weight in model.parameters())
    assert (tokenizer.max_seq_len, tokenizer.truncation) == (16, "both")
    assert settings.seed == 4


def test_minilm_is_in_its_package_or_on_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(published, "import_module", nothing)
    assert minilm() == "sentence-transformers/all-MiniLM-L6-v2"


def test_minilm_is_called_by_its_name_in_the_record(tiny: None, weights: Path, tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(published, "minilm", lambda: weights)
    assert make_published_record(weights, CORPUS, [0], tmp_path / "runs")["weights"] == "all-MiniLM-L6-v2"
