"""Two looks beside each other, the reader's and ours: are they the same, and if not, what differs first?"""

import linecache
import math
import re
from dataclasses import dataclass

import torch
from torch import Tensor

from nano_bert.check.bench import TOLERANCES, Seen, described

# What Python and PyTorch say when shapes do not fit.
SHAPES = re.compile(
    r"must match the (existing )?size|shapes cannot be multiplied|tuple index out of range|Dimension out of range|"
    r"not enough values to unpack|too many values to unpack|Sizes of tensors must match|shape '.*' is invalid|"
    r"too many indices for tensor"
)
MOST = 480  # characters of what Python says: as many as there may be, and no word is cut


@dataclass
class Stop:
    """What stopped a probe: an error, or an answer that cannot be compared.

    Attributes:
        kind: The type of the error; "unfit" for an answer that cannot be compared.
        message: What it says.
        line: The line of the reader's file, where there is one.
    """

    kind: str
    message: str
    line: int | None = None


@dataclass
class Look:
    """All that a probe has seen, from one seed.

    Attributes:
        seen: What it has seen, in order.
        stop: What stopped it, if anything did.
        n_ways: In how many ways our weights fit into the reader's parts.
    """

    seen: list[Seen]
    stop: Stop | None
    n_ways: int = 1


def same(ours: Seen, theirs: Seen) -> bool:
    """Say whether two things that were seen are the same, as far as rounding goes."""
    one, other = ours.value, theirs.value
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= room(ours) or (one != one and other != other)
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        try:
            return type(one) is type(other) and bool(one == other)
        except RuntimeError:  # lists of tensors, which Python cannot compare
            return repr(one) == repr(other)
    if one.shape != other.shape or one.is_floating_point() != other.is_floating_point():
        return False
    if ours.learns and not theirs.learns:
        return False
    return torch.allclose(one.double(), other.double(), rtol=0, atol=room(ours), equal_nan=True)


def room(ours: Seen) -> float:
    """Return how far numbers may be off."""
    value = ours.value
    if ours.tolerance is not None or not isinstance(value, Tensor) or not value.is_floating_point():
        return ours.tolerance or 0.0
    size = value.double().nan_to_num(0, 0, 0).abs().max().item() if value.numel() else 0.0
    return TOLERANCES[value.dtype] * max(1.0, size)


def first_difference(ours: Look, theirs: Look) -> int | None:
    """Return the place of the first thing that differs; None if nothing does. To have been stopped is a difference."""
    for place, (one, other) in enumerate(zip(ours.seen, theirs.seen, strict=False)):
        if one.name != other.name or not same(one, other):
            return place
    endings = [(one.stop.kind, one.stop.message) if one.stop else None for one in (ours, theirs)]
    if len(ours.seen) != len(theirs.seen) or endings[0] != endings[1]:
        return min(len(ours.seen), len(theirs.seen))
    return None


def said(ours: Look, theirs: Look, place: int, file: str, is_known: bool = False) -> str:
    """Say what differs, as exactly as it can be seen; where the mistake is known, without a guess at it."""
    if place == len(theirs.seen):
        if theirs.stop is None:
            return "Your part stopped giving answers before ours did."
        if theirs.stop.kind == "unfit":
            return theirs.stop.message
        after = f" (What came before was right; the last of it: {theirs.seen[-1].name}.)" if theirs.seen else ""
        return stopped(theirs.stop, file) + ("" if is_known else hint(theirs.stop, file)) + after
    one, other = ours.seen[min(place, len(ours.seen) - 1)], theirs.seen[place]
    begin = f"The first thing that differs: {one.name}."
    if not isinstance(one.value, Tensor):
        if isinstance(one.value, float) and isinstance(other.value, float):
            return f"{begin} Yours is {other.value:.4g}, ours {one.value:.4g}."
        return f"{begin} Yours is {shortened(repr(other.value))}, ours {shortened(repr(one.value))}."
    if not isinstance(other.value, Tensor):
        return f"{begin} It should be a tensor, but it is {described(other.value)}"
    if one.value.shape != other.value.shape:
        return f"{begin} Its shape is {tuple(other.value.shape)}, but it should be {tuple(one.value.shape)}."
    if one.value.is_floating_point() != other.value.is_floating_point():
        return f"{begin} It is {other.value.dtype}, but it should be {one.value.dtype}."
    if one.learns and not other.learns:
        return (
            f"{begin} No gradient finds its way back through yours, so it cannot learn. Does torch.no_grad, detach, "
            f".data or a new torch.tensor stand on the way?"
        )
    return f"{begin} {largest(one.value.double(), other.value.double(), room(one))}"


def largest(ours: Tensor, theirs: Tensor, allowed: float) -> str:
    """Say where two tensors differ most, and how many of their numbers do."""
    off = (ours - theirs).abs()
    off = torch.where(ours.isnan() & theirs.isnan(), 0.0, torch.where(off.isnan(), torch.inf, off))
    place = int(off.argmax())
    where = [int(index) for index in torch.unravel_index(torch.tensor(place), off.shape)] if off.ndim else []
    yours, mine, most = theirs.flatten()[place].item(), ours.flatten()[place].item(), off.flatten()[place].item()
    if not where:
        return f"Yours is {yours:.4g}, ours {mine:.4g}."
    by = f", by {most:.4g}" if math.isfinite(most) else ""
    return (
        f"{int((off > allowed).sum())} of its {off.numel()} numbers differ; most of all the one at {where} of the "
        f"shape {tuple(ours.shape)}{by}: yours is {yours:.4g}, ours {mine:.4g}."
    )


def stopped(stop: Stop, file: str) -> str:
    """Say what Python said, and where in the reader's file."""
    code = linecache.getline(file, stop.line).strip() if stop.line else ""
    where = f" in line {stop.line}, `{code}`" if code else ""
    few = re.sub(r'((?:"[^"]+", ){3})(?:"[^"]+"(?:, )?)+', r"\1and others", " ".join(stop.message.split()))
    message = shortened(few)
    told = f"Python stopped{where}: {stop.kind}{': ' if message else ''}{message}"
    return told if told.endswith((".", "…")) else told + "."


def shortened(text: str, most: int = MOST) -> str:
    """Return a text that is not too long; what is left out is not cut in the middle of a word."""
    if len(text) <= most:
        return text
    return (text[:most].rpartition(" ")[0] or text[:most]).rstrip(" ,") + " …"


def hint(stop: Stop, file: str) -> str:
    """Say what to look at where Python speaks of shapes, or of a mask that is none."""
    code = linecache.getline(file, stop.line).strip() if stop.line else ""
    told = ""
    if "boolean mask" in stop.message:
        told += " A mask of 1 and 0 is not yet one of True and False: which of your parts makes it one?"
    if SHAPES.search(stop.message):
        told += (
            " It is a matter of shapes. A text alone comes as (seq, embed), several as (batch, seq, embed); ids and "
            "masks have no embed. Does the line hold for each? (Count dimensions from the end; `...` in an index "
            "stands for all that come before.) Print the shapes before it."
        )
    if "mask" in code and SHAPES.search(stop.message):
        told += " A mask is (seq) or (batch, seq), scores are (query, key) or (batch, query, key): seq is their key."
    return told
