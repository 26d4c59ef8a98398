"""Published weights: found here or on the hub, put under a new classifier, and told apart by their numbers."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nano_bert import NanoBERT, WordPieceTokenizer
from nano_bert.data import Corpus, Split
from nano_bert.experiments import published_weights as published
from nano_bert.experiments.published_weights import MINILM, minilm, take_part
from nano_bert.experiments.recipes import Recipe, build, run_recipe
from nano_bert.experiments.records import make_record
from nano_bert.predict import load_classifier
from nano_bert.tokenizer.base import SPECIAL_TOKENS
from nano_bert.training import Run, TrainingConfig, loop
from nano_bert.training.evaluation import answer
from nano_bert.training.significance import unpack
from tests.oracles import random_weights
from tests.phrases import phrases

CORPUS = phrases(100)


def a_bert(folder: Path, seed: int = 0) -> str:
    """A BERT of random weights, in the layout of a published one."""
    words = sorted({word for text in CORPUS.train.texts for word in text.split() if len(word) > 1})[:60]
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, *words, *"abcdefghijklmnop", *(f"##{x}" for x in "abcdefgh")])
    tokenizer.save_pretrained(folder)
    model = NanoBERT(vocab_size=len(tokenizer), n_embed=8, n_heads=2, n_layers=2, max_seq_len=32)
    random_weights(model, seed).save_pretrained(folder)
    return str(folder)


def recipe_from(weights: str) -> Recipe:
    return Recipe(
        corpus="phrases",
        about="a test",
        tokenizer={"max_seq_len": 12, "truncation": "both"},
        model={"pooling": "mean"},
        training=TrainingConfig(epochs=1, batch_size=16, dtype="bfloat16"),
        weights=weights,
    )


def test_the_weights_and_the_vocabulary_are_the_published_ones_and_the_classifier_is_new(tmp_path: Path) -> None:
    recipe = recipe_from(a_bert(tmp_path))
    model, tokenizer = build(recipe, CORPUS, seed=0)
    again, other = (build(recipe, CORPUS, seed)[0] for seed in (0, 1))
    expected = NanoBERT.from_pretrained(tmp_path).state_dict()
    assert all(weight.equal(expected[name]) for name, weight in model.bert.state_dict().items())
    assert torch.equal(model.classifier.weight, again.classifier.weight)
    assert not torch.equal(model.classifier.weight, other.classifier.weight)
    assert (model.config.pooling, model.config.labels) == ("mean", CORPUS.label_names)
    assert (tokenizer.max_seq_len, tokenizer.truncation) == (12, "both")
    assert tokenizer.id_to_token == WordPieceTokenizer.from_pretrained(tmp_path).id_to_token


def test_a_size_that_is_not_theirs_is_refused(tmp_path: Path) -> None:
    recipe = recipe_from(a_bert(tmp_path))
    with pytest.raises(
        ValueError, match=r"^n_layers, vocab_size cannot be chosen: published weights have a size of their"
    ):
        build(
            replace(recipe, model={"pooling": "mean", "n_layers": 1, "dropout": 0.5, "vocab_size": 9}), CORPUS, seed=0
        )


def test_a_record_of_published_weights_is_complete_and_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_from(a_bert(tmp_path / "weights"))
    record = make_record("mine", recipe, CORPUS, [0, 3], tmp_path)
    assert record["recipe"]["weights"] == recipe.weights
    assert record["size"] == {"n_layers": 2, "n_heads": 2, "n_embed": 8, "max_seq_len": 12}
    json.dumps(record, allow_nan=False)
    for run in record["runs"]:
        model, tokenizer = load_classifier(tmp_path / f"mine-{run['seed']}")
        with torch.autocast("cpu", torch.bfloat16):  # measured as it was trained
            assert unpack(run["answers"], len(CORPUS.test), 2) == answer(model.fuse(), tokenizer, CORPUS.test)
    monkeypatch.setattr(loop, "train_step", None)  # a single step would fail
    assert make_record("mine", recipe, CORPUS, [0, 3], tmp_path)["summary"] == record["summary"]


def test_from_other_weights_it_is_another_run(tmp_path: Path) -> None:
    recipe = recipe_from(a_bert(tmp_path / "weights"))
    run_recipe(recipe, CORPUS, 0, Run(tmp_path / "run"))
    others = replace(recipe, weights=a_bert(tmp_path / "others", seed=1))
    with pytest.raises(ValueError, match="was started with corpus = phrases, from the weights"):
        run_recipe(others, CORPUS, 0, Run(tmp_path / "run", resume=True))


def test_minilm_is_in_its_package_or_on_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        raise ModuleNotFoundError(name)

    assert Path(minilm()).is_dir()
    monkeypatch.setattr(published, "import_module", nothing)
    assert minilm() == MINILM == "sentence-transformers/all-MiniLM-L6-v2"


# A part of a corpus


def test_the_part_is_drawn_and_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "PART", {"train": 40, "validation": 5, "test": 7})
    part = take_part(CORPUS)
    assert part == take_part(CORPUS) != take_part(CORPUS, seed=1)
    assert part.name == "a part of phrases"
    for name, n in published.PART.items():
        whole, taken = getattr(CORPUS, name), getattr(part, name)
        assert len(taken) == n == len(set(taken.texts))
        assert taken.texts != whole.texts[:n], "IMDB comes in order, so the part is drawn from all of it"
        known = dict(zip(whole.texts, whole.labels, strict=True))
        assert [known[text] for text in taken.texts] == taken.labels


def test_the_part_of_the_book_is_always_the_same() -> None:
    """Drawn from 20,000, 5,000 and 25,000 texts: these ones, on every machine and in every version of Python."""
    sizes = {"train": 20_000, "validation": 5_000, "test": 25_000}
    splits = {name: Split([str(n) for n in range(size)], [0] * size) for name, size in sizes.items()}
    part = take_part(Corpus("imdb", ("negative", "positive"), **splits))
    assert part.train.texts[:4] == ["12623", "13781", "1326", "8484"]
    assert part.validation.texts[:4] == ["3155", "3445", "331", "2121"]
    assert part.test.texts[:4] == ["12623", "24836", "13781", "1326"]
