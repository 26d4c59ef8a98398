"""How time and memory grow: with the number of texts, and with their length."""

import statistics
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from nano_bert.data import Split, load_hatexplain
from nano_bert.experiments.recipes import RECIPES, build
from nano_bert.training.classification import Classification
from nano_bert.training.optimizer import TrainingConfig
from tests.benchmarks.contenders import SIZES, THREADS, Contender, make_model
from tests.benchmarks.epoch import our_steps
from tests.benchmarks.stopwatch import exponents, fit, peak_megabytes, quartiles, say, shortened, take_turns


def measure_growth(rounds: int = 5) -> dict[str, Any]:
    """How time and memory grow with the number of texts, and with their length."""
    torch.set_num_threads(THREADS)
    return {"texts": grow_texts(rounds), "length": {name: grow_length(name, rounds) for name in ("heads", "fused")}}


def grow_texts(rounds: int, sizes: Sequence[int] = (1000, 2000, 4000, 8000)) -> dict[str, Any]:
    """An epoch of real posts, with one vocabulary for all numbers of texts."""
    corpus, recipe = load_hatexplain(), RECIPES["hatexplain-laptop"]
    model, tokenizer = build(recipe, corpus, seed=0)
    model.fuse()  # as training does
    works: dict[str, Callable[[], object]] = {}
    data: dict[str, float] = {}
    for n_texts in sizes:
        part = replace(corpus, train=Split(corpus.train.texts[:n_texts], corpus.train.labels[:n_texts]))
        tracemalloc.start()
        task = Classification(model, tokenizer, part, recipe.training)
        data[str(n_texts)] = shortened(tracemalloc.get_traced_memory()[0] / 1e6)
        tracemalloc.stop()
        works[str(n_texts)] = partial(one_epoch, task, recipe.training)
    times = take_turns(works, rounds, warm_up=1)
    seconds = {name: statistics.median(found) / 1000 for name, found in times.items()}
    per_text = [found / int(name) for name, found in seconds.items()]
    least, most = str(min(sizes)), str(max(sizes))
    line = {
        **{"n_embed": model.config.n_embed, "n_heads": model.config.n_heads, "attention": "fused", "rounds": rounds},
        "seconds": {name: shortened(found) for name, found in seconds.items()},
        "seconds_per_1000_texts": {name: shortened(found / int(name) * 1000) for name, found in seconds.items()},
        "most/least": shortened(max(per_text) / min(per_text)),
        "data_megabytes": data,
        "peak_megabytes": {name: peak_megabytes(work) for name, work in works.items()},
        "unrest": shortened(quartiles(times[most], times[least])),
    }
    say("growth with the number of texts", line)
    return line


def one_epoch(task: Classification, settings: TrainingConfig) -> None:
    for _ in our_steps(task, settings):
        pass
    task.model.zero_grad()


def grow_length(attention: str, rounds: int, lengths: Sequence[int] = (64, 128, 256, 512, 1024)) -> dict[str, Any]:
    """A training step on eight texts of each length."""
    works: dict[str, Callable[[], object]] = {}
    for n_tokens in lengths:
        model = make_model(3, n_embed=32, max_seq_len=n_tokens, pooling="mean", dropout=0.0).train()
        if attention == "fused":
            model.fuse()
        ids = torch.randint(5, SIZES[3].vocab_size, (8, n_tokens), generator=torch.Generator().manual_seed(0))
        batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.arange(8) % 2}
        works[str(n_tokens)] = partial(Contender(model).learn, batch)
    times = take_turns(works, 4 * rounds)
    milliseconds = {name: shortened(statistics.median(found)) for name, found in times.items()}
    peaks = {name: peak_megabytes(work) for name, work in works.items()}
    shortest, longest = str(min(lengths)), str(max(lengths))
    line = {
        **{"n_embed": 32, "n_heads": 1, "batch": 8, "pooling": "mean", "dropout": 0.0, "rounds": 4 * rounds},
        "milliseconds": milliseconds,
        "milliseconds_fit": fit(milliseconds),
        "exponents": exponents(milliseconds),
        "peak_megabytes": peaks,
        "megabytes_fit": fit(peaks),
        "memory_exponents": exponents(peaks),
        "unrest": shortened(quartiles(times[longest], times[shortest])),
    }
    say(f"growth with the length, {attention}", line)
    return line
