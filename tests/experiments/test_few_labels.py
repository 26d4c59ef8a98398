"""Few labels: the labels are dealt out fairly, and the whole experiment, made tiny, ends in a record."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from nano_bert import NanoBertForPreTraining
from nano_bert.data import Corpus, Split
from nano_bert.experiments import few_labels, reading
from nano_bert.experiments.few_labels import make_few_labels_record, take_labels
from nano_bert.training import TrainingConfig, loop
from nano_bert.training import run as run_module
from nano_bert.training.evaluation import measure
from nano_bert.training.resume import STATE_FILE
from tests.experiments.test_published_weights import a_bert
from tests.phrases import phrases

CORPUS = phrases(200)
ARMS = ("bag_of_words", "scratch", "pretrained", "halves", "published")


# The labels


@pytest.mark.parametrize("n_labels", [2, 10, 40, 160])
@pytest.mark.parametrize("seed", range(3))
def test_each_class_gets_half_of_the_labels(n_labels: int, seed: int) -> None:
    labelled = take_labels(CORPUS, n_labels, seed)
    assert [labelled.train.labels.count(label) for label in range(2)] == [n_labels // 2] * 2
    assert len(set(labelled.train.texts)) == n_labels
    known = dict(zip(CORPUS.train.texts, CORPUS.train.labels, strict=True))
    assert all(known[text] == label for text, label in zip(labelled.train.texts, labelled.train.labels, strict=True))


def test_nobody_is_given_more_labels_to_validate_with_than_to_learn_from() -> None:
    labelled = take_labels(CORPUS, 10, 0)
    assert labelled.validation.texts == CORPUS.validation.texts[:10]
    assert labelled.validation.labels == CORPUS.validation.labels[:10]
    assert take_labels(CORPUS, 100, 0).validation == CORPUS.validation
    assert labelled.test == Split(CORPUS.test.texts[::5], CORPUS.test.labels[::5])
    assert labelled.label_names == CORPUS.label_names
    assert labelled.name == "phrases, 10 labels"


def test_the_seed_decides_which_labels_and_more_hold_the_fewer() -> None:
    few, again, many, other = (take_labels(CORPUS, n, seed) for n, seed in ((10, 0), (10, 0), (40, 0), (10, 1)))
    assert few == again
    assert set(few.train.texts) < set(many.train.texts)
    assert set(few.train.texts) != set(other.train.texts)


# The whole experiment


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    published = a_bert(tmp_path_factory.mktemp("published"))
    model = {**few_labels.PRETRAINING.model, "n_layers": 1, "n_embed": 32, "max_seq_len": 16}
    small = replace(few_labels.PRETRAINING, model=model, training=TrainingConfig(epochs=2))
    for module in (few_labels, reading):
        monkeypatch.setattr(module, "PRETRAINING", small)
    matching = TrainingConfig(epochs=1, batch_size=40)
    monkeypatch.setattr(reading, "MATCHING", matching)
    monkeypatch.setattr(few_labels, "MATCHING", matching)
    monkeypatch.setattr(reading, "N_MEASURED", 10)
    monkeypatch.setattr(few_labels, "N_READ", 12)
    monkeypatch.setattr(
        few_labels, "FINE_TUNING", {n: TrainingConfig(epochs=2, batch_size=8, word_dropout=0.1) for n in (8, 40)}
    )
    monkeypatch.setattr(few_labels, "OF_PUBLISHED", {8: TrainingConfig(epochs=1, batch_size=20)})
    monkeypatch.setattr(few_labels, "MINILM", published)


def without_seconds(record: Any) -> Any:
    """All that a record holds but the times."""
    if isinstance(record, dict):
        return {name: without_seconds(part) for name, part in record.items() if not name.endswith("_seconds")}
    return [without_seconds(part) for part in record] if isinstance(record, list) else record


@pytest.mark.slow
def test_the_record_is_complete_and_the_same_after_a_break(
    tiny: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = make_few_labels_record(CORPUS, [0, 3], tmp_path / "unbroken")
    json.dumps(record, allow_nan=False)
    assert tuple(record["runs"]) == ARMS
    for arm in ARMS:
        numbers = ["8"] if arm == "published" else ["8", "40"]
        assert list(record["runs"][arm]) == list(record["summary"][arm]) == numbers
        for n, runs in record["runs"][arm].items():
            assert [run["seed"] for run in runs] == [0, 3]
            mean = sum(run["test"]["accuracy"] for run in runs) / 2
            assert record["summary"][arm][n]["accuracy"]["mean"] == pytest.approx(mean, abs=1e-4)
            assert all(sum(map(sum, run["test"]["confusion"])) == record["test_texts"] for run in runs)
    assert record["pretraining"]["seed"] == 0
    assert len(record["pretraining"]["history"]) == 2
    assert len(record["halves"]["history"]) == 1
    assert record["halves_settings"]["batch_size"] == 40
    assert record["model"]["n_embed"] == 32
    assert record["fine_tuning_settings"]["8"]["batch_size"] == 8

    # The same, but the power fails now and then.
    real, calls = loop.train_step, [0]

    class PowerCut(Exception):
        pass

    def step(*arguments: Any) -> float:
        calls[0] += 1
        if calls[0] % 8 == 0:
            raise PowerCut
        return real(*arguments)

    broken, n_breaks = None, 0
    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", step)
        patch.setattr(run_module, "SAVE_EVERY", 1)
        while broken is None:
            try:
                broken = make_few_labels_record(CORPUS, [0], tmp_path / "broken")
            except PowerCut:
                n_breaks += 1
                assert n_breaks < 20, "it begins anew each time"
    assert n_breaks > 2

    # What is complete is taken as it is.
    monkeypatch.setattr(loop, "train_step", None)
    again = make_few_labels_record(CORPUS, [0, 3], tmp_path / "unbroken")
    assert without_seconds(again) == without_seconds(record)
    assert without_seconds(broken) == without_seconds(make_few_labels_record(CORPUS, [0], tmp_path / "unbroken"))
    other = replace(CORPUS, train=replace(CORPUS.train, texts=CORPUS.train.texts[::-1]))
    with pytest.raises(ValueError, match="was started with fingerprint of the texts"):
        make_few_labels_record(other, [0], tmp_path / "unbroken")


def test_every_arm_gets_the_same_labels_and_its_own_start(
    tiny: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[tuple[Any, ...]] = []
    bags: list[tuple[Any, ...]] = []
    others: list[tuple[Any, ...]] = []
    result = {"test": asdict(measure([0, 1], [0, 1], CORPUS.label_names))}
    monkeypatch.setattr(few_labels, "guess_words_once", lambda *given: given)
    monkeypatch.setattr(few_labels, "match_halves_once", lambda *given: given)
    monkeypatch.setattr(few_labels, "fine_tune", lambda *given: runs.append(given) or result)
    monkeypatch.setattr(few_labels, "choose_bag", lambda *given: bags.append(given) or (None, result))
    monkeypatch.setattr(few_labels, "fine_tune_published", lambda *given: others.append(given) or result)
    record = make_few_labels_record(CORPUS, [5, 6], tmp_path)
    read, matched = tmp_path / "pretraining-5", tmp_path / "halves-5"
    assert record["pretraining"]["history"] == (CORPUS, 5, read), "it is done once"
    assert record["halves"]["history"] == (CORPUS, 5, read, matched), "it goes on from there"
    expected = [
        (take_labels(CORPUS, n, seed), start, seed, few_labels.FINE_TUNING[n].epochs, tmp_path / f"{arm}-{n}-{seed}")
        for seed in (5, 6)
        for n in (8, 40)
        for arm, start in (("scratch", None), ("pretrained", read), ("halves", matched))
    ]
    assert [(corpus, start, how.seed, how.epochs, place) for corpus, _, start, how, place in runs] == expected
    assert [corpus for corpus, *_ in bags] == [corpus for corpus, *_ in expected[::3]]
    assert [(corpus, how.seed, place) for corpus, how, place in others] == [
        (take_labels(CORPUS, 8, seed), seed, tmp_path / f"published-8-{seed}") for seed in (5, 6)
    ]
    assert [run["seed"] for n in ("8", "40") for run in record["runs"]["bag_of_words"][n]] == [5, 6, 5, 6]


def test_the_test_texts_and_the_labels_are_no_part_of_the_pretraining(tiny: None, tmp_path: Path) -> None:
    def weights(corpus: Corpus, name: str) -> bytes:
        reading.guess_words_once(corpus, 0, tmp_path / name)
        reading.match_halves_once(corpus, 0, tmp_path / name, tmp_path / f"{name}-halves")
        for folder in (name, f"{name}-halves"):
            assert (tmp_path / folder / STATE_FILE).exists()
        first, second = (tmp_path / folder / "model.safetensors" for folder in (name, f"{name}-halves"))
        assert first.read_bytes() != second.read_bytes()
        return first.read_bytes() + second.read_bytes()

    turned = replace(CORPUS.train, labels=[1 - label for label in CORPUS.train.labels])
    assert weights(CORPUS, "one") == weights(replace(CORPUS, train=turned, test=CORPUS.validation), "two")


def test_from_scratch_and_pretrained_differ_in_their_start_alone(
    tiny: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same settings, the same texts: and the pretrained one does start with the weights of the pretraining."""
    tokenizer = reading.make_tokenizer(CORPUS, 16)
    reading.guess_words_once(CORPUS, 0, tmp_path)
    seen: list[tuple[Any, ...]] = []
    monkeypatch.setattr(few_labels, "train_and_measure", lambda *given: seen.append(given) or 1 / 0)
    settings = few_labels.FINE_TUNING[8]
    for start in (None, tmp_path):
        with pytest.raises(ZeroDivisionError):
            few_labels.fine_tune(CORPUS, tokenizer, start, settings, tmp_path / "run")
    (scratch, _, texts, *how), (pretrained, _, named, *how_pretrained) = seen
    assert how == how_pretrained == [settings, tmp_path / "run"]
    assert replace(named, name=texts.name) == texts
    assert named.name.startswith(f"{texts.name}, from the weights "), "a run from other weights is another run"
    assert replace(pretrained.config, n_feed_forward=None) == scratch.config
    expected = NanoBertForPreTraining.from_pretrained(tmp_path).bert.state_dict()
    found = pretrained.bert.state_dict()
    assert found.keys() == expected.keys() == scratch.bert.state_dict().keys()
    assert all(found[name].equal(weight) for name, weight in expected.items())
