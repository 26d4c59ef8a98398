"""One epoch of the first nano-BERT's configuration on IMDB: its own way, and ours; and where the time goes.

Two sections of `python -m tests.benchmarks`. Both use one thread: so small a model has no work for a second.
"""

import math
import statistics
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from nano_bert import BertConfig, NanoBertForClassification, WordTokenizer
from nano_bert.attention import BertAttentionHead, BertSelfAttention
from nano_bert.data import Corpus, load_imdb
from nano_bert.experiments.recipes import RECIPES, build
from nano_bert.fast.data_parallel import mean_loss
from nano_bert.training.classification import Classification
from nano_bert.training.optimizer import TrainingConfig, make_optimizer, train_step
from tests.benchmarks.contenders import TOKENS, Contender, make_batch, make_model
from tests.benchmarks.stopwatch import quartiles, ratios, say, shortened

HARDWARE_SECONDS = 1.2  # of one core for an epoch, were attention one loop in C: an estimate
PAIRS = {
    "original/heads": ("original", "heads"),
    "original/fused": ("original", "fused"),
    "original_100000_words/heads": ("original_100000_words", "heads"),
    "original_100000_words/fused": ("original_100000_words", "fused"),
}


class OriginalHead(BertAttentionHead):
    """A head as the first nano-BERT computes it: a new table for each step of the formula, and one for the mask."""

    def forward(self, x: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        mask = attention_mask.unsqueeze(1).repeat(1, x.shape[1], 1)
        scores = self.query(x) @ self.key(x).transpose(-2, -1) / math.sqrt(x.shape[-1])
        weights = self.dropout(scores.masked_fill(mask == 0, -1e9).softmax(dim=-1))
        return weights @ self.value(x), weights


class OriginalAttention(BertSelfAttention):
    """Its only head, and the linear layer after it. No copy is made of the weights: it hands them to nobody."""

    def forward(self, x: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        mixed, weights = self.heads[0](x, attention_mask)
        return self.output(mixed), weights.unsqueeze(-3)


def original_learner(n_words: int) -> Contender:
    """Return a model of the first configuration that computes as the first nano-BERT does, with its optimizer."""
    torch.manual_seed(0)
    model = NanoBertForClassification(BertConfig(vocab_size=n_words, **RECIPES["imdb-original"].model)).train()
    attention = model.bert.encoder.layers[0].attention = OriginalAttention(model.config)
    attention.heads[0] = OriginalHead(model.config)
    return Contender(model, torch.optim.Adam(model.parameters()))


class OriginalWay:
    """The first nano-BERT's way: Adam over all words, all padded to 128, all rows of attention computed."""

    def __init__(self, corpus: Corpus) -> None:
        tokenizer = WordTokenizer.from_texts(corpus.train.texts, max_seq_len=TOKENS)
        self.n_words = len(tokenizer)
        self.ids = torch.stack([tokenizer(text) for text in corpus.train.texts])
        self.labels = torch.tensor(corpus.train.labels)

    def steps(self, n_words: int) -> Iterator[None]:
        """Learn from one batch after the other, with a table of `n_words` words."""
        learner = original_learner(n_words)
        for chosen in torch.randperm(len(self.ids)).split(RECIPES["imdb-original"].training.batch_size):
            ids, labels = self.ids[chosen], self.labels[chosen]
            yield learner.learn({"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": labels})


def our_steps(task: Classification, settings: TrainingConfig) -> Iterator[None]:
    """Make one batch after the other, and learn from it as `nano_bert.training.loop` does."""
    model = task.model.train()
    optimizer, loss_of = make_optimizer(model, settings), mean_loss(model, task.losses, model.device)
    for batch in task.batches(torch.Generator().manual_seed(0)):
        yield train_step(model, optimizer, loss_of(batch), settings.learning_rate, settings.clip) and None


def measure_epoch(rounds: int = 5, original_steps: int = 150) -> dict[str, Any]:
    """An epoch of the first configuration on IMDB: the first nano-BERT's way, and ours as `nano-bert train` does it."""
    torch.set_num_threads(1)
    corpus, recipe = load_imdb(), RECIPES["imdb-original"]
    original = OriginalWay(corpus)
    tasks: dict[str, Classification] = {}
    for name in ("heads", "fused"):
        model, tokenizer = build(recipe, corpus, seed=0)
        tasks[name] = Classification(model.fuse() if name == "fused" else model, tokenizer, corpus, recipe.training)
    task = tasks["fused"]
    whole = task.n_batches
    runs = {  # what is done, and how many steps of it are measured
        "original": (original.steps(original.n_words), original_steps),
        "original_100000_words": (original.steps(100_000), original_steps),
        "heads": (our_steps(tasks["heads"], recipe.training), whole),
        "fused": (our_steps(tasks["fused"], recipe.training), whole),
        "batches": (task.batches(torch.Generator().manual_seed(0)), whole),
    }
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    wall: dict[str, list[float]] = {name: [] for name in runs}
    for index in range(rounds):
        for name in list(runs)[:: -1 if index % 2 else 1]:
            work, n_steps = runs[name]
            cpu_start, wall_start = time.process_time(), time.perf_counter()
            done = sum(1 for _ in islice(work, n_steps // rounds))
            cpu[name].append((time.process_time() - cpu_start) * whole / done)
            wall[name].append((time.perf_counter() - wall_start) * whole / done)
    seconds = {name: shortened(statistics.median(found)) for name, found in cpu.items()}
    line = {
        **{"texts": len(task.ids), "steps": whole, "rounds": rounds},
        "words": {"original": original.n_words, "original_100000_words": 100_000, "ours": len(task.tokenizer)},
        "measured_steps": {name: n_steps for name, (_, n_steps) in runs.items()},
        "scaled": "the median of the rounds, each some of the steps, for as many steps as an epoch has",
        "not_counted": "reading the corpus, and cutting its texts into words, which each does once",
        "batches": "what it takes of our seconds to drop words and make the batches, without learning from them",
        "cpu_seconds": seconds,
        "wall_seconds": {name: shortened(statistics.median(found)) for name, found in wall.items()},
        "time_ratios": ratios(seconds, PAIRS),
        "unrest": shortened(max(quartiles(cpu[above], cpu[below]) for above, below in PAIRS.values())),
        "hardware_seconds": HARDWARE_SECONDS,
        "over_hardware": {name: shortened(found / HARDWARE_SECONDS) for name, found in seconds.items()},
    }
    say("epoch", line)
    return line


GROUPS = {  # what an operator is for, or the operator that calls it; the first that fits
    "random numbers of dropout": ("bernoulli",),
    "word table": ("embedding", "index_select"),
    "LayerNorm": ("native_layer_norm",),
    "softmax and masks": ("_softmax", "masked_fill", "where"),
    "GELU": ("gelu",),
    "matrix products": ("mm", "bmm", "addmm", "baddbmm", "linear", "matmul"),
    "adding, multiplying, copying": ("add", "mul", "div", "sub", "sum", "copy_", "cat", "stack", "fill_", "zero_"),
}


def measure_profile(n_steps: int = 40) -> dict[str, Any]:
    """What the time of a training step goes into, at the first nano-BERT's size."""
    torch.set_num_threads(1)
    batch, found = make_batch(3, "full"), {"steps": n_steps}
    learners = {"original": original_learner(100_000)}
    for pooling in ("cls", "mean"):
        model = make_model(3, pooling=pooling).train()
        learners[f"ours_{pooling}"] = Contender(model.fuse())
    for name, learner in learners.items():
        for _ in range(5):
            learner.learn(batch)
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            for _ in range(n_steps):
                learner.learn(batch)
        found[name] = shares(profiler.events())
        say(f"profile, {name}", found[name])
    return found


def shares(events: Any) -> dict[str, float]:
    """Share out the time of PyTorch's operators, without what they call, among the groups; the largest first."""
    groups: dict[str, float] = {}
    for event in events:
        group, caller = group_of(event.name), event
        while caller := caller.cpu_parent:
            group = "optimizer" if group_of(caller.name) == "optimizer" else group or group_of(caller.name)
        group = group or "everything else"
        groups[group] = groups.get(group, 0.0) + event.self_cpu_time_total
    total = sum(groups.values())
    return {name: shortened(time / total) for name, time in sorted(groups.items(), key=lambda item: -item[1])}


def group_of(name: str) -> str | None:
    if name.startswith(("Optimizer.", "aten::_foreach")):  # the latter shorten a gradient that is too long
        return "optimizer"
    starts = {group: tuple(f"aten::{start}" for start in starts) for group, starts in GROUPS.items()}
    return next((group for group, starts in starts.items() if name.startswith(starts)), None)
