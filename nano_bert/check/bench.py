"""The workbench: where a part is made, given its weights and asked, the reader's and ours in the same way.

A probe (`probes_model`, `probes_text`, `probes_training`) asks a part through the bench and yields what it has seen,
tensor by tensor, in the order in which a part computes them. It is run twice, with the reader's file and with the
package; from the same seed come the same inputs and the same weights.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from nano_bert.check.fit import UnfitError, check_start, random_weights, ways_to_fit
from nano_bert.check.inputs import watched
from nano_bert.check.reference import PACKAGE

# How far numbers may be from ours: rounding is less, and a mistake is more.
TOLERANCES = {torch.float64: 1e-6, torch.float32: 1e-4, torch.bfloat16: 1e-1, torch.float16: 2e-2}
# So much is dropped in training that nothing is left: so it is seen, without chance, where dropout stands.
NEARLY_ALL = 1 - 1e-9


@dataclass
class Seen:
    """Something that a probe has seen.

    Attributes:
        name: What it is, for the reader.
        value: A tensor, or a plain value.
        tolerance: How far its numbers may be off; None for as far as its dtype rounds.
        learns: Whether a gradient finds its way back through it.
    """

    name: str
    value: Any
    tolerance: float | None = None
    learns: bool = False


class Bench:
    """Makes parts and inputs.

    Args:
        parts: The reader's file, or the package under its names.
        seed: Start of all randomness.
        way: Which of several ways to fit weights into the reader's parts is to be taken.
    """

    def __init__(self, parts: Any, seed: int, way: int = 0) -> None:
        self.parts, self.seed, self.way, self.n_ways = parts, seed, way, 1
        self.generator = torch.Generator().manual_seed(seed)
        self.dtype = (torch.float32, torch.float64)[seed % 2]

    def one_of(self, *choices: Any) -> Any:
        """Return one of some things, drawn at random."""
        return choices[int(torch.randint(len(choices), (), generator=self.generator))]

    def numbers(self, *shape: int, scale: float = 1.0) -> Tensor:
        """Return random numbers."""
        return (scale * torch.randn(shape, generator=self.generator, dtype=torch.float64)).to(self.dtype)

    def ids(self, highest: int, *shape: int, lowest: int = 0) -> Tensor:
        """Return random whole numbers from `lowest` to below `highest`."""
        return torch.randint(lowest, highest, shape, generator=self.generator)

    def batch(self) -> tuple[int, ...]:
        """Return the shape of a batch: of some texts, or none for a text alone; each seed the next."""
        return ((), (2,), (3,))[self.seed % 3]

    def mask(self, *shape: int) -> Tensor:
        """Return a mask in which each text has some tokens, and some that are hidden."""
        mask = torch.rand(shape, generator=self.generator) < 0.6
        mask[..., self.one_of(0, 1)] = True
        mask[..., -1] = False
        return mask

    def config(self, **sizes: Any) -> tuple[Any, Any]:
        """Return the sizes of a small model: for the reader's parts, and for ours."""
        n_heads, head_size = self.one_of(2, 3), self.one_of(2, 3, 4)
        usual = {"vocab_size": 20, "n_heads": n_heads, "n_embed": n_heads * head_size, "max_seq_len": 9}
        usual |= {"dropout": NEARLY_ALL, **sizes}
        return self.part("BertConfig")(**usual), PACKAGE.BertConfig(**usual)

    def part(self, name: str) -> Callable[..., Any]:
        """Return a part of the file; a function is watched, so that it leaves alone what it is given."""
        if not hasattr(self.parts, name):
            raise UnfitError(f"There is no {name} in the file. Write it under this name: the rung asks for it.")
        part = getattr(self.parts, name)
        return part if isinstance(part, type) else watched(part, name)

    def make(self, name: str, *settings: Any, dtype: torch.dtype | None = None, new: bool = False) -> Any:
        """Make a part with random weights, the same for the reader's and ours; dropout is off.

        Args:
            name: Its name.
            settings: What it is made with; a pair has one for the reader's and one for ours.
            dtype: Of its weights.
            new: Whether it keeps the weights with which it begins.
        """
        chosen: list[tuple[Any, Any]] = [one if isinstance(one, tuple) else (one, one) for one in settings]
        ours = getattr(PACKAGE, name)(*(pair[1] for pair in chosen))
        weights = random_weights(ours, self.generator)
        part = ours if self.parts is PACKAGE else self.part(name)(*(pair[0] for pair in chosen))
        if not isinstance(part, nn.Module):
            raise UnfitError(f"{name} should be an nn.Module, but it makes {type(part).__name__}.")
        check_start(part, getattr(chosen[0][1], "dropout", None))
        part.forward = watched(part.forward, name)
        part.to(dtype or self.dtype)
        if new:
            return part.eval()
        if self.parts is PACKAGE:
            way = weights
        else:
            ways = ways_to_fit(part, weights)
            self.n_ways = max(self.n_ways, len(ways))
            way = ways[self.way % len(ways)]
        with torch.no_grad():
            for parameter, weight in zip_by_name(part, way):
                parameter.copy_(weight)
        return part.eval()

    def several(self, answer: Any, n: int | None, what: str, which: str = "The answer") -> tuple[Any, ...]:
        """Return the parts of an answer; refuse one that has not as many as it should, where a number is given."""
        if not isinstance(answer, tuple | list) or (n is not None and len(cast("list[Any]", answer)) != n):
            given = "nothing (None): is a return missing?" if answer is None else described(answer)
            raise UnfitError(f"{which} should be {f'{n} things' if n else 'a tuple'}, {what}, but it is {given}")
        return tuple(cast("list[Any]", answer))


def zip_by_name(part: nn.Module, weights: dict[str, Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each parameter with the weight that is meant for it."""
    parameters = dict(part.named_parameters(remove_duplicate=False))
    return ((parameters[name], weight) for name, weight in weights.items())


def described(value: Any) -> str:
    """Say in few words what something is."""
    if isinstance(value, Tensor):
        return f"a tensor of the shape {tuple(value.shape)}."
    if isinstance(value, tuple | list):
        whole = cast("list[Any]", value)
        first = f", the first of the shape {tuple(whole[0].shape)}" if whole and isinstance(whole[0], Tensor) else ""
        return f"a {type(whole).__name__} of {len(whole)}{first}."
    return f"{type(value).__name__}."
