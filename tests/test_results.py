"""The results that the book reports are those of the run records, and the records are whole."""

import json
import os
import statistics
from pathlib import Path

import pytest

from nano_bert.evaluation import evaluate
from nano_bert.predict import load_classifier, shipped_models
from nano_bert.recipes import CORPORA, RECIPES
from tests.results_table import make_table, with_table

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
