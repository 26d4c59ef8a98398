"""Recipes: named experiments, and the records of what came out of them.

A recipe says everything that decides a result: data, vocabulary, model, training. `run_recipe` carries it out
with one seed; `make_record` with several, beside the baselines, and returns what `docs/results/*.json` keeps.
The numbers of the book come from these files.
"""

import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from nano_bert.baselines import BagOfWords, majority
from nano_bert.config import BertConfig
from nano_bert.data import Corpus, load_hatexplain, load_imdb, load_phrases
from nano_bert.evaluation import Metrics, evaluate
from nano_bert.model import NanoBertForClassification
from nano_bert.resume import STATE_FILE
from nano_bert.tokenizer import WordTokenizer
from nano_bert.training import TrainingConfig, train


@dataclass(frozen=True)
class Recipe:
    """All that decides a result, but for the seed.

    Attributes:
        corpus: Name of the corpus in `CORPORA`.
        about: What the recipe is for, in a sentence.
        tokenizer: Settings of `WordTokenizer.from_texts`.
        model: Settings of `BertConfig`; the size of the vocabulary and the classes come from the data.
        training: Settings of the training.
    """

    corpus: str
    about: str
    tokenizer: Mapping[str, Any] = field(default_factory=dict[str, Any])
    model: Mapping[str, Any] = field(default_factory=dict[str, Any])
    training: TrainingConfig = field(default_factory=TrainingConfig)


CORPORA: dict[str, Callable[[], Corpus]] = {
    "imdb": load_imdb,
    "hatexplain": load_hatexplain,
    "hatexplain-3": lambda: load_hatexplain(n_classes=3),
    "phrases": load_phrases,
}

# The size of the first nano-BERT (S. Tita): one layer, one head, and words that are points in space.
SEED_SIZE = {"n_layers": 1, "n_heads": 1, "n_embed": 3, "dropout": 0.1, "max_seq_len": 128}

HATEXPLAIN_LAPTOP = Recipe(
    corpus="hatexplain",
    about="32 features a word and two heads: half a minute on a laptop",
    tokenizer={"min_freq": 2},
    model={
        "n_layers": 1,
        "n_heads": 2,
        "n_embed": 32,
        "dropout": 0.3,
        "max_seq_len": 128,
        "pooling": "mean",
        "initializer_range": 0.1,
        "segment_range": 0.1,
    },
    training=TrainingConfig(epochs=5, learning_rate=2e-3, weight_decay=0.3, word_dropout=0.2, patience=5),
)

RECIPES = {
    "phrases": Recipe(
        corpus="phrases",
        about="artificial phrases in which only word order decides",
        model={"n_layers": 1, "n_heads": 2, "n_embed": 16, "max_seq_len": 32, "pooling": "mean"},
        training=TrainingConfig(epochs=5, learning_rate=5e-3, patience=5),
    ),
    "imdb-seed": Recipe(
        corpus="imdb",
        about="the first nano-BERT's configuration to the letter, trained in another way",
        tokenizer={"min_freq": 5, "truncation": "head"},
        model={**SEED_SIZE, "pooling": "cls", "initializer_range": 0.05, "segment_range": 0.3},
        training=TrainingConfig(learning_rate=1e-2, warmup=0.2, weight_decay=0.1, word_dropout=0.1),
    ),
    "imdb-tiny": Recipe(
        corpus="imdb",
        about="the same size, with the mean over the tokens and with words from head and tail",
        tokenizer={"min_freq": 5, "truncation": "both"},
        model={**SEED_SIZE, "dropout": 0.0, "pooling": "mean", "segment_range": 1.0},
        training=TrainingConfig(learning_rate=2e-2, weight_decay=0.2, word_dropout=0.3),
    ),
    "imdb-laptop": Recipe(
        corpus="imdb",
        about="32 features a word and 512 tokens: minutes on a laptop",
        tokenizer={"min_freq": 5, "truncation": "both"},
        model={
            "n_layers": 1,
            "n_heads": 1,
            "n_embed": 32,
            "dropout": 0.0,
            "max_seq_len": 512,
            "pooling": "mean",
            "segment_range": 1.0,
        },
        training=TrainingConfig(learning_rate=5e-3, weight_decay=0.1, word_dropout=0.3),
    ),
    "hatexplain-tiny": Recipe(
        corpus="hatexplain",
        about="the first nano-BERT's size",
        tokenizer={"min_freq": 3},
        model={**SEED_SIZE, "pooling": "cls", "initializer_range": 0.1, "segment_range": 0.1},
        training=TrainingConfig(epochs=5, learning_rate=1e-2, weight_decay=0.1, word_dropout=0.1, patience=5),
    ),
    "hatexplain-laptop": HATEXPLAIN_LAPTOP,
    "hatexplain-3-laptop": replace(HATEXPLAIN_LAPTOP, corpus="hatexplain-3"),
}

PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # of the bags of words, for the validation split to choose from


def build(recipe: Recipe, corpus: Corpus, seed: int) -> tuple[NanoBertForClassification, WordTokenizer]:
    """Return a recipe's tokenizer, its vocabulary taken from the training split, and its model, untrained."""
    max_seq_len = recipe.model.get("max_seq_len", BertConfig.max_seq_len)
    tokenizer = WordTokenizer.from_texts(corpus.train.texts, max_seq_len=max_seq_len, **recipe.tokenizer)
    torch.manual_seed(seed)
    settings: dict[str, Any] = {**recipe.model, "vocab_size": len(tokenizer), "labels": corpus.label_names}
    return NanoBertForClassification(BertConfig(**settings)), tokenizer


def run_recipe(
    recipe: Recipe,
    corpus: Corpus,
    seed: int,
    folder: Path | None = None,
    resume: bool = False,
    show_progress: bool = False,
) -> tuple[NanoBertForClassification, WordTokenizer, list[dict[str, Any]]]:
    """Train a recipe with one seed.

    Args:
        recipe: What to do.
        corpus: Its data.
        seed: For the weights, the batches and dropout.
        folder: Where to keep the state of the run and, at the end, the model and its tokenizer.
        resume: Whether to go on from the state in `folder`.
        show_progress: Whether to draw progress bars.

    Returns:
        The trained model, its tokenizer, and the history of the training, its seconds counted from here.
    """
    cpu_start, wall_start = time.process_time(), time.perf_counter()
    model, tokenizer = build(recipe, corpus, seed)
    cpu_seconds, wall_seconds = time.process_time() - cpu_start, time.perf_counter() - wall_start
    settings = replace(recipe.training, seed=seed)
    history = train(model, tokenizer, corpus, settings, folder, resume, show_progress)
    for line in history:  # to count the words was work, too
        line["cpu_seconds"] += cpu_seconds
        line["wall_seconds"] += wall_seconds
    if folder is not None:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return model, tokenizer, history


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
        ValueError: If a run that is there had other settings.
    """
    runs: list[dict[str, Any]] = []
    for seed in seeds:
        run_folder = folder / f"{name}-{seed}"
        resume = (run_folder / STATE_FILE).exists()
        model, tokenizer, history = run_recipe(recipe, corpus, seed, run_folder, resume, show_progress=True)
        metrics = evaluate(model, tokenizer, corpus.test)
        runs.append(
            {
                "seed": seed,
                "test": asdict(metrics),
                "wall_seconds": round(history[-1]["wall_seconds"], 1),
                "cpu_seconds": round(history[-1]["cpu_seconds"], 1),
                "n_parameters": sum(weight.numel() for weight in model.parameters()),
                "vocab_size": len(tokenizer),
                "history": history,
            }
        )
        print(f"{name}, seed {seed}: test {metrics}", flush=True)
    return {
        "about": recipe.about,
        "recipe": asdict(replace(recipe, tokenizer=dict(recipe.tokenizer), model=dict(recipe.model))),
        "summary": summarise([Metrics(**run["test"]) for run in runs]),
        "cpu_seconds_mean": round(statistics.mean(run["cpu_seconds"] for run in runs), 1),
        "versions": {"python": platform.python_version(), "torch": torch.__version__.split("+")[0]},
        "threads": torch.get_num_threads(),
        "runs": runs,
    }


def summarise(metrics: Sequence[Metrics]) -> dict[str, dict[str, float]]:
    """Return the mean and the standard deviation (n - 1) of each measure over several runs.

    Examples:
        >>> from nano_bert.evaluation import measure
        >>> from nano_bert.recipes import summarise
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
    tokenizer = WordTokenizer.from_texts(corpus.train.texts, min_freq=2)
    for name, tf_idf in (("bag_of_words", False), ("bag_of_words_tf_idf", True)):
        best_accuracy, best_penalty, best_bag = -1.0, 0.0, None
        for penalty in PENALTIES:
            bag = BagOfWords(tokenizer, corpus.label_names, tf_idf).fit(corpus.train, penalty)
            accuracy = bag.evaluate(corpus.validation).accuracy
            if accuracy > best_accuracy:
                best_accuracy, best_penalty, best_bag = accuracy, penalty, bag
        assert best_bag is not None
        baselines[name] = {
            "validation_accuracy": best_accuracy,
            "penalty": best_penalty,
            "vocab_size": len(tokenizer),
            "test": asdict(best_bag.evaluate(corpus.test)),
        }
    return baselines


def describe(corpus: Corpus) -> dict[str, Any]:
    """Return what a record says of its data."""
    splits = {"train": corpus.train, "validation": corpus.validation, "test": corpus.test}
    return {
        "corpus": corpus.name,
        "classes": list(corpus.label_names),
        "texts": {name: len(split) for name, split in splits.items()},
    }
