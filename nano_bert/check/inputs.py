"""What a part is given stays as it is: whoever handed it over counts on it, the residual sum of a layer above all."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, cast

import torch
from torch import Tensor

from nano_bert.check.fit import UnfitError

TENSOR = (
    "the tensor of the shape {shape} that went in holds other numbers after the call. `x += y` writes into x itself, "
    "and so do `x[...] = y` and every method with a _ at its end, such as `masked_fill_`"
)
NAMES = (
    "the dictionary that went in has other entries after the call. `pop`, `del` and `names[key] = value` write into "
    "the dictionary itself"
)


def watched(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return the same function, but one that refuses to change a tensor or a dictionary that it is given."""

    @wraps(call)
    def watching(*given: Any, **named: Any) -> Any:
        before = list(noted([*given, *named.values()]))
        answer = call(*given, **named)
        for (one, was), (_, is_now) in zip(before, noted([one for one, _ in before], deep=False), strict=True):
            if not (torch.equal(was, is_now) if isinstance(one, Tensor) else was == is_now):
                how = TENSOR.format(shape=tuple(was.shape)) if isinstance(one, Tensor) else NAMES
                raise UnfitError(
                    f"Your {name} changes what it is given: {how}. Whoever has handed it over may need it again. Make "
                    f"a new one, or work on a copy."
                )
        return answer

    return watching


def noted(things: list[Any], deep: bool = True) -> Iterator[tuple[Any, Any]]:
    """Yield each tensor with its numbers, and each dictionary with what stands in it under which name."""
    for one in things:
        if isinstance(one, Tensor):
            yield one, one.detach().clone()
        elif isinstance(one, dict):
            named = cast("dict[Any, Any]", one)
            yield named, {name: id(value) for name, value in named.items()}
            if deep:
                yield from noted(list(named.values()))
