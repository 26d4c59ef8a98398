"""Reading: what a small BERT learns from the training reviews of IMDB before it is told a single label.

First it guesses hidden words, as in `nano_bert.training.pretraining`; then it matches halves, too, as in
`nano_bert.training.halves`. What came out of the first comes with the package as `imdb-pretrained`, what came out of
both as `imdb-halves`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from nano_bert.config import BertConfig
from nano_bert.data import Corpus
from nano_bert.experiments.recipes import PRETRAINING
from nano_bert.experiments.records import kept_run
from nano_bert.model import NanoBertForPreTraining
from nano_bert.tokenizer.words import WordTokenizer
from nano_bert.training.halves import match_halves
from nano_bert.training.neighbours import begin_with_neighbours
from nano_bert.training.optimizer import TrainingConfig
from nano_bert.training.pretraining import pretrain

N_MEASURED = 500  # validation texts to measure with
N_HALF = 256  # tokens of a half
MATCHING = TrainingConfig(epochs=6, batch_size=64, patience=99, dtype="bfloat16")


def make_tokenizer(corpus: Corpus, max_seq_len: int) -> WordTokenizer:
    """Return the tokenizer of the experiments: the most frequent words of the training texts."""
    return WordTokenizer.from_texts(
        corpus.train.texts, max_vocab_size=PRETRAINING.vocab_size, max_seq_len=max_seq_len, truncation="both"
    )


def guess_words_once(corpus: Corpus, seed: int, folder: Path) -> list[dict[str, Any]]:
    """Pretrain on the training texts, and keep the model in a folder. A run that is there already goes on."""
    tokenizer = make_tokenizer(corpus, PRETRAINING.model["max_seq_len"])
    torch.manual_seed(seed)
    model = NanoBertForPreTraining(BertConfig(vocab_size=len(tokenizer), **PRETRAINING.model))
    begin_with_neighbours(model.bert)
    settings, measured = replace(PRETRAINING.training, seed=seed), corpus.validation.texts[:N_MEASURED]
    history = pretrain(model, tokenizer, corpus.train.texts, measured, settings, PRETRAINING.masking, kept_run(folder))
    model.save_pretrained(folder)
    return history


def match_halves_once(corpus: Corpus, seed: int, start: Path, folder: Path) -> list[dict[str, Any]]:
    """Let a pretrained model match the halves of the training texts, and keep it in another folder, in the same way."""
    tokenizer = make_tokenizer(corpus, N_HALF)
    model = NanoBertForPreTraining.from_pretrained(start)
    settings, measured = replace(MATCHING, seed=seed), corpus.validation.texts[:N_MEASURED]
    history = match_halves(
        model, tokenizer, corpus.train.texts, measured, settings, PRETRAINING.masking, kept_run(folder)
    )
    model.save_pretrained(folder)
    return history
