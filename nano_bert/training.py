"""Training with labels: from random weights, or pretrained ones, to the best classifier that validation has seen.

The test split does not appear here.
"""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nano_bert.batches import training_batches
from nano_bert.data import Corpus
from nano_bert.encoding import Tokenizer
from nano_bert.evaluation import evaluate
from nano_bert.loop import Task, learn
from nano_bert.model import NanoBertForClassification
from nano_bert.optimization import TrainingConfig
from nano_bert.resume import describe_data


class Classification(Task[NanoBertForClassification]):
    """Learn the labels of texts."""

    def __init__(self, tokenizer: Tokenizer, corpus: Corpus, settings: TrainingConfig) -> None:
        self.tokenizer, self.corpus, self.settings = tokenizer, corpus, settings
        self.ids = [tokenizer.token_ids(text) for text in corpus.train.texts]
        self.identity = describe_data(corpus.name, [vars(corpus.train), vars(corpus.validation)], tokenizer)
        self.n_texts = len(self.ids)
        self.steps_per_epoch = math.ceil(self.n_texts / settings.batch_size)

    def batches(self, generator: torch.Generator) -> Iterator[tuple[dict[str, Tensor], int]]:
        """Yield the texts in batches of like length, shuffled, with their labels."""
        labels, size, dropout = self.corpus.train.labels, self.settings.batch_size, self.settings.word_dropout
        for inputs, chosen in training_batches(self.ids, labels, self.tokenizer, size, generator, dropout):
            yield {**inputs, "labels": chosen}, len(chosen)

    def loss(self, model: NanoBertForClassification, mine: dict[str, Tensor], whole: dict[str, Tensor]) -> Tensor:
        """Return the mean cross-entropy of the batch, as far as it comes from the texts in `mine`."""
        return model(**mine, output_attentions=False).loss * (len(mine["labels"]) / len(whole["labels"]))

    def validate(self, model: NanoBertForClassification) -> tuple[float, dict[str, float]]:
        """Return the accuracy on the validation split."""
        metrics = evaluate(model, self.tokenizer, self.corpus.validation)
        return metrics.accuracy, {
            "validation_accuracy": metrics.accuracy,
            "validation_macro_f1": metrics.macro_f1,
        }


def train(
    model: NanoBertForClassification,
    tokenizer: Tokenizer,
    corpus: Corpus,
    settings: TrainingConfig | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    show_progress: bool = False,
) -> list[dict[str, Any]]:
    """Train a classifier; afterwards it holds the weights of its best epoch on the validation split.

    Args:
        model: The classifier, with random weights or with those of an earlier training.
        tokenizer: Its tokenizer.
        corpus: `train` is learnt from, `validation` is looked at; `test` is not touched.
        settings: How to train.
        folder: Where to keep the state of the run, so that it can be resumed. By default it is not kept.
        resume: Go on from the state in `folder`. The result is the same, bit for bit, as without a break.
        show_progress: Whether to draw a progress bar.

    Returns:
        The history: for each epoch the mean training loss, the metrics on the validation split, and the seconds
        since the start.

    Raises:
        FileNotFoundError: If there is no state to resume from.
        ValueError: If the state is of a run with other settings, or the loss is no longer a number.

    Examples:
        >>> import torch
        >>> from nano_bert import NanoBertForClassification, WordTokenizer
        >>> from nano_bert.data import Corpus, Split
        >>> from nano_bert.optimization import TrainingConfig
        >>> from nano_bert.training import train
        >>> split = Split(["good film", "bad film", "a good one", "a bad one"], [1, 0, 1, 0])
        >>> corpus = Corpus("tiny", ("negative", "positive"), split, split, split)
        >>> tokenizer = WordTokenizer.from_texts(split.texts)
        >>> _ = torch.manual_seed(0)
        >>> model = NanoBertForClassification(vocab_size=len(tokenizer), n_embed=8, dropout=0.0)
        >>> history = train(model, tokenizer, corpus, TrainingConfig(epochs=30, learning_rate=0.05, patience=30))
        >>> history[-1]["validation_accuracy"]
        1.0
    """
    began = time.process_time(), time.perf_counter()
    settings = settings or TrainingConfig()
    task = Classification(tokenizer, corpus, settings)
    return learn(model, task, settings, folder, resume, show_progress, began)
