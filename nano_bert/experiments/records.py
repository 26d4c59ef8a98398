"""Records: what came out of the recipes, with several seeds and beside the baselines.

`nano-bert reproduce` keeps them in `docs/results/*.json`, and the numbers of the book come from these files alone. One
run is luck: a result is a mean over seeds with its standard deviation (Reimers and Gurevych, 2017,
https://arxiv.org/abs/1707.09861).
"""

import hashlib
import json
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from nano_bert.data import Corpus, Split
from nano_bert.experiments.distilled import find_teacher, learn_from
from nano_bert.experiments.published_weights import name_after
from nano_bert.experiments.recipes import Recipe, build
from nano_bert.experiments.repeated import count_repeated, drop_repeated
from nano_bert.fast.hardware import on_device
from nano_bert.model import NanoBertForClassification
from nano_bert.predict import load_classifier, shipped_models
from nano_bert.pretrained.safe_files import write_atomically
from nano_bert.tokenizer.base import Tokenizer
from nano_bert.tokenizer.wordpiece import WordPieceTokenizer
from nano_bert.tokenizer.words import WordTokenizer
from nano_bert.training.baselines import BagOfWords, majority
from nano_bert.training.evaluation import Metrics, answer, measure
from nano_bert.training.optimizer import TrainingConfig
from nano_bert.training.resume import STATE_FILE, describe_weights
from nano_bert.training.run import Run
from nano_bert.training.significance import pack

FIRST_SEED = 100  # of the runs in a record: settings are chosen with other seeds
PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # of the bags of words, for the validation split to choose from


def make_record(name: str, recipe: Recipe, corpus: Corpus, seeds: Sequence[int], folder: Path) -> dict[str, Any]:
    """Carry out a recipe with several seeds, and write down everything that came out.

    The test split is read once for each seed, after the training.

    Args:
        name: The name of the recipe.
        recipe: What to do.
        corpus: Its data.
        seeds: One run each.
        folder: Each run is kept in a folder in it, `name-seed`. One that is there already is resumed; one that is
            complete is taken as it is. Delete the folder to train anew.

    Raises:
        FileNotFoundError: If the recipe has a teacher that is not in `folder`.
        ValueError: If a run that is there had other settings.
    """
    teacher = find_teacher(recipe.teacher, folder) if recipe.teacher else None
    runs: list[dict[str, Any]] = []
    size: dict[str, int] = {}
    for seed in seeds:
        model, tokenizer = build(recipe, corpus, seed)
        size = {part: getattr(model.config, part) for part in ("n_layers", "n_heads", "n_embed")}
        size["max_seq_len"] = tokenizer.max_seq_len or model.config.max_seq_len
        data = name_after(corpus, model) if recipe.weights else corpus
        settings = replace(recipe.training, seed=seed)
        runs.append(train_and_measure(model, tokenizer, data, settings, folder / f"{name}-{seed}", teacher))
        print(f"{name}, seed {seed}: test {Metrics(**runs[-1]['test'])}", flush=True)
    shipped = {"shipped": judge_shipped(name, corpus.test)} if name in shipped_models() else {}
    return {
        "about": recipe.about,
        "recipe": asdict(replace(recipe, tokenizer=dict(recipe.tokenizer), model=dict(recipe.model))),
        "size": size,
        "summary": summarise([Metrics(**run["test"]) for run in runs]),
        "cpu_seconds_mean": round(statistics.mean(run["cpu_seconds"] for run in runs), 1),
        **shipped,
        **versions(),
        "runs": runs,
    }


def judge_shipped(name: str, split: Split) -> dict[str, Any]:
    """Return what a record keeps of a model that comes with the package: it was trained with a seed of its own."""
    model, tokenizer = load_classifier(name)
    return judged(split, answer(model.fuse(), tokenizer, split), model.config.labels)


def kept_run(folder: Path) -> Run:
    """Return a run that is kept in a folder, and goes on if it was begun there before."""
    return Run(folder, resume=(folder / STATE_FILE).exists(), show_progress=True)


def train_and_measure(
    model: NanoBertForClassification,
    tokenizer: WordTokenizer | WordPieceTokenizer,
    corpus: Corpus,
    settings: TrainingConfig,
    folder: Path,
    teacher: Path | None = None,
) -> dict[str, Any]:
    """Train a model, or go on where the run in the folder was stopped; keep it, measure it, return what a record keeps.

    It is measured as it was trained: on the same device, in as many bits.
    """
    history = learn_from(teacher, model, tokenizer, corpus, settings, kept_run(folder))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    with on_device(model, settings.device, settings.dtype):
        measured = measure_once(model, tokenizer, corpus.test, folder)
    return {
        "seed": settings.seed,
        **measured,
        "wall_seconds": round(history[-1]["wall_seconds"], 1),
        "cpu_seconds": round(history[-1]["cpu_seconds"], 1),
        "n_parameters": sum(weight.numel() for weight in model.parameters()),
        "vocab_size": len(tokenizer),
        "history": history,
    }


