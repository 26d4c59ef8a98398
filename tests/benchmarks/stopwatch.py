"""How the benchmarks measure: time in turns, memory to the byte, and growth by its power."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

Work = Callable[[], object]


def take_turns(works: Mapping[str, Work], rounds: int, warm_up: int = 2) -> dict[str, list[float]]:
    """Let all work once a round, and return the milliseconds of each in every round. The order is turned each time."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for index in range(rounds + warm_up):
        for name in list(works)[:: -1 if index % 2 else 1]:
            start = time.perf_counter()
            works[name]()
            if index >= warm_up:
                times[name].append(1000 * (time.perf_counter() - start))
    return times


def compare(times: Mapping[str, Sequence[float]], pairs: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """Return the medians and their ratios.

    "unrest" says how far the rounds disagree: the upper quartile of a ratio over the lower, for the worst of the pairs.
    """
    medians = {name: shortened(statistics.median(found)) for name, found in times.items()}
    unrest = [quartiles(times[above], times[below]) for above, below in pairs.values()]
    return {"milliseconds": medians, "time_ratios": ratios(medians, pairs), "unrest": shortened(max(unrest))}


def ratios(medians: Mapping[str, float], pairs: Mapping[str, tuple[str, str]]) -> dict[str, float]:
    return {name: shortened(medians[above] / medians[below]) for name, (above, below) in pairs.items()}


def quartiles(above: Sequence[float], below: Sequence[float]) -> float:
    """Return how many times larger the upper quartile of the rounds' ratios is than the lower."""
    lower, _, upper = statistics.quantiles((one / other for one, other in zip(above, below, strict=True)), n=4)
    return upper / lower


def peak_megabytes(work: Work) -> float:
    """Return the most memory that tensors take at one time, over what they took before, in millions of bytes.

    PyTorch's profiler notes every time that a tensor takes memory or gives it back. What a product of matrices needs
    within itself is not seen.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        kept = work()
    del kept
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    changes = [(event["ts"], event["args"]) for event in events if event["name"] == "[memory]"]
    taken = peak = 0
    for _, change in sorted(changes, key=lambda change: (change[0], change[1]["Ev Idx"])):
        taken += change["Bytes"]
        peak = max(peak, taken)
    return shortened(peak / 1e6)


def shortened(number: float) -> float:
    """Round to three digits: the fourth is another one next time."""
    return float(f"{number:.3g}")


def fit(found: Mapping[str, float]) -> dict[str, float]:
    """Fit a + b S + c S² to what was found at the lengths S, by the least squares of relative errors."""
    lengths = torch.tensor([float(name) for name in found], dtype=torch.float64)
    values = torch.tensor(list(found.values()), dtype=torch.float64)
    # In units of the longest text, so that the three columns are of like size.
    columns = torch.stack([(lengths / lengths.max()) ** power for power in range(3)], dim=1)
    answer = torch.linalg.lstsq(columns / values[:, None], torch.ones_like(values)[:, None]).solution[:, 0]
    return {name: shortened(float(answer[power] / lengths.max() ** power)) for power, name in enumerate("abc")}


def exponents(found: Mapping[str, float]) -> dict[str, float]:
    """Return, from each length to the next, by which power of the length it grows: 1 is linear, 2 quadratic."""
    names = list(found)
    pairs = pairwise(names)
    return {
        f"{one}-{other}": shortened(
            float(torch.tensor(found[other] / found[one]).log() / torch.tensor(int(other) / int(one)).log())
        )
        for one, other in pairs
    }


def say(title: str, found: Mapping[str, Any]) -> None:
    print(f"{title}:")
    for name, value in found.items():
        text = ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else value
        print(f"    {name}: {text}", flush=True)
