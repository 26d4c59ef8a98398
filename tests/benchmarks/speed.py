"""How fast ours is: beside other libraries, beside the first nano-BERT, and beside itself.

`python -m tests.benchmarks` measures all, prints what it found, says whether the floors are kept, and writes the record
`docs/results/speed.json`. `python -m tests.benchmarks padding growth` measures these sections again and keeps the
others. What is compared is measured in turns, in the same minutes on the same machine, and what counts is the ratio of
medians. Where the rounds disagree too much, the machine is busy, and the section is not written.

The sections `padding`, `epoch`, `growth` and `processes` need the real texts (`NANO_BERT_DATA`, or a network).
"""

import json
import os
import platform
import random
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import transformers

from nano_bert import WordTokenizer
from nano_bert.data import load_hatexplain
from nano_bert.experiments.records import versions
from nano_bert.fast.distributed import is_first, joined
from nano_bert.pretrained.safe_files import write_atomically
from nano_bert.training.batches import training_batches
from nano_bert.training.classification import Classification
from nano_bert.training.optimizer import TrainingConfig
from tests.benchmarks.contenders import (
    SHORTEST,
    SIZES,
    THREADS,
    TOKENS,
    Batch,
    Contender,
    make_batch,
    make_contenders,
    make_model,
    steps,
)
from tests.benchmarks.epoch import measure_epoch, measure_profile, our_steps
from tests.benchmarks.growth import measure_growth
from tests.benchmarks.stopwatch import compare, peak_megabytes, ratios, say, shortened, take_turns

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "docs" / "results" / "speed.json"
UNREST = 1.5  # the upper quartile of the rounds' ratios over the lower, from which on a machine counts as busy
# At least. The clear form may take two fifths longer than transformers, and never longer than the first nano-BERT.
FLOORS = {
    **{"sdpa/fused": 1.0, "torch_encoder/fused": 1.0, "eager/heads": 0.7, "padded/bucketed": 3.5},
    **{"original/fused": 4.0, "original/heads": 1.0},
}
MEMORY_FLOORS = {"sdpa/fused": 0.99}  # at least: as little memory as transformers takes, to rounding
CEILINGS = {"most/least": 1.3, "exponents": 2.2}  # at most; were there no noise and no cache, 1 and 2
ABOUT = "nano_bert beside transformers, PyTorch's own encoder, the first nano-BERT and itself"
HOW = {
    "turns": "contenders take turns in each round, in one process, in an order that is turned round; times are medians",
    "training step": "forward, backward, a step of AdamW(fused=True), zero_grad; dropout 0.1; gradients start empty",
    "inference": "forward, without gradients and dropout",
    "peak_megabytes": "millions of bytes of tensors, over those there were before the step; from PyTorch's profiler",
    "fused_all_rows": "the fused model when its last layer computes every row, not that of [CLS] alone",
    "realistic": f"{SHORTEST} to {TOKENS} tokens a text, drawn evenly; the rest is padding for all contenders",
    "profile": "shares of the time within PyTorch's operators; that of Python between them is not seen",
    "unrest": "the upper quartile over the rounds of a ratio, divided by the lower; the worst ratio of each comparison",
}

SIZE_RATIOS = {
    "sdpa/fused": ("transformers_sdpa", "fused"),
    "sdpa/fused_all_rows": ("transformers_sdpa", "fused_all_rows"),
    "eager/heads": ("transformers_eager", "heads"),
    "torch_encoder/fused": ("torch_encoder", "fused"),
    "torch_encoder/fused_all_rows": ("torch_encoder", "fused_all_rows"),
    "heads/fused": ("heads", "fused"),
    "heads/fused_all_rows": ("heads", "fused_all_rows"),
}


def measure_sizes() -> dict[str, Any]:
    """A step of training and of reading, at four sizes, beside transformers and PyTorch."""
    torch.set_num_threads(THREADS)
    return {str(n_embed): measure_size(n_embed, size.rounds) for n_embed, size in SIZES.items()}


