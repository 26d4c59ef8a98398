"""The pretrainer: a model reads texts without labels, and guesses the words that are hidden from it.

Source: Devlin et al. (2019), section 3.1 and appendix A.2 (https://arxiv.org/abs/1810.04805). A model with a pooler
also tells next sentences from random ones, as BERT did. Later work found that this brings nothing (Liu et al., 2019,
RoBERTa, section 4.2, https://arxiv.org/abs/1907.11692); a model without a pooler guesses words only.
"""

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nano_bert import processes
from nano_bert.batches import like_lengths
from nano_bert.documents import split_sentences
from nano_bert.encoding import Tokenizer
from nano_bert.hardware import to_device
from nano_bert.loop import Task, learn
from nano_bert.model import NanoBertForPreTraining
from nano_bert.optimization import TrainingConfig
from nano_bert.pretraining import (
    IGNORED,
    check_share,
    mask_words,
    masked_word_loss,
    next_sentence_loss,
    sentence_pairs,
)
from nano_bert.resume import describe_data

Row = tuple[list[int], list[int], int]  # ids, the segment of each, and whether the second part is random


class Riddles(Task[NanoBertForPreTraining]):
    """Learn to guess hidden words and, in pairs, whether the second part follows the first."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        texts: Sequence[str],
        validation: Sequence[str],
        settings: TrainingConfig,
        n_tokens: int,
        in_pairs: bool,
        share: float = 0.15,
        whole_words: bool = False,
    ) -> None:
        self.tokenizer, self.n_tokens, self.in_pairs = tokenizer, n_tokens, in_pairs
        self.batch_size, self.share, self.whole_words = settings.batch_size, share, whole_words
        check_share(share)
        shortest = 5 if in_pairs else 3
        if n_tokens < shortest:
            raise ValueError(
                f"max_seq_len={n_tokens} leaves no room for a word beside the special tokens: take {shortest} or more."
            )
        self.documents, self.validation = self._read(texts), self._read(validation)
        # Pairs are cut anew in each epoch, but there are always as many.
        self.n_texts = self._count(self.documents, "to learn from")
        self._count(self.validation, "to measure with")
        self.steps_per_epoch = math.ceil(self.n_texts / self.batch_size)
        self.identity = describe_data("pretraining", [list(texts), list(validation)], tokenizer)
        self.identity |= {"n_tokens": n_tokens, "in_pairs": in_pairs, "share": share, "whole_words": whole_words}

    def _read(self, texts: Sequence[str]) -> list[list[list[int]]]:
        """Return the ids of each text, sentence by sentence."""
        if isinstance(texts, str):
            raise TypeError("texts is a list of texts, but it is one string: put it in a list, [text].")
        return [[self.tokenizer.token_ids(sentence) for sentence in split_sentences(text)] for text in texts]

    def _count(self, documents: Sequence[Sequence[Sequence[int]]], purpose: str) -> int:
        """Return the number of rows; refuse documents in which there is nothing to guess."""
        rows = self._rows(documents, torch.Generator().manual_seed(0))
        if all(set(ids) <= set(self.tokenizer.special_ids) for ids, _, _ in rows):
            needed = "two sentences with words" if self.in_pairs else "a word"
            raise ValueError(f"There is nothing {purpose}: no text has {needed} of the vocabulary. Give more texts.")
        return len(rows)

    def _rows(self, documents: Sequence[Sequence[Sequence[int]]], generator: torch.Generator) -> list[Row]:
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

    def _riddles(
        self, documents: Sequence[Sequence[Sequence[int]]], generator: torch.Generator
    ) -> Iterator[tuple[dict[str, Tensor], int]]:
        rows = self._rows(documents, generator)
        for chosen in like_lengths([len(ids) for ids, _, _ in rows], self.batch_size, generator):
            batch = self.tokenizer.pad([rows[index][0] for index in chosen], [rows[index][1] for index in chosen])
            hidden, labels = mask_words(batch["input_ids"], self.tokenizer, generator, self.share, self.whole_words)
            is_random = torch.tensor([rows[index][2] for index in chosen])
            yield {**batch, "input_ids": hidden, "labels": labels, "is_random": is_random}, len(chosen)

    def batches(self, generator: torch.Generator) -> Iterator[tuple[dict[str, Tensor], int]]:
        """Yield all texts, with other words hidden each time."""
        return self._riddles(self.documents, generator)

    def _guess(self, model: NanoBertForPreTraining, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the scores of the hidden words, their true ids, and the scores of the pairs."""
        out = model.bert(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"], output_attentions=False)
        asked = batch["labels"] != IGNORED
        # Only words that are to be guessed are scored, as in Google's code: seven times less work.
        words = model.guess_words(out.last_hidden_state[asked])
        follows = model.next_sentence_head(out.pooler_output) if model.next_sentence_head and self.in_pairs else None
        return words, batch["labels"][asked], follows

    def loss(self, model: NanoBertForPreTraining, mine: dict[str, Tensor], whole: dict[str, Tensor]) -> Tensor:
        """Return the loss of the hidden words, plus that of the pairs, as far as they come from the rows in `mine`."""
        words, truth, follows = self._guess(model, mine)
        n_words = max(1, int((whole["labels"] != IGNORED).sum()))
        loss = masked_word_loss(words, truth) * (len(truth) / n_words)
        if follows is None:
            return loss
        return loss + next_sentence_loss(follows, mine["is_random"]) * (len(follows) / len(whole["is_random"]))

    @torch.no_grad()
    def validate(self, model: NanoBertForPreTraining) -> tuple[float, dict[str, float]]:
        """Return the loss of words hidden in the validation texts, always the same ones, and the share guessed."""
        model.eval()
        loss, n_words, n_right, n_pairs, n_right_pairs = 0.0, 0, 0, 0, 0
        for number, (batch, n_texts) in enumerate(self._riddles(self.validation, torch.Generator().manual_seed(0))):
            if number % processes.count() != processes.number():
                continue  # another process asks this one
            batch = to_device(batch, model.device)
            words, truth, follows = self._guess(model, batch)
            loss += masked_word_loss(words, truth).item() * len(truth)
            n_words += len(truth)
            n_right += int((words.argmax(dim=-1) == truth).sum())
            if follows is not None:
                n_pairs += n_texts
                n_right_pairs += int((follows.argmax(dim=-1) == batch["is_random"]).sum())
        sums = torch.tensor([loss, n_words, n_right, n_pairs, n_right_pairs], dtype=torch.double)
        loss, n_words, n_right, n_pairs, n_right_pairs = processes.total(sums).tolist()
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
    share: float = 0.15,
    whole_words: bool = False,
    folder: str | Path | None = None,
    resume: bool = False,
    show_progress: bool = False,
) -> list[dict[str, Any]]:
    """Pretrain a model; afterwards it holds the weights of its best epoch on the validation texts.

    Args:
        model: The model. With a pooler it learns next sentences, too; without one, hidden words only.
        tokenizer: Its tokenizer.
        texts: The texts to learn from. Their labels, if there are any, are not needed.
        validation: Other texts, to measure with.
        settings: How to train; words are hidden, not dropped, so `word_dropout` must be 0.
        share: Share of the tokens that are to be guessed.
        whole_words: Hide all pieces of a word or none.
        folder: Where to keep the state of the run, so that it can be resumed. By default it is not kept.
        resume: Go on from the state in `folder`. The result is the same, bit for bit, as without a break.
        show_progress: Whether to draw a progress bar.

    Returns:
        The history: for each epoch the mean training loss, the loss of hidden words in the validation texts, the share
        of them that was guessed, with pairs the share of these told right, and the seconds since the start.

    Raises:
        FileNotFoundError: If there is no state to resume from.
        ValueError: If the state is of a run with other settings, or a setting makes no sense here.

    Examples:
        >>> import torch
        >>> from nano_bert import NanoBertForPreTraining, WordTokenizer
        >>> from nano_bert.optimization import TrainingConfig
        >>> from nano_bert.pretrainer import pretrain
        >>> texts = ["the film was good", "the plot was bad", "the film was bad", "the plot was good"] * 8
        >>> tokenizer = WordTokenizer.from_texts(texts)
        >>> _ = torch.manual_seed(0)
        >>> model = NanoBertForPreTraining(vocab_size=len(tokenizer), n_embed=16, pooler=False, dropout=0.0)
        >>> settings = TrainingConfig(epochs=20, learning_rate=0.02, batch_size=8)
        >>> history = pretrain(model, tokenizer, texts, texts[:4], settings)
        >>> history[-1]["validation_loss"] < history[0]["validation_loss"]
        True
    """
    began = time.process_time(), time.perf_counter()
    settings = settings or TrainingConfig()
    if settings.word_dropout > 0:
        raise ValueError("In pretraining words are hidden, not dropped: set word_dropout to 0.")
    n_tokens = min(model.config.max_seq_len, tokenizer.max_seq_len or model.config.max_seq_len)
    in_pairs = model.next_sentence_head is not None
    task = Riddles(tokenizer, texts, validation, settings, n_tokens, in_pairs, share, whole_words)
    return learn(model, task, settings, folder, resume, show_progress, began)
