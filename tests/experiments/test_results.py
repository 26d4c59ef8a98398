"""The results that the book reports are those of the run records, and the records are whole."""

import json
import os
import statistics
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from nano_bert.data import Split
from nano_bert.experiments import few_labels, reading
from nano_bert.experiments.recipes import CORPORA, PRETRAINING, RECIPES
from nano_bert.predict import load_classifier, load_pretrained, shipped_models
from nano_bert.training import TrainingConfig
from nano_bert.training.evaluation import evaluate
from nano_bert.training.halves import Halves
from nano_bert.training.pretraining import Pretraining
from nano_bert.training.significance import unpack
from tests.book.results_table import make_paired_table, make_table, with_table

ROOT = Path(__file__).parents[2]
with_reviews = pytest.mark.skipif(
    not os.environ.get("NANO_BERT_DATA"), reason="NANO_BERT_DATA names no folder with the real reviews"
)
corpus_of = cache(lambda name: CORPORA[name]())  # reading IMDB takes two seconds
RECORDS = sorted((ROOT / "docs" / "results").glob("*.json"))


@pytest.mark.parametrize("name", ["README.md", "docs/results.md"])
def test_the_table_is_that_of_the_records(name: str, request: pytest.FixtureRequest) -> None:
    """`pytest --rewrite` writes it anew after `nano-bert reproduce`."""
    page = ROOT / name
    text = page.read_text(encoding="utf-8")
    made = with_table(text, make_table(ROOT / "docs" / "results"))
    if name == "docs/results.md":
        made = with_table(made, make_paired_table(ROOT / "docs" / "results"), "paired")
    if request.config.getoption("--rewrite"):
        page.write_text(made, encoding="utf-8")
    else:
        assert text == made, f"the table in {name} is not that of the records: run `pytest --rewrite`"


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_holds_what_the_recipes_say_now(path: Path) -> None:
    """Whoever changes a recipe measures it again."""
    record = json.loads(path.read_text(encoding="utf-8"))
    for name, result in record.get("recipes", {}).items():
        recipe = RECIPES[name]
        assert result["recipe"]["tokenizer"] == dict(recipe.tokenizer), name
        assert result["recipe"]["model"] == dict(recipe.model), name
        assert result["recipe"]["training"]["learning_rate"] == recipe.training.learning_rate, name
        assert result["recipe"]["training"]["epochs"] == recipe.training.epochs, name
        assert len(result["runs"]) >= 3, "a mean of fewer than three seeds says little"
        accuracies = [run["test"]["accuracy"] for run in result["runs"]]
        assert result["summary"]["accuracy"]["mean"] == pytest.approx(statistics.mean(accuracies), abs=1e-4)
        assert result["summary"]["accuracy"]["sd"] == pytest.approx(statistics.stdev(accuracies), abs=1e-4)


def test_every_recipe_for_real_data_has_a_record() -> None:
    measured = {name for path in RECORDS for name in json.loads(path.read_text(encoding="utf-8")).get("recipes", {})}
    assert measured == {name for name, recipe in RECIPES.items() if recipe.corpus != "phrases"}


def told_right(name: str) -> tuple[float, int]:
    """Return the recorded accuracy of a shipped model, and of how many texts."""
    test = read(RECIPES[name].corpus)["recipes"][name]["shipped"]["test"]
    return test["accuracy"], sum(map(sum, test["confusion"]))


@with_reviews
@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_model_is_as_good_as_its_record_says(name: str) -> None:
    """Asked about every twenty-fifth test text, it may miss its record by chance, but not by four standard errors."""
    accuracy, _ = told_right(name)
    test = corpus_of(RECIPES[name].corpus).test
    part = Split(test.texts[::25], test.labels[::25])
    model, tokenizer = load_classifier(name)
    error = (accuracy * (1 - accuracy) / len(part)) ** 0.5
    assert abs(evaluate(model.fuse(), tokenizer, part).accuracy - accuracy) < 4 * error


@pytest.mark.slow
@with_reviews
@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_model_answers_the_whole_test_split_as_its_record_says(name: str) -> None:
    """All 25,000 test reviews again; rounding on another machine may turn a handful of answers."""
    accuracy, n_texts = told_right(name)
    test = corpus_of(RECIPES[name].corpus).test
    assert len(test) == n_texts
    model, tokenizer = load_classifier(name)
    assert evaluate(model.fuse(), tokenizer, test).accuracy == pytest.approx(accuracy, abs=2e-4)


