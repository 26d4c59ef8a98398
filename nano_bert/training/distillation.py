"""Distillation: a small model learns from what a large one thinks.

A label says that a review is positive. A large model that has learnt from labels says more: that this one is positive
beyond doubt, and that one by a hair. A small model that learns to say the same is taught on each text how sure it should
be, and may be taught on texts that nobody has labelled (Hinton et al., 2015, "Distilling the Knowledge in a Neural
Network", https://arxiv.org/abs/1503.02531; from BERT to a small network: Tang et al., 2019,
https://arxiv.org/abs/1903.12136).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from nano_bert.data.corpus import Corpus
from nano_bert.fast.data_parallel import Losses
from nano_bert.model import NanoBertForClassification
from nano_bert.tokenizer.base import Tokenizer
from nano_bert.training.batches import training_batches
from nano_bert.training.classification import Classification
from nano_bert.training.loop import learn, settle
from nano_bert.training.optimizer import TrainingConfig
from nano_bert.training.run import Run


class Distillation(Classification):
    """Learn the answers of a teacher to the training texts, in place of their labels."""

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
        self.identity |= {"answers": answers.tolist()}

    def batches(self, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
        """Yield the texts in batches of like length, shuffled, with the teacher's answers."""
        numbers, size, dropout = range(len(self.ids)), self.settings.batch_size, self.settings.word_dropout
        for inputs, chosen in training_batches(self.ids, numbers, self.tokenizer, size, generator, dropout):
            yield {**inputs, "answers": self.answers[chosen]}

    def losses(self, batch: Mapping[str, Tensor]) -> Losses:
        """Return the cross-entropy against the teacher's probabilities, summed over the texts of the batch."""
        inputs = {name: rows for name, rows in batch.items() if name != "answers"}
        logits = self.model(**inputs).logits
        return [(cross_entropy(logits, batch["answers"], reduction="sum"), len(logits))]
