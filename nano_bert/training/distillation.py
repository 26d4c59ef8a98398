"""Distillation: a small model learns from what a large one thinks.

A label says that a review is positive. A large model that has learnt from labels says more: that this review is
positive beyond doubt, that one by a hair, and how it feels about any part of it that nobody has labelled. A small model
can learn all that as it learns labels: its probabilities are compared with the teacher's (Hinton et al., 2015,
"Distilling the Knowledge in a Neural Network", https://arxiv.org/abs/1503.02531).
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from nano_bert.data.corpus import Corpus, Split
from nano_bert.fast.data_parallel import Losses
from nano_bert.model import NanoBertForClassification
from nano_bert.tokenizer.base import Tokenizer
from nano_bert.training.batches import training_batches
from nano_bert.training.check_input import check_corpus
from nano_bert.training.classification import Classification
from nano_bert.training.loop import learn, settle
from nano_bert.training.optimizer import TrainingConfig
from nano_bert.training.run import Run


class Distillation(Classification):
    """Learn a teacher's probabilities for the training texts, in place of their labels."""

    def __init__(
        self,
        model: NanoBertForClassification,
        tokenizer: Tokenizer,
        corpus: Corpus,
        answers: Float[Tensor, "text n_classes"],
        settings: TrainingConfig,
    ) -> None:
        super().__init__(model, tokenizer, corpus, settings)
        self.answers = answers
        digest = hashlib.sha256(answers.numpy().tobytes()).hexdigest()[:16]
        self.identity: dict[str, Any] = {**self.identity, "fingerprint of the teacher's answers": digest}

    def batches(self, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
        """Yield the texts in batches of like length, shuffled, with the teacher's answers."""
        numbers, size, dropout = range(len(self.ids)), self.settings.batch_size, self.settings.word_dropout
        for inputs, chosen in training_batches(self.ids, numbers, self.tokenizer, size, generator, dropout):
            yield {**inputs, "answers": self.answers[chosen]}

    def losses(self, batch: Mapping[str, Tensor]) -> Losses:
        """Return the cross-entropy with the teacher's answers, summed over the texts of the batch."""
        logits = self.model(batch["input_ids"], batch["attention_mask"]).logits
        return [(cross_entropy(logits, batch["answers"], reduction="sum"), len(logits))]


def distil(
    model: NanoBertForClassification,
    tokenizer: Tokenizer,
    corpus: Corpus,
    answers: Float[Tensor, "text n_classes"],
    settings: TrainingConfig | None = None,
    run: Run | None = None,
) -> list[dict[str, Any]]:
    """Teach a classifier what another one answers; afterwards it holds the weights of its best epoch on validation.

    Args:
        model: The student.
        tokenizer: Its tokenizer; the teacher may have another one.
        corpus: The texts of `train` are learnt from, its labels are not looked at; `validation` is, with its labels.
        answers: For each text of `train` the teacher's probabilities, from `predict_probabilities`.
        settings: How to train.
        run: Where the run is kept, as in `nano_bert.training.train`.

    Returns:
        The history, as `nano_bert.training.train` gives it; the loss is never below the teacher's own uncertainty.

    Raises:
        ValueError: If the answers are not probabilities, one row for each text; and as in `nano_bert.training.train`.

    Examples:
        >>> import torch
        >>> from nano_bert import NanoBertForClassification, WordTokenizer
        >>> from nano_bert.data import Corpus, Split
        >>> from nano_bert.training import TrainingConfig
        >>> from nano_bert.training.distillation import distil
        >>> split = Split(["good film", "bad film", "film"], [1, 0, 0])
        >>> corpus = Corpus("tiny", ("negative", "positive"), split, split, split)
        >>> tokenizer = WordTokenizer.from_texts(split.texts)
        >>> _ = torch.manual_seed(0)
        >>> student = NanoBertForClassification(vocab_size=len(tokenizer), n_embed=8, dropout=0.0)
        >>> answers = torch.tensor([[0.1, 0.9], [0.9, 0.1], [0.6, 0.4]])
        >>> settings = TrainingConfig(epochs=60, learning_rate=0.05, patience=60)
        >>> history = distil(student, tokenizer, corpus, answers, settings)
        >>> uncertainty = -(answers * answers.log()).sum(dim=-1).mean()  # how unsure the teacher is
        >>> round(uncertainty.item(), 3), round(history[-1]["train_loss"], 3)
        (0.441, 0.441)
    """
    settings, run = settle(settings, run)
    check_corpus(model, tokenizer, corpus)
    answers = check_answers(answers, corpus)
    likely: list[int] = answers.argmax(dim=-1).tolist()
    corpus = replace(corpus, train=Split(corpus.train.texts, likely))
    return learn(Distillation(model, tokenizer, corpus, answers, settings), settings, run)


def soften(answers: Float[Tensor, "text n_classes"], temperature: float) -> Float[Tensor, "text n_classes"]:
    """Return probabilities that doubt more: each raised to the power of 1 / temperature, and shared out anew.

    It is the same as to divide a teacher's scores by the temperature before the softmax (Hinton et al., 2015, section
    2). "Surely positive" and "positive, I think" are then further apart. Who learns such answers doubts as much; its
    scores, multiplied by the temperature, do not.

    Args:
        answers: Probabilities.
        temperature: 1 changes nothing; a higher one brings them closer together.

    Raises:
        TypeError: If the answers are no tensor of fractions, or the temperature is no number.
        ValueError: If the answers are no probabilities, or the temperature is not above 0.

    Examples:
        >>> import torch
        >>> from nano_bert.training.distillation import soften
        >>> soften(torch.tensor([[0.9, 0.1], [0.99, 0.01]]), temperature=2.0).round(decimals=2)
        tensor([[0.7500, 0.2500],
                [0.9100, 0.0900]])
    """
    if isinstance(temperature, bool) or not isinstance(temperature, Real):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"A temperature is a number, such as 3.0, but it is {temperature!r:.80}.")
    if not 0 < temperature < math.inf:  # written so that it refuses NaN, too
        raise ValueError(f"A temperature is above 0 and finite, but it is {temperature}.")
    answers = check_probabilities(answers)
    return (answers.clamp_min(torch.finfo(answers.dtype).tiny).log() / temperature).softmax(dim=-1)


