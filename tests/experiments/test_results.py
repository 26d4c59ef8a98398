"""The results that the book reports are those of the run records, and the records are whole."""

import json
import os
import statistics
from pathlib import Path
from typing import Any

import pytest

from nano_bert import few_labels, published
from nano_bert.data import load_imdb
from nano_bert.experiments.recipes import CORPORA, RECIPES
from nano_bert.predict import load_classifier, load_pretrained, shipped_models
from nano_bert.training.evaluation import evaluate
from nano_bert.training.optimizer import TrainingConfig
from nano_bert.training.pretraining import Riddles
from tests.book.results_table import make_table, with_table

ROOT = Path(__file__).parents[1]
RECORDS = sorted((ROOT / "docs" / "results").glob("*.json"))


@pytest.mark.parametrize("name", ["README.md", "docs/results.md"])
def test_the_table_is_that_of_the_records(name: str, request: pytest.FixtureRequest) -> None:
    """`pytest --rewrite` writes it anew after `nano-bert reproduce`."""
    page = ROOT / name
    text = page.read_text(encoding="utf-8")
    made = with_table(text, make_table(ROOT / "docs" / "results"))
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


@pytest.mark.skipif("NANO_BERT_DATA" not in os.environ, reason="NANO_BERT_DATA names no folder with the real reviews")
@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_model_is_as_good_as_its_record_says(name: str) -> None:
    """The model of the package is the first seed of its recipe; it is asked about all 25,000 test reviews again."""
    recipe = RECIPES[name]
    record = json.loads((ROOT / "docs" / "results" / f"{recipe.corpus}.json").read_text(encoding="utf-8"))
    [run] = [run for run in record["recipes"][name]["runs"] if run["seed"] == 0]
    metrics = evaluate(*load_classifier(name), CORPORA[recipe.corpus]().test)
    assert metrics.accuracy == pytest.approx(run["test"]["accuracy"], abs=2e-4)


def read(name: str) -> Any:
    return json.loads((ROOT / "docs" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def settings_of(record: dict[str, Any]) -> TrainingConfig:
    """Read the settings of a training; one that came later stood as it stands by default."""
    return TrainingConfig(**{**record, "betas": tuple(record["betas"])})


def as_json(settings: Any) -> Any:
    return json.loads(json.dumps(settings))


def test_the_few_labels_were_measured_with_the_settings_of_today() -> None:
    record = read("few-labels")
    assert record["model"] == few_labels.MODEL
    assert record["share_hidden"] == few_labels.SHARE
    assert settings_of(record["pretraining_settings"]) == few_labels.PRETRAINING
    fine_tuning = {int(n): settings_of(settings) for n, settings in record["fine_tuning_settings"].items()}
    assert fine_tuning == few_labels.FINE_TUNING
    for arm, of_arm in record["runs"].items():
        for n_labels, runs in of_arm.items():
            accuracies = [run["test"]["accuracy"] for run in runs]
            assert len(accuracies) >= 3
            summary = record["summary"][arm][n_labels]["accuracy"]
            assert summary["mean"] == pytest.approx(statistics.mean(accuracies), abs=1e-4)
            assert summary["sd"] == pytest.approx(statistics.stdev(accuracies), abs=1e-4)


def test_the_published_weights_were_measured_with_the_settings_of_today() -> None:
    record = read("published")
    assert record["texts"] == published.PART
    assert settings_of(record["training"]) == published.FINE_TUNING
    accuracies = [run["test"]["accuracy"] for run in record["runs"]]
    assert len(accuracies) >= 3
    assert record["summary"]["published"]["accuracy"]["mean"] == pytest.approx(statistics.mean(accuracies), abs=1e-4)


def test_the_weighed_words_are_those_of_the_baseline() -> None:
    """Both records come from the same bag of words, to the last digit."""
    record, baseline = read("words"), read("imdb")["baselines"]["bag_of_words"]
    assert {name: record[name] for name in baseline} == baseline
    assert [len(words) for words in record["words"].values()] == [10, 10]
    negative, positive = (list(words.values()) for words in record["words"].values())
    assert negative == sorted(negative)
    assert negative[-1] < 0 < positive[-1]
    assert positive == sorted(positive, reverse=True)


@pytest.mark.skipif("NANO_BERT_DATA" not in os.environ, reason="NANO_BERT_DATA names no folder with the real reviews")
def test_the_shipped_pretrained_model_is_as_good_as_its_record_says() -> None:
    """It is the pretraining of the first seed, and guesses hidden words as well as it did then."""
    [run] = [run for run in read("few-labels")["pretraining"] if run["seed"] == 0]
    best = min(run["history"], key=lambda epoch: epoch["validation_loss"])
    model, tokenizer = load_pretrained("imdb-pretrained")
    texts = load_imdb().validation.texts[: few_labels.N_MEASURED]
    riddles = Riddles(tokenizer, texts, texts, few_labels.PRETRAINING, 128, in_pairs=False, share=few_labels.SHARE)
    _, notes = riddles.validate(model)
    assert notes["validation_loss"] == pytest.approx(best["validation_loss"], abs=1e-3)