def read(name: str) -> Any:
    return json.loads((ROOT / "docs" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def settings_of(record: dict[str, Any]) -> TrainingConfig:
    """Read the settings of a training; one that came later stood as it stands by default."""
    return TrainingConfig(**{**record, "betas": tuple(record["betas"])})


def as_json(settings: Any) -> Any:
    return json.loads(json.dumps(settings))


def test_the_few_labels_were_measured_with_the_settings_of_today() -> None:
    record = read("few-labels")
    assert record["model"] == dict(PRETRAINING.model)
    assert record["share_hidden"] == PRETRAINING.masking.share
    assert settings_of(record["pretraining_settings"]) == PRETRAINING.training
    matching = dict(record["halves_settings"])
    assert (matching.pop("tokens"), settings_of(matching)) == (reading.N_HALF, reading.MATCHING)
    assert record["vocab_size"] == PRETRAINING.vocab_size
    fine_tuning = {int(n): settings_of(settings) for n, settings in record["fine_tuning_settings"].items()}
    assert fine_tuning == few_labels.FINE_TUNING
    published = {int(n): settings_of(settings) for n, settings in record["settings_of_published"].items()}
    assert published == few_labels.OF_PUBLISHED
    for arm, of_arm in record["runs"].items():
        for n_labels, runs in of_arm.items():
            accuracies = [run["test"]["accuracy"] for run in runs]
            assert len(accuracies) >= 3
            summary = record["summary"][arm][n_labels]["accuracy"]
            assert summary["mean"] == pytest.approx(statistics.mean(accuracies), abs=1e-4)
            assert summary["sd"] == pytest.approx(statistics.stdev(accuracies), abs=1e-4)


@pytest.mark.parametrize("path", [path for path in RECORDS if "recipes" in json.loads(path.read_text())],
                         ids=lambda path: path.stem)  # fmt: skip
def test_the_kept_answers_are_those_that_were_counted(path: Path) -> None:
    """So that two models can be compared text by text, from the record alone."""
    record = json.loads(path.read_text(encoding="utf-8"))
    kept = [run for result in record["recipes"].values() for run in result["runs"]]
    kept += [result["shipped"] for result in record["recipes"].values() if "shipped" in result]
    kept += [record["baselines"][name] for name in ("bag_of_words", "bag_of_words_tf_idf")]
    n_classes, n_texts = len(record["classes"]), record["texts"]["test"]
    for one in kept:
        answers = unpack(one["answers"], n_texts, n_classes)
        assert [answers.count(n) for n in range(n_classes)] == [sum(row[n] for row in one["test"]["confusion"])
                                                               for n in range(n_classes)]  # fmt: skip


def test_the_weighed_words_are_those_of_the_baseline() -> None:
    """Both records come from the same bag of words, to the last digit."""
    record, baseline = read("words"), read("imdb")["baselines"]["bag_of_words"]
    assert {name: record[name] for name in baseline} == baseline
    assert [len(words) for words in record["words"].values()] == [10, 10]
    negative, positive = (list(words.values()) for words in record["words"].values())
    assert negative == sorted(negative)
    assert negative[-1] < 0 < positive[-1]
    assert positive == sorted(positive, reverse=True)


@with_reviews
def test_the_shipped_pretrained_model_is_as_good_as_its_record_says() -> None:
    """It is the pretraining of the record, and guesses hidden words as well as it did then."""
    best = min(read("few-labels")["pretraining"]["history"], key=lambda epoch: epoch["validation_loss"])
    model, tokenizer = load_pretrained("imdb-pretrained")
    texts = corpus_of("imdb").validation.texts[: reading.N_MEASURED]
    _, notes = Pretraining(model.fuse(), tokenizer, texts, texts, PRETRAINING.training, PRETRAINING.masking).validate()
    assert notes["validation_loss"] == pytest.approx(best["validation_loss"], abs=5e-3)  # that was in 16 bits


@with_reviews
def test_the_shipped_model_that_matched_halves_is_as_good_as_its_record_says() -> None:
    """It finds as many halves as it did then, and it is not the model it began with."""
    best = min(read("few-labels")["halves"]["history"], key=lambda epoch: epoch["validation_halves"])
    texts = corpus_of("imdb").validation.texts[: reading.N_MEASURED]
    found: dict[str, float] = {}
    for name in ("imdb-halves", "imdb-pretrained"):
        model, tokenizer = load_pretrained(name)
        tokenizer.max_seq_len = reading.N_HALF
        settings = reading.MATCHING
        task = Halves(model.fuse(), tokenizer, texts, texts, settings, PRETRAINING.masking)
        found[name] = task.validate()[1]["validation_halves"]
    assert found["imdb-halves"] == pytest.approx(best["validation_halves"], abs=2e-2)  # that was in 16 bits
    assert found["imdb-pretrained"] > 1.2 * found["imdb-halves"]
