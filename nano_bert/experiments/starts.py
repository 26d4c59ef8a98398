"""Starts: does a model learn faster to guess words if its heads begin by looking at their neighbours?

A short pretraining, twice from each seed: with all weights drawn at random, and with heads and places that begin as in
`nano_bert.training.neighbours`. Everything else is the same: texts, hidden words, order, learning rate.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import torch

from nano_bert.config import BertConfig
from nano_bert.data import Corpus
from nano_bert.experiments.reading import N_MEASURED, make_tokenizer
from nano_bert.experiments.recipes import PRETRAINING
from nano_bert.experiments.records import versions
from nano_bert.model import NanoBertForPreTraining
from nano_bert.training.neighbours import begin_with_neighbours
from nano_bert.training.pretraining import pretrain

N_TEXTS, EPOCHS = 4_000, 1  # a fifth of the reviews, read once
STARTS = {"at random": False, "with neighbours": True}


def make_starts_record(corpus: Corpus, seeds: Sequence[int]) -> dict[str, Any]:
    """Pretrain from both starts with each seed, and write down how well hidden words are guessed after each epoch.

    Args:
        corpus: IMDB; its labels are not read.
        seeds: One run from each start for each.
    """
    tokenizer = make_tokenizer(corpus, PRETRAINING.model["max_seq_len"])
    settings = replace(PRETRAINING.training, epochs=EPOCHS)
    texts, measured = corpus.train.texts[:N_TEXTS], corpus.validation.texts[:N_MEASURED]
    losses: dict[str, list[list[float]]] = {start: [] for start in STARTS}
    for seed in seeds:
        for start, with_neighbours in STARTS.items():
            torch.manual_seed(seed)
            model = NanoBertForPreTraining(BertConfig(vocab_size=len(tokenizer), **PRETRAINING.model))
            if with_neighbours:
                begin_with_neighbours(model.bert)
            history = pretrain(model, tokenizer, texts, measured, replace(settings, seed=seed), PRETRAINING.masking)
            losses[start].append([round(epoch["validation_loss"], 4) for epoch in history])
            print(f"seed {seed}, {start}: {losses[start][-1]}", flush=True)
    return {
        "about": "the loss of hidden words after each epoch of a short pretraining, from two starts",
        "texts": len(texts),
        "model": dict(PRETRAINING.model),
        "vocab_size": len(tokenizer),
        "share_hidden": PRETRAINING.masking.share,
        "settings": asdict(settings),
        "seeds": list(seeds),
        **versions(),
        "losses": losses,
    }
