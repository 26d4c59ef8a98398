"""Pretraining: a model reads texts without labels, and guesses the words that are hidden from it.

Source: Devlin et al. (2019), section 3.1 and appendix A.2 (https://arxiv.org/abs/1810.04805). A model with a pooler
also tells next sentences from random ones, as BERT did. Later work found that this brings nothing (Liu et al., 2019,
RoBERTa, section 4.2, https://arxiv.org/abs/1907.11692); a model without a pooler guesses words only.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from nano_bert.data.documents import split_sentences
from nano_bert.fast.data_parallel import Losses, sum_over_processes
from nano_bert.fast.distributed import rank, world_size
from nano_bert.fast.hardware import to_device
from nano_bert.model import NanoBertForPreTraining
from nano_bert.outputs import BertOutput
from nano_bert.task_heads import IGNORED, masked_word_loss, next_sentence_loss
from nano_bert.tokenizer.base import Tokenizer
from nano_bert.tokenizer.check_given import check_kind, check_texts
from nano_bert.training.batches import like_lengths
from nano_bert.training.evaluation import check_tokenizer
from nano_bert.training.loop import Task, learn, settle
from nano_bert.training.masking import Masking, mask_words
from nano_bert.training.optimizer import TrainingConfig
from nano_bert.training.resume import describe_data
from nano_bert.training.run import Run
from nano_bert.training.sentence_pairs import sentence_pairs

Document = Sequence[Sequence[int]]  # the ids of each sentence
Row = tuple[list[int], list[int], int]  # ids, the segment of each, and whether the second part is random


class Pretraining(Task[NanoBertForPreTraining]):
    """Learn to guess hidden words and, if the model has a head for it, whether the second part of a pair follows."""

    def __init__(
        self,
        model: NanoBertForPreTraining,
        tokenizer: Tokenizer,
        texts: Sequence[str],
        validation: Sequence[str],
        settings: TrainingConfig,
        masking: Masking,
    ) -> None:
        check_tokenizer(model, tokenizer, NanoBertForPreTraining)
        self.model, self.tokenizer = model, tokenizer
        self.batch_size, self.masking = settings.batch_size, masking
        self.in_pairs = model.next_sentence_head is not None
        self.n_tokens = min(model.config.max_seq_len, tokenizer.max_seq_len or model.config.max_seq_len)
        shortest = 5 if self.in_pairs else 3
        if self.n_tokens < shortest:
            raise ValueError(
                f"max_seq_len={self.n_tokens} leaves no room for a word beside the special tokens: take {shortest} or "
                f"more."
            )
        self.documents, self.validation = self._read(texts), self._read(validation)
        # Pairs are cut anew in each epoch, but there are always as many.
        self.n_batches = math.ceil(self._count(self.documents, "to learn from") / self.batch_size)
        self._count(self.validation, "to measure with")
        self.identity = describe_data("pretraining", [list(texts), list(validation)], tokenizer)
        self.identity |= {"n_tokens": self.n_tokens, "in_pairs": self.in_pairs, **asdict(masking)}

    def _read(self, texts: Sequence[str]) -> list[Document]:
        """Return the ids of each text, sentence by sentence."""
        texts = check_texts("texts", texts, (str,))
        return [[self.tokenizer.token_ids(sentence) for sentence in split_sentences(text)] for text in texts]

    def _count(self, documents: Sequence[Document], purpose: str) -> int:
        """Return the number of rows; refuse documents in which there is nothing to guess."""
        rows = self._rows(documents, torch.Generator().manual_seed(0))
        if all(set(ids) <= set(self.tokenizer.special_ids) for ids, _, _ in rows):
            needed = "two sentences with words" if self.in_pairs else "a word"
            raise ValueError(f"There is nothing {purpose}: no text has {needed} of the vocabulary. Give more texts.")
        return len(rows)

    def _rows(self, documents: Sequence[Document], generator: torch.Generator) -> list[Row]:
        """Return pairs of half documents; or whole documents, cut into rows of `n_tokens`."""
        if self.in_pairs:
            pairs = sentence_pairs(documents, self.n_tokens - 3, generator)
            return [(*self.tokenizer.join(pair.first, pair.second), pair.is_random) for pair in pairs]
        rows: list[Row] = []
        for document in documents:
            ids = [index for sentence in document for index in sentence]
            for start in range(0, len(ids), self.n_tokens - 2):
                row = self.tokenizer.add_special_tokens(ids[start : start + self.n_tokens - 2])
                rows.append((row, [0] * len(row), 0))
        return rows

    def _hide(self, documents: Sequence[Document], generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
        """Yield the rows of some documents in batches, with words hidden."""
        rows = self._rows(documents, generator)
        for chosen in like_lengths([len(ids) for ids, _, _ in rows], self.batch_size, generator):
            yield self._hidden([rows[index] for index in chosen], generator)

    def _hidden(self, rows: Sequence[Row], generator: torch.Generator) -> dict[str, Tensor]:
        """Return rows as a batch, with words hidden."""
        ids, segments, is_random = zip(*rows, strict=True)
        batch, masking = self.tokenizer.pad(ids, segments), self.masking
        hidden, labels = mask_words(batch["input_ids"], self.tokenizer, generator, masking.share, masking.whole_words)
        return {**batch, "input_ids": hidden, "labels": labels, "is_random": torch.tensor(is_random)}

    def batches(self, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
        """Yield all texts, with other words hidden each time."""
        return self._hide(self.documents, generator)

    def _guess(self, batch: Mapping[str, Tensor]) -> tuple[BertOutput, Tensor, Tensor]:
        """Return what the encoder makes of a batch, the scores of the hidden words, and their true ids."""
        out = self.model.bert(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"])
        asked = batch["labels"] != IGNORED
        # Only words that are to be guessed are scored, as in Google's code: seven times less work.
        return out, self.model.guess_words(out.last_hidden_state[asked]), batch["labels"][asked]

    def losses(self, batch: Mapping[str, Tensor]) -> Losses:
        """Return the loss of the hidden words, and that of the pairs, each as a sum and a count."""
        out, words, truth = self._guess(batch)
        losses = [(masked_word_loss(words, truth) * len(truth), len(truth))]
        if (head := self.model.next_sentence_head) is not None:
            follows = head(out.pooler_output)
            losses.append((next_sentence_loss(follows, batch["is_random"]) * len(follows), len(follows)))
        return losses

    @torch.no_grad()
    def validate(self) -> tuple[float, dict[str, float]]:
        """Return the loss of words hidden in the validation texts, always the same ones, and the share guessed."""
        self.model.eval()
        sums = torch.zeros(5, dtype=torch.double)  # loss, words, words guessed, pairs, pairs told right
        for number, batch in enumerate(self._hide(self.validation, torch.Generator().manual_seed(0))):
            if number % world_size() != rank():
                continue  # another process asks this one
            batch = to_device(batch, self.model.device)
            out, words, truth = self._guess(batch)
            n_right = int((words.argmax(dim=-1) == truth).sum())
            loss = masked_word_loss(words, truth).item() * len(truth)
            sums[:3] += torch.tensor([loss, len(truth), n_right], dtype=torch.double)
            if (head := self.model.next_sentence_head) is not None:
                follows = head(out.pooler_output)
                n_right_pairs = int((follows.argmax(dim=-1) == batch["is_random"]).sum())
                sums[3:] += torch.tensor([len(follows), n_right_pairs])
        loss, n_words, n_right, n_pairs, n_right_pairs = sum_over_processes(sums).tolist()
        notes = {"validation_loss": loss / n_words, "validation_accuracy": n_right / n_words}
        if n_pairs:
            notes["validation_next_sentence"] = n_right_pairs / n_pairs
        return -notes["validation_loss"], notes


def pretrain(
    model: NanoBertForPreTraining,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    validation: Sequence[str],
    settings: TrainingConfig | None = None,
    masking: Masking | None = None,
    run: Run | None = None,
) -> list[dict[str, Any]]:
    """Pretrain a model; afterwards it holds the weights of its best epoch on the validation texts.

    Args:
        model: The model. With a pooler it learns next sentences, too; without one, hidden words only.
        tokenizer: Its tokenizer.
        texts: The texts to learn from. Their labels, if there are any, are not needed.
        validation: Other texts, to measure with.
        settings: How to train; words are hidden, not dropped, so `word_dropout` must be 0.
        masking: How words are chosen that are to be guessed.
        run: Where the run is kept, so that it can go on after a break. By default it is not kept.

    Returns:
        The history: for each epoch the mean training loss, the loss of hidden words in the validation texts, the share
        of them that was guessed, with pairs the share of these told right, and the seconds since the start.

    Raises:
        FileNotFoundError: If there is no run to go on with.
        ValueError: If that run had other settings, or a setting makes no sense here.

    Examples:
        >>> import torch
        >>> from nano_bert import NanoBertForPreTraining, WordTokenizer
        >>> from nano_bert.training import TrainingConfig, pretrain
        >>> texts = ["the film was good", "the plot was bad", "the film was bad", "the plot was good"] * 8
        >>> tokenizer = WordTokenizer.from_texts(texts)
        >>> _ = torch.manual_seed(0)
        >>> model = NanoBertForPreTraining(vocab_size=len(tokenizer), n_embed=16, pooler=False, dropout=0.0)
        >>> settings = TrainingConfig(epochs=20, learning_rate=0.02, batch_size=8)
        >>> history = pretrain(model, tokenizer, texts, texts[:4], settings)
        >>> history[-1]["validation_loss"] < history[0]["validation_loss"]
        True
    """
    settings, run = settle(settings, run)
    masking = check_masking(settings, masking)
    task = Pretraining(model, tokenizer, texts, validation, settings, masking)
    return learn(task, settings, run)


def check_masking(settings: TrainingConfig, masking: Masking | None) -> Masking:
    """Return how words are hidden, what is given or what is usual; refuse to drop words, too."""
    masking = Masking() if masking is None else masking
    check_kind("masking", masking, Masking, "Masking(share=0.15) makes one.")
    if settings.word_dropout > 0:
        raise ValueError("In pretraining words are hidden, not dropped: set word_dropout to 0.")
    return masking