def measure_once(model: NanoBertForClassification, tokenizer: Tokenizer, split: Split, folder: Path) -> dict[str, Any]:
    """Measure a trained model on the test split, and keep that beside it: the same weights are not asked twice.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        split: The test split.
        folder: The folder of the run; `test.json` in it holds what came out, and a fingerprint of weights and texts.

    Returns:
        The metrics, as `test`, and the answer for every text, packed, as `answers`.
    """
    fingerprint = describe_weights(model) + hashlib.sha256(json.dumps(split.texts).encode()).hexdigest()[:16]
    path = folder / "test.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if kept.get("fingerprint") != fingerprint:
        answers = answer(model.fuse(), tokenizer, split)
        kept = {"fingerprint": fingerprint, **judged(split, answers, model.config.labels)}
        write_atomically(path, json.dumps(kept, indent=1) + "\n")
    return {name: kept[name] for name in ("test", "answers")}


def judged(split: Split, answers: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    """Return what a record keeps of some answers: the metrics, and the answers themselves, packed."""
    return {"test": asdict(measure(split.labels, answers, names)), "answers": pack(answers, len(names))}


def versions() -> dict[str, Any]:
    """Return what a record says of the machine."""
    return {
        "versions": {"python": platform.python_version(), "torch": torch.__version__.split("+")[0]},
        "threads": torch.get_num_threads(),
    }


def summarise(metrics: Sequence[Metrics]) -> dict[str, dict[str, float]]:
    """Return the mean and the standard deviation (n - 1) of each measure over several runs.

    Examples:
        >>> from nano_bert.training.evaluation import measure
        >>> from nano_bert.experiments.records import summarise
        >>> runs = [measure([0, 1], [0, 1], ["bad", "good"]), measure([0, 1], [1, 1], ["bad", "good"])]
        >>> summarise(runs)["accuracy"]
        {'mean': 0.75, 'sd': 0.3536}
    """
    columns = {"accuracy": [run.accuracy for run in metrics], "macro_f1": [run.macro_f1 for run in metrics]}
    columns |= {f"f1_{name}": [run.f1[name] for run in metrics] for name in metrics[0].f1}
    return {
        name: {
            "mean": round(statistics.mean(values), 4),
            "sd": round(statistics.stdev(values), 4) if len(values) > 1 else 0.0,
        }
        for name, values in columns.items()
    }


def measure_baselines(corpus: Corpus) -> dict[str, Any]:
    """Return the test metrics of the baselines: the majority, and the bag of words in its two forms.

    Each bag of words takes, from `PENALTIES`, the penalty that is best on the validation split.
    """
    baselines: dict[str, Any] = {"majority": {"test": asdict(majority(corpus.train, corpus.test, corpus.label_names))}}
    for name, tf_idf in (("bag_of_words", False), ("bag_of_words_tf_idf", True)):
        _, baselines[name] = choose_bag(corpus, tf_idf)
    return baselines


def choose_bag(corpus: Corpus, tf_idf: bool, tokenizer: Tokenizer | None = None) -> tuple[BagOfWords, dict[str, Any]]:
    """Return the bag of words whose penalty is best on the validation split, and what a record says of it."""
    tokenizer = tokenizer or WordTokenizer.from_texts(corpus.train.texts, min_freq=2)
    bags = [BagOfWords(tokenizer, corpus.label_names, tf_idf).fit(corpus.train, penalty) for penalty in PENALTIES]
    accuracies = [bag.evaluate(corpus.validation).accuracy for bag in bags]
    best = accuracies.index(max(accuracies))
    return bags[best], {
        "validation_accuracy": accuracies[best],
        "penalty": PENALTIES[best],
        "vocab_size": len(tokenizer),
        **judged(corpus.test, bags[best].answer(corpus.test), corpus.label_names),
    }


def make_words_record(corpus: Corpus, n_words: int = 10) -> dict[str, Any]:
    """Write down which words the bag of words weighs most, for either class.

    The bag is that of `measure_baselines`. Nothing in it is random, so one run is enough. Beside the words there is
    what looking at them led to: how many training texts end in a score, and what the repeated texts change.

    Args:
        corpus: Of two classes.
        n_words: How many words to write down for each class.
    """
    bag, result = choose_bag(corpus, tf_idf=False)
    words = list(bag.word_weights().items())
    first, last = corpus.label_names[0], corpus.label_names[-1]
    fresh = drop_repeated(corpus)
    return {
        "about": "the words that count most for a bag of words: above 0 they speak for the last class",
        **describe(corpus),
        **result,
        "bias": round((bag.bias[-1] - bag.bias[0]).item(), 4),
        "words": {
            first: {word: round(weight, 4) for word, weight in words[:n_words]},
            last: {word: round(weight, 4) for word, weight in words[: -n_words - 1 : -1]},
        },
        "scores": {score: _count_texts_with(score, corpus.train) for score in ("7/10", "8/10")},
        "repeated": {
            **count_repeated(corpus),
            "test without them": {"texts": len(fresh), "accuracy": bag.evaluate(fresh).accuracy},
        },
        **versions(),
    }


def _count_texts_with(words: str, split: Split) -> dict[str, int]:
    """Return how many texts contain these words, and how many of them belong to the last of two classes."""
    labels = [label for text, label in zip(split.texts, split.labels, strict=True) if words in text]
    return {"texts": len(labels), "positive": sum(labels)}


def describe(corpus: Corpus) -> dict[str, Any]:
    """Return what a record says of its data."""
    splits = {"train": corpus.train, "validation": corpus.validation, "test": corpus.test}
    return {
        "corpus": corpus.name,
        "classes": list(corpus.label_names),
        "texts": {name: len(split) for name, split in splits.items()},
        "test_labels": pack(corpus.test.labels, len(corpus.label_names)),
    }
