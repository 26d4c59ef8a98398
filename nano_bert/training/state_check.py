"""What a state must hold: a run goes on from all of it or not at all.

A file can be whole and still not be what a run needs: it may lack the optimizer's memory, count a step that is no
number, or hold weights that are none any more. A run that went on from there would end with other numbers, and nobody
would see it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor

Shapes = Mapping[str, Sequence[int]]
MEMORY = ("step", "exp_avg", "exp_avg_sq")  # what AdamW remembers of a weight: a count and two moving averages


def check_progress(progress: Any, expected: Mapping[str, Any]) -> None:
    """Refuse a progress that no run can have come to.

    Args:
        progress: What the file says.
        expected: A progress as it is at the beginning: it has the names and the types.

    Raises:
        ValueError: If it has other names, or a value of another type, out of range, or not finite.
    """
    if not isinstance(progress, dict) or set(cast("dict[str, Any]", progress)) != set(expected):
        raise ValueError(f"its progress does not have the entries {', '.join(expected)}")
    for name, value in expected.items():
        found: Any = cast("dict[str, Any]", progress)[name]
        if isinstance(value, list):
            if not isinstance(found, list) or not all(map(_is_line, cast("list[Any]", found))):
                raise ValueError(f"its {name} is not a list of lines with finite numbers")
        elif not _is_number(found) or isinstance(value, int) != isinstance(found, int):
            raise ValueError(f"its {name} is not a finite number")
        elif found < 0 and name != "best_score" and name != "loss_sum":
            raise ValueError(f"its {name} is below 0")
    said = cast("dict[str, Any]", progress)
    if said["best_epoch"] > said["epoch"] or len(said["history"]) != said["epoch"]:
        raise ValueError("its epochs do not agree with its history")


def check_weights(part: str, weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Refuse weights that are not those of the model: other names, shapes or types, or not finite.

    Raises:
        ValueError: If they are so.
    """
    if set(weights) != set(expected):
        name = min(set(weights) ^ set(expected))
        raise ValueError(f"of {part} it {'lacks' if name in expected else 'has an unknown'} {name}")
    for name, weight in weights.items():
        if weight.shape != expected[name].shape or weight.dtype != expected[name].dtype:
            raise ValueError(f"its {part}.{name} has another shape or type than the model's")
        _check_finite(f"{part}.{name}", weight)


def check_memory(memory: Mapping[str, Tensor], weights: Sequence[Tensor], begun: bool) -> None:
    """Refuse an optimizer's memory that is not complete.

    Args:
        memory: The tensors, by the number of the weight and their own name, as in "0.exp_avg".
        weights: The weights that learn, in the order of their numbers.
        begun: Whether a step was made: before, there is nothing to remember.

    Raises:
        ValueError: If a moving average is missing, unknown, of another shape, or not finite.
    """
    if set(memory) != {f"{number}.{name}" for number in range(len(weights) * begun) for name in MEMORY}:
        raise ValueError("the optimizer's memory is not complete")
    for name, tensor in memory.items():
        number, _, kind = name.partition(".")
        if tensor.shape != (() if kind == "step" else weights[int(number)].shape):
            raise ValueError(f"the optimizer's {name} has another shape than its weight")
        _check_finite(f"optimizer.{name}", tensor)
        if kind != "exp_avg" and bool((tensor < 0).any()):
            raise ValueError(f"the optimizer's {name} is below 0")


def check_randomness(kept: Tensor | None, expected: Tensor, n_processes: int) -> None:
    """Refuse a state of the random numbers that is not a row of bytes for each process.

    Raises:
        ValueError: If it is so.
    """
    if kept is None or kept.dtype != expected.dtype or kept.shape != (n_processes, *expected.shape):
        raise ValueError("it does not say where the random numbers are")


def _check_finite(name: str, tensor: Tensor) -> None:
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"its {name} holds a number that is not finite")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _is_line(line: Any) -> bool:
    return isinstance(line, dict) and all(map(_is_number, cast("dict[str, Any]", line).values()))