def check_answers(given: object, corpus: Corpus) -> Float[Tensor, "text n_classes"]:
    """Return a teacher's answers as they are needed.

    Raises:
        TypeError: If they are no tensor of fractions.
        ValueError: If there is not one row for each text, or they are no probabilities.
    """
    expected = (len(corpus.train), len(corpus.label_names))
    if isinstance(given, Tensor) and given.shape != expected:
        raise ValueError(
            f"The teacher gives each of the {expected[0]} texts one probability for each of {expected[1]} classes, a "
            f"tensor of shape {expected}; but these answers have the shape {tuple(given.shape)}."
        )
    return check_probabilities(given)


def check_probabilities(given: object) -> Float[Tensor, "text n_classes"]:
    """Return probabilities as they are needed.

    Raises:
        TypeError: If they are no tensor of fractions.
        ValueError: If there is not a row for each text, a row does not sum to 1, or a share is no probability.
    """
    if not isinstance(given, Tensor) or not given.is_floating_point():
        kind = given.dtype if isinstance(given, Tensor) else type(given).__name__
        raise TypeError(f"The teacher's answers are a tensor of probabilities, but these are {kind}.")
    if given.ndim != 2:
        raise ValueError(f"The answers have a row for each text, but these have the shape {tuple(given.shape)}.")
    given = given.detach().float().cpu()
    wrong = ~((given >= 0).all(dim=-1) & ((given.sum(dim=-1) - 1).abs() < 1e-3))  # so that NaN is wrong, too
    if wrong.any():
        text = int(wrong.nonzero()[0])
        raise ValueError(
            f"Probabilities are at least 0 and sum to 1, but the answer to text {text} is {given[text].tolist()}. "
            f"(Scores become probabilities by softmax.)"
        )
    return given