def measure_size(n_embed: int, rounds: int) -> dict[str, Any]:
    contenders = make_contenders(n_embed)
    n_parameters = sum(weight.numel() for weight in contenders["heads"].module.parameters())
    found: dict[str, Any] = {**SIZES[n_embed]._asdict(), "n_parameters": n_parameters}
    for mode in ("training", "inference"):
        found[mode] = {}
        for lengths in ("full", "realistic"):
            works = steps(contenders, mode, make_batch(n_embed, lengths))
            line = compare(take_turns(works, rounds), SIZE_RATIOS)
            line["peak_megabytes"] = {name: peak_megabytes(work) for name, work in works.items()}
            line["memory_ratios"] = ratios(line["peak_megabytes"], SIZE_RATIOS)
            found[mode][lengths] = line
            say(f"n_embed {n_embed}, {mode}, {lengths} lengths", line)
    return found


def measure_padding(n_batches: int = 40, rounds: int = 5) -> dict[str, Any]:
    """Real posts, in batches of like length, against the same posts shuffled and padded to 128."""
    torch.set_num_threads(THREADS)
    train = load_hatexplain().train
    tokenizer = WordTokenizer.from_texts(train.texts, min_freq=2, max_seq_len=TOKENS)
    ids = [tokenizer.token_ids(text) for text in train.texts]
    generator = torch.Generator().manual_seed(0)
    batches = training_batches(ids, train.labels, tokenizer, SIZES[128].batch, generator)
    bucketed = [{**inputs, "labels": labels} for inputs, labels in islice(batches, n_batches)]
    padded = shuffled_and_padded(bucketed)
    works: dict[str, Contender] = {}
    for name in ("bucketed", "padded"):
        model = make_model(128, vocab_size=len(tokenizer), pooling="mean").train()
        works[name] = Contender(model.fuse())
    times: dict[str, list[float]] = {"bucketed": [], "padded": []}
    for _ in range(rounds):
        sums = dict.fromkeys(times, 0.0)
        for short, long in zip(bucketed, padded, strict=True):
            turn = {"bucketed": partial(works["bucketed"].learn, short), "padded": partial(works["padded"].learn, long)}
            for name, [milliseconds] in take_turns(turn, 1, warm_up=0).items():
                sums[name] += milliseconds / n_batches
        for name, milliseconds in sums.items():
            times[name].append(milliseconds)
    n_tokens = sum(int(batch["attention_mask"].sum()) for batch in bucketed)
    line = {
        **{"n_embed": 128, "n_layers": 2, "n_heads": 2, "pooling": "mean", "attention": "fused"},
        **{"batch": SIZES[128].batch, "batches": n_batches, "rounds": rounds},
        "places_a_batch": {
            name: shortened(sum(batch["input_ids"].numel() for batch in found) / n_batches)
            for name, found in (("bucketed", bucketed), ("padded", padded))
        },
        "tokens_a_batch": shortened(n_tokens / n_batches),
        **compare(times, {"padded/bucketed": ("padded", "bucketed")}),
    }
    say("padding", line)
    return line


def shuffled_and_padded(batches: Sequence[Batch]) -> list[Batch]:
    """Deal the texts of some batches anew, in any order, and fill all up to 128."""
    rows = [
        {name: column[index] for name, column in batch.items()}
        for batch in batches
        for index in range(len(batch["labels"]))
    ]
    random.Random(0).shuffle(rows)
    dealt: list[Batch] = []
    for batch in batches:
        hand = [rows.pop() for _ in range(len(batch["labels"]))]
        dealt.append(
            {
                name: torch.stack([fill_up(row[name]) if row[name].ndim else row[name] for row in hand])
                for name in ("input_ids", "attention_mask", "labels")
            }
        )
    return dealt


