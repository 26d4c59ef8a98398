"""Recipes and records: everything is written down, and finished work is never done twice."""

import json
import shutil
import statistics
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nano_bert.data import Corpus, Split
from nano_bert.experiments import records
from nano_bert.experiments.recipes import CORPORA, RECIPES, Recipe, build, run_recipe
from nano_bert.experiments.records import PENALTIES, describe, make_record, measure_baselines, summarise
from nano_bert.predict import load_classifier
from nano_bert.training import Run, TrainingConfig, loop
from nano_bert.training.evaluation import Metrics, answer, evaluate
from nano_bert.training.significance import unpack
from tests.phrases import phrases

CORPUS = phrases()
RECIPE = Recipe(
    corpus="phrases",
    about="a test",
    tokenizer={"min_freq": 2, "truncation": "both"},
    model={"n_embed": 4, "max_seq_len": 16},
    training=TrainingConfig(epochs=2, batch_size=16),
)


def without_seconds(record: Any) -> Any:
    """Return a record without what differs each time: all that is named seconds."""
    if isinstance(record, dict):
        return {key: without_seconds(value) for key, value in record.items() if "seconds" not in key}
    return [without_seconds(value) for value in record] if isinstance(record, list) else record


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_built(name: str) -> None:
    """Its settings exist and fit each other; a small corpus stands in for the real one."""
    recipe = RECIPES[name]
    assert recipe.corpus in CORPORA
    model, tokenizer = build(recipe, CORPUS, seed=0)
    assert model.config.vocab_size == len(tokenizer)
    assert model.config.labels == CORPUS.label_names
    assert model.config.max_seq_len == tokenizer.max_seq_len or recipe.weights
    assert tokenizer.truncation == recipe.tokenizer.get("truncation", "head")
    json.dumps(asdict(replace(recipe, tokenizer=dict(recipe.tokenizer), model=dict(recipe.model))))


def test_the_settings_arrive_where_they_belong() -> None:
    model, tokenizer = build(RECIPE, CORPUS, seed=0)
    assert (model.config.n_embed, model.config.max_seq_len, model.config.labels) == (4, 16, CORPUS.label_names)
    assert (tokenizer.truncation, tokenizer.max_seq_len) == ("both", 16)


def test_the_vocabulary_is_that_of_the_training_texts() -> None:
    splits = [Split([f"a {name} text"], [0]) for name in ("training", "validation", "test")]
    _, tokenizer = build(replace(RECIPE, tokenizer={}), Corpus("phrases", CORPUS.label_names, *splits), seed=0)
    assert tokenizer.id_to_token[5:] == ["a", "text", "training"]


