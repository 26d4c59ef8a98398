"""Training with labels: from random weights, or pretrained ones, to the best classifier that validation has seen.

The test split does not appear here.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from nano_bert.data.corpus import Corpus
from nano_bert.fast.data_parallel import Losses
from nano_bert.model import NanoBertForClassification
from nano_bert.tokenizer.base import Tokenizer
from nano_bert.training.batches import training_batches
from nano_bert.training.check_input import check_corpus
from nano_bert.training.evaluation import evaluate
from nano_bert.training.loop import Task, learn, settle
from nano_bert.training.optimizer import TrainingConfig
from nano_bert.training.resume import describe_data
from nano_bert.training.run import Run


class Classification(Task[NanoBertForClassification]):
    """Learn the labels of texts."""

    def __init__(
        self, model: NanoBertForClassification, tokenizer: Tokenizer, corpus: Corpus, settings: TrainingConfig
    ) -> None:
        check_corpus(model, tokenizer, corpus)
        self.model, self.tokenizer, self.corpus, self.settings = model, tokenizer, corpus, settings
        self.ids = [tokenizer.token_ids(text) for text in corpus.train.texts]
        self.identity = describe_data(corpus.name, [vars(corpus.train), vars(corpus.validation)], tokenizer)
        self.n_batches = math.ceil(len(self.ids) / settings.batch_size)

    def batches(self, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
        """Yield the texts in batches of like length, shuffled, with their labels."""
        labels, size, dropout = self.corpus.train.labels, self.settings.batch_size, self.settings.word_dropout
        for inputs, chosen in training_batches(self.ids, labels, self.tokenizer, size, generator, dropout):
            yield {**inputs, "labels": chosen}

    def losses(self, batch: Mapping[str, Tensor]) -> Losses:
        """Return the cross-entropy, summed over the texts of the batch."""
        n_texts = len(batch["labels"])
        return [(self.model(**batch).loss * n_texts, n_texts)]

    def validate(self) -> tuple[float, dict[str, float]]:
        """Return the accuracy on the validation split."""
        metrics = evaluate(self.model, self.tokenizer, self.corpus.validation)
        notes = {"validation_accuracy": metrics.accuracy, "validation_macro_f1": metrics.macro_f1}
        return metrics.accuracy, notes


def train(
    model: NanoBertForClassification,
    tokenizer: Tokenizer,
    corpus: Corpus,
    settings: TrainingConfig | None = None,
    run: Run | None = None,
) -> list[dict[str, Any]]:
    """Train a classifier; afterwards it holds the weights of its best epoch on the validation split.

    Args:
        model: The classifier, with random weights or with those of an earlier training.
        tokenizer: Its tokenizer.
        corpus: `train` is learnt from, `validation` is looked at; `test` is not touched.
        settings: How to train.
        run: Where the run is kept, as in `run=Run("runs/mine")`, so that it can go on after a break. By default it is
            not kept.

    Returns:
        The history: for each epoch the mean training loss, the metrics on the validation split, and the seconds
        since the start.

    Raises:
        FileNotFoundError: If there is no run to go on with.
        ValueError: If that run had other settings, the model cannot be trained on this corpus, or the loss is no longer
            a number.

    Examples:
        >>> import torch
        >>> from nano_bert import NanoBertForClassification, WordTokenizer
        >>> from nano_bert.data import Corpus, Split
        >>> from nano_bert.training import TrainingConfig, train
        >>> split = Split(["good film", "bad film", "a good one", "a bad one"], [1, 0, 1, 0])
        >>> corpus = Corpus("tiny", ("negative", "positive"), split, split, split)
        >>> tokenizer = WordTokenizer.from_texts(split.texts)
        >>> _ = torch.manual_seed(0)
        >>> model = NanoBertForClassification(vocab_size=len(tokenizer), n_embed=8, dropout=0.0)
        >>> history = train(model, tokenizer, corpus, TrainingConfig(epochs=30, learning_rate=0.05, patience=30))
        >>> history[-1]["validation_accuracy"]
        1.0
    """
    settings, run = settle(settings, run)
    return learn(Classification(model, tokenizer, corpus, settings), settings, run)