def fill_up(row: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.pad(row, (0, TOKENS - len(row)))


PROCESS_STEPS = {3: 200, 128: 30}  # by size: a second, more or less


def measure_processes(rounds: int = 5) -> dict[str, Any]:
    """Two processes of one thread each, against one of one thread, and one of two."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    commands = {"one": [], "one_with_two_threads": [], "two": launcher}
    times: dict[str, dict[str, list[float]]] = {"3": {}, "128": {}}
    for _ in range(rounds):
        for name, command in commands.items():
            environment = {**os.environ, "OMP_NUM_THREADS": "2" if name == "one_with_two_threads" else "1"}
            line = [sys.executable, *command, "-m", "tests.benchmarks", "a-process"]
            done = subprocess.run(line, env=environment, cwd=ROOT, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{' '.join(line)} ended with {done.returncode}: {done.stderr[-2000:]}")
            for size, milliseconds in json.loads(done.stdout.splitlines()[-1]).items():
                times[size].setdefault(name, []).append(milliseconds)
    pairs = {"one/two": ("one", "two"), "one_with_two_threads/two": ("one_with_two_threads", "two")}
    found: dict[str, Any] = {"batch": 64, "rounds": rounds}
    for size, line in times.items():
        found[size] = {"n_layers": SIZES[int(size)].n_layers, "steps": PROCESS_STEPS[int(size)], **compare(line, pairs)}
        say(f"processes, n_embed {size}", found[size])
    return found


def be_a_process(warm_up: int = 5) -> None:
    """Train as one process of a run; the first prints the mean milliseconds of a step at each size."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    corpus, found, settings = load_hatexplain(), {}, TrainingConfig(batch_size=64)
    tokenizer = WordTokenizer.from_texts(corpus.train.texts, min_freq=2, max_seq_len=TOKENS)
    with joined("cpu"):
        for n_embed, n_steps in PROCESS_STEPS.items():
            model = make_model(n_embed, vocab_size=len(tokenizer)).fuse()
            learning = our_steps(Classification(model, tokenizer, corpus, settings), settings)
            list(islice(learning, warm_up))
            start = time.perf_counter()
            list(islice(learning, n_steps))
            found[str(n_embed)] = 1000 * (time.perf_counter() - start) / n_steps
        if is_first():
            print(json.dumps(found))


SECTIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "sizes": measure_sizes,
    "padding": measure_padding,
    "epoch": measure_epoch,
    "profile": measure_profile,
    "growth": measure_growth,
    "processes": measure_processes,
}


def leaves(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every value in a record, with the names that lead to it."""
    if isinstance(found, dict):
        for name, inner in found.items():
            yield from leaves(inner, (*path, name))
    else:
        yield path, found


def missed(record: Mapping[str, Any]) -> list[str]:
    """Say what in a record is below its floor or above its ceiling."""
    found: list[str] = []
    for path, value in leaves({name: record[name] for name in SECTIONS if name in record}):
        if path[-2:-1] == ("time_ratios",) and value < FLOORS.get(path[-1], 0.0):
            found.append(f"{': '.join(path)} is {value}, below {FLOORS[path[-1]]}")
        if path[-2:-1] == ("memory_ratios",) and value < MEMORY_FLOORS.get(path[-1], 0.0):
            found.append(f"{': '.join(path)} is {value}, below {MEMORY_FLOORS[path[-1]]}")
        if path[-2:-1] in (("exponents",), ("memory_exponents",)) and value > CEILINGS["exponents"]:
            found.append(f"{': '.join(path)} is {value}, above {CEILINGS['exponents']}")
        if path[-1] == "most/least" and value > CEILINGS["most/least"]:
            found.append(f"{': '.join(path)} is {value}, above {CEILINGS['most/least']}")
    return found


def said() -> dict[str, Any]:
    """Return what a section says of the machine and its threads."""
    about = versions()
    about["versions"]["transformers"] = transformers.__version__
    return {**about, "machine": {"processor": platform.machine(), "cores": os.cpu_count()}}


def main(chosen: Sequence[str]) -> None:
    """Measure some sections or all, print them, and keep what was measured in quiet."""
    unknown = set(chosen) - set(SECTIONS)
    if unknown:
        sys.exit(f"There is no section {', '.join(sorted(unknown))}: the sections are {', '.join(SECTIONS)}.")
    transformers.utils.logging.set_verbosity_error()
    warnings.filterwarnings("ignore", "The PyTorch API of nested tensors")  # PyTorch's encoder makes them by itself
    record: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    busy: list[str] = []
    for name in chosen or SECTIONS:
        found = SECTIONS[name]() | said()
        unrest = max((value for path, value in leaves(found) if path[-1] == "unrest"), default=1.0)
        if unrest > UNREST:
            busy.append(f"{name} (the quartiles of the rounds differ by a factor of {unrest})")
            continue
        record[name] = found
        sections = {name: record[name] for name in SECTIONS if name in record}
        limits = {"floors": FLOORS, "memory_floors": MEMORY_FLOORS, "ceilings": CEILINGS}
        record = {"about": ABOUT, "how": HOW, **limits, **sections}
        write_atomically(RECORD, json.dumps(record, indent=1) + "\n")
    sentences = missed(record)
    if busy:
        sentences.append(f"The machine is busy, so these sections were not written: {'; '.join(busy)}")
    sys.exit("\n".join(sentences) or 0)
