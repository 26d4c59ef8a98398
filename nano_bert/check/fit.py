"""Weights for the reader's part: the same random numbers that ours has, so that the outputs can be compared.

Where the reader's parts have the names that the docstrings ask for, each weight goes where its name says. Where they
have names of their own, or hold queries, keys and values in one matrix, several ways are possible, and all are tried:
a part that is right under one of them is right.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import permutations, product

import torch
from torch import Tensor, nn

Weights = Mapping[str, Tensor]


class UnfitError(Exception):
    """What the reader gave cannot be compared; the message says why, in a sentence for them."""


def random_weights(part: nn.Module, generator: torch.Generator) -> dict[str, Tensor]:
    """Return random weights for each parameter: none is 0 or 1, as fresh biases and gains are, so that each counts."""
    weights: dict[str, Tensor] = {}
    for name, weight in part.named_parameters():
        numbers = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        is_gain = ("norm" in name and name.endswith("weight")) or (type(part) is nn.LayerNorm and name == "weight")
        weights[name] = 1 + 0.5 * numbers if is_gain else 0.6 * numbers
    return weights


def check_start(part: nn.Module, dropout: float | None = None) -> None:
    """Refuse weights that begin so that training cannot use them, and a rate of dropout that is not the config's.

    Raises:
        UnfitError: If there are some.
    """
    for name, weight in part.named_parameters():
        what = f"{name} of your {type(part).__name__}"
        if not weight.isfinite().all():
            raise UnfitError(f"{what} begins with NaN or infinity. What torch.empty gives is no number yet.")
        if weight.ndim > 1 and weight.numel() > 1 and bool((weight == weight.flatten()[0]).all()):
            raise UnfitError(
                f"All numbers of {what} begin alike, so they would be taught alike. A matrix begins at random, as "
                f"that of an nn.Linear does."
            )
        if not weight.requires_grad:
            raise UnfitError(f"{what} cannot learn: its requires_grad is False.")
    rates = [one.p for one in part.modules() if isinstance(one, nn.Dropout)]
    if fixed := [rate for rate in rates if dropout is not None and rate not in (0, dropout)]:
        raise UnfitError(
            f"An nn.Dropout of your {type(part).__name__} has the rate {fixed[0]:g}, whatever the config says. The "
            f"rate is one of the config's settings: whoever makes the model decides how much is dropped."
        )


def ways_to_fit(part: nn.Module, weights: Weights) -> list[dict[str, Tensor]]:
    """Return the ways to copy our weights into a part of the reader's.

    Raises:
        UnfitError: If there is none.
    """
    theirs = {name: one.shape for name, one in part.named_parameters(remove_duplicate=False)}
    if theirs.keys() == weights.keys():
        for name, shape in theirs.items():
            if shape != weights[name].shape:
                raise UnfitError(
                    f"{name} of your {type(part).__name__} has the shape {tuple(shape)}, but it should have "
                    f"{tuple(weights[name].shape)}."
                )
        return [dict(weights)]
    linear = {f"{name}.weight" for name, one in part.named_modules() if isinstance(one, nn.Linear | nn.Embedding)}
    own = {name for name, shape in theirs.items() if len(shape) > 1 and name not in linear}
    nothing: set[str] = set()
    filled = (
        poured(one, theirs, turned) for one in arrangements(weights) for turned in (nothing, own)[: 1 + bool(own)]
    )
    ways = [way for way in filled if way is not None]
    if not ways:
        missing, unknown = sorted(weights.keys() - theirs.keys()), sorted(theirs.keys() - weights.keys())
        lacks = f"lacks {listed(missing)}" if missing else "has all of ours"
        raise UnfitError(
            f"The weights of your {type(part).__name__} are not those that its docstring names: it {lacks}"
            + (f", and has {listed(unknown)}" if unknown else "")
            + ". (Is each part an nn.Module, and in an nn.ModuleList where there are several?)"
        )
    return ways


def listed(names: Sequence[str], most: int = 4) -> str:
    """Return some names in a row, and of many how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def arrangements(weights: Weights) -> Iterator[dict[str, Tensor]]:
    """Yield our weights in the orders in which a reader may hold them: head by head, or all queries first."""
    for order, stacked in product(permutations(("query", "key", "value")), (False, True)):
        arranged: dict[str, Tensor] = {}
        for name in weights:
            part = next((one for one in order if f"{one}." in name), None)
            if part is None:
                arranged[name] = weights[name]
                continue
            before, _, after = name.partition("heads.")
            if not stacked or not after:
                # The first of the three in our order makes room for the first of theirs, and so on.
                ours = ("query", "key", "value")[order.index(part)]
                arranged[name] = weights[name.replace(f"{part}.", f"{ours}.")]
            elif f"{before}stacked.{name.rpartition('.')[2]}" not in arranged:
                kind = name.rpartition(".")[2]
                rows = [weights[one] for half in order for one in weights if _is_of(one, before, half, kind)]
                arranged[f"{before}stacked.{kind}"] = torch.cat(rows)
        yield arranged


def _is_of(name: str, before: str, part: str, kind: str) -> bool:
    return name.startswith(f"{before}heads.") and name.endswith(f"{part}.{kind}")


def poured(arranged: Weights, shapes: Mapping[str, torch.Size], turned: Container[str]) -> dict[str, Tensor] | None:
    """Fill the reader's parameters in their order from our weights in ours; None if they do not come out even.

    Matrices in `turned` are those of a reader who writes x @ W: each column makes a feature, as in ours each row does.
    """
    matrices = [one for one in arranged.values() if one.ndim > 1]
    vectors = [one for one in arranged.values() if one.ndim == 1]
    way: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        stream = matrices if len(shape) > 1 else vectors
        rows = (shape[-1] if name in turned else shape[0]) if len(shape) else 0
        taken: list[Tensor] = []
        while stream and sum(len(one) for one in taken) < rows:
            one, left = stream[0], rows - sum(len(one) for one in taken)
            taken.append(one[:left])
            stream[0] = one[left:]
            if not len(stream[0]):
                del stream[0]
        filled = torch.cat(taken) if taken and len({one.shape[1:] for one in taken}) == 1 else None
        if filled is None or (filled.T if name in turned else filled).shape != shape:
            return None
        way[name] = filled.T if name in turned else filled
    return way if not matrices and not vectors else None