def test_the_seed_draws_the_weights() -> None:
    first, again, other = (build(RECIPE, CORPUS, seed)[0].classifier.weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_folder_holds_the_model_that_was_returned(tmp_path: Path) -> None:
    model, tokenizer, _ = run_recipe(RECIPE, CORPUS, 0, Run(tmp_path))
    assert evaluate(*load_classifier(tmp_path), CORPUS.test) == evaluate(model, tokenizer, CORPUS.test)


def test_a_record_holds_everything(tmp_path: Path) -> None:
    record = make_record("mine", RECIPE, CORPUS, range(2), tmp_path)
    assert json.loads(json.dumps(record)) == json.loads(json.dumps(record, allow_nan=False))
    assert record["about"] == "a test"
    assert record["recipe"]["tokenizer"] == RECIPE.tokenizer
    assert record["recipe"]["model"] == RECIPE.model
    assert record["recipe"]["training"] == asdict(RECIPE.training)
    assert record["versions"].keys() == {"python", "torch"}
    assert record["threads"] == torch.get_num_threads()
    assert [run["seed"] for run in record["runs"]] == [0, 1]
    for run in record["runs"]:
        model, tokenizer = load_classifier(tmp_path / f"mine-{run['seed']}")
        assert run["test"] == asdict(evaluate(model, tokenizer, CORPUS.test))
        assert unpack(run["answers"], len(CORPUS.test), 2) == answer(model, tokenizer, CORPUS.test)
        assert run["n_parameters"] == sum(weight.numel() for weight in model.parameters())
        assert run["vocab_size"] == len(tokenizer)
        assert [line["epoch"] for line in run["history"]] == [1, 2]
        assert run["cpu_seconds"] == round(run["history"][-1]["cpu_seconds"], 1)
        assert run["wall_seconds"] == round(run["history"][-1]["wall_seconds"], 1)
    accuracies = [run["test"]["accuracy"] for run in record["runs"]]
    assert record["summary"]["accuracy"]["mean"] == pytest.approx(statistics.mean(accuracies), abs=1e-4)


def test_a_record_is_the_same_each_time(tmp_path: Path) -> None:
    first = make_record("mine", RECIPE, CORPUS, [3], tmp_path / "first")
    second = make_record("mine", RECIPE, CORPUS, [3], tmp_path / "second")
    assert without_seconds(first) == without_seconds(second)


def test_a_finished_run_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_record("mine", RECIPE, CORPUS, [0], tmp_path)
    monkeypatch.setattr(loop, "train_step", None)  # a single step would fail
    second = make_record("mine", RECIPE, CORPUS, [0], tmp_path)
    assert without_seconds(first) == without_seconds(second)


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = make_record("mine", RECIPE, CORPUS, [0, 1], tmp_path / "unbroken")
    real, calls = loop.train_step, []

    def stop(*arguments: Any) -> float:
        calls.append(1)
        if len(calls) == 18:  # of 10 steps a seed: in the second epoch of seed 1
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(loop, "train_step", stop)
    with pytest.raises(KeyboardInterrupt):
        make_record("mine", RECIPE, CORPUS, [0, 1], tmp_path / "stopped")
    record = make_record("mine", RECIPE, CORPUS, [0, 1], tmp_path / "stopped")
    assert without_seconds(record) == without_seconds(expected)
    assert len(calls) == 18 + 3 + 2, "the first seed was not run again; the second lost what came after its last state"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"training": replace(RECIPE.training, epochs=3)}, "was started with epochs = 2, but now it is 3"),
        ({"model": {"n_embed": 8, "max_seq_len": 16}}, "was started with n_embed = 4, but now it is 8"),
        ({"tokenizer": {"min_freq": 2}}, "was started with truncation = both, but now it is head"),
    ],
)
def test_a_run_of_another_recipe_is_not_taken_for_this_one(
    tmp_path: Path, changed: dict[str, Any], sentence: str
) -> None:
    make_record("mine", RECIPE, CORPUS, [0], tmp_path)
    with pytest.raises(ValueError, match=f"The run in .*mine-0 {sentence}. .* or delete the folder"):
        make_record("mine", replace(RECIPE, **changed), CORPUS, [0], tmp_path)
    shutil.rmtree(tmp_path / "mine-0")
    make_record("mine", replace(RECIPE, **changed), CORPUS, [0], tmp_path)


def test_the_test_split_is_read_once_for_each_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def look(model: Any, tokenizer: Any, split: Any) -> list[int]:
        read.append("test" if split is CORPUS.test else "another")
        return answer(model, tokenizer, split)

    monkeypatch.setattr(records, "answer", look)
    make_record("mine", RECIPE, CORPUS, range(2), tmp_path)
    assert read == ["test", "test"]


def test_a_summary_is_mean_and_deviation() -> None:
    runs = [Metrics(value, {"no": value, "yes": 1.0}, value / 2, []) for value in (0.5, 0.6, 0.8)]
    summary = summarise(runs)
    assert summary["accuracy"] == {"mean": 0.6333, "sd": round(statistics.stdev([0.5, 0.6, 0.8]), 4)}
    assert summary["f1_yes"] == {"mean": 1.0, "sd": 0.0}
    assert summarise(runs[:1])["macro_f1"] == {"mean": 0.25, "sd": 0.0}


def test_the_baselines_choose_their_penalty_on_validation() -> None:
    baselines = measure_baselines(CORPUS)
    assert baselines.keys() == {"majority", "bag_of_words", "bag_of_words_tf_idf"}
    for name in ("bag_of_words", "bag_of_words_tf_idf"):
        assert baselines[name]["penalty"] in PENALTIES
        assert baselines[name]["test"]["accuracy"] == baselines[name]["validation_accuracy"] == 0.5  # it cannot know
        answered = unpack(baselines[name]["answers"], len(CORPUS.test), 2)
        assert sum(answered) == sum(row[1] for row in baselines[name]["test"]["confusion"])


def test_a_description_counts_the_texts() -> None:
    assert describe(CORPUS)["texts"] == {"train": 80, "validation": 10, "test": 10}
    assert describe(CORPUS)["classes"] == ["negative", "positive"]
