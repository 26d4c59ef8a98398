"""Weights on disk: the format safetensors, read by its table of contents.

A file begins with the length of its header (8 bytes), then comes the header, in JSON: for each tensor its name, its
kind of numbers, its shape, and where its bytes are. The bytes follow, without a gap
(https://huggingface.co/docs/safetensors). So names and shapes are known, and can be refused, before one weight is read;
and each weight is then read into the place where it stays, so that nothing is in memory twice.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from nano_bert.pretrained.safe_files import damaged, opened, parse_json
from nano_bert.tokenizer.check_given import shown

LONGEST_HEADER = 4_000_000  # bytes; that of BERT-large takes 40,000
LARGEST_WEIGHT = 1e6  # trained weights stay below a thousand, and from far larger ones comes NaN

# The kinds of numbers that one computes with; and all others, with what torch calls them, where it knows them.
KINDS = {
    **{"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16},
    **{"F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2},
}
OTHER_KINDS: dict[str, object] = {
    **{"I8": torch.int8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64},
    **{"U8": torch.uint8, "BOOL": torch.bool, "C64": torch.complex64},
    **{kind: kind for kind in ("U16", "U32", "U64", "F4", "F6_E2M3", "F6_E3M2", "F8_E8M0")},
}


@dataclass(frozen=True)
class Entry:
    """A tensor in a file.

    Args:
        kind: Its kind of numbers, such as "F32".
        shape: Its shape.
        start: Where its bytes begin in the file.
        size: How many they are.
    """

    kind: str
    shape: tuple[int, ...]
    start: int
    size: int


def read_contents(path: Path) -> dict[str, Entry]:
    """Read which tensors a file holds, and nothing of them.

    Raises:
        ValueError: If the file is damaged.
    """
    with opened(path) as file:
        length = int.from_bytes(first := file.read(8), "little")
        end = path.stat().st_size
        if len(first) < 8 or length > end - 8:
            raise damaged(path, "it ends too early")
        if length > LONGEST_HEADER:
            raise damaged(path, f"its table of contents has {length:,} bytes")
        header: dict[str, Any] = parse_json(path, file.read(length))
    notes: dict[str, Any] | None = header.pop("__metadata__", None)
    if notes is not None and not (type(notes) is dict and all(isinstance(note, str) for note in notes.values())):
        raise damaged(path, "its notes are no texts, each with a name")
    try:
        entries = {name: _entry(said, 8 + length) for name, said in header.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(path, "its table of contents is none") from error
    place = 8 + length
    for entry in sorted(entries.values(), key=lambda entry: (entry.start, entry.size)):
        if entry.start != place:
            raise damaged(path, "its tensors do not follow each other")
        place += entry.size
    if place != end:
        raise damaged(path, f"it has {end:,} bytes, and should have {place:,}")
    return entries


def _entry(said: Any, offset: int) -> Entry:
    kind, shape, (start, stop) = said["dtype"], tuple(said["shape"]), said["data_offsets"]
    if (
        kind not in KINDS | OTHER_KINDS
        or any(type(n) is not int or n < 0 for n in (*shape, start, stop))
        or stop < start
    ):
        raise ValueError
    if kind in KINDS and math.prod(shape) * KINDS[kind].itemsize != stop - start:
        raise ValueError
    return Entry(kind, shape, offset + start, stop - start)


def read_tensors(path: Path, entries: Mapping[str, Entry], names: Iterable[str]) -> dict[str, Tensor]:
    """Read some tensors of a file, one after the other, as torch's usual floating-point numbers.

    Raises:
        ValueError: If they are not numbers to compute with.
    """
    names = list(names)
    for name in names:
        kind = entries[name].kind
        if kind not in KINDS:
            raise ValueError(
                f"{path} keeps {shown(name)} as {OTHER_KINDS[kind]}, which are no weights to compute with."
            )
    weights: dict[str, Tensor] = {}
    with opened(path) as file:
        for name in names:
            entry = entries[name]
            content = torch.empty(entry.size, dtype=torch.uint8)
            file.seek(entry.start)
            if cast(Any, file).readinto(content.numpy().data) != entry.size:
                raise damaged(path, "it ends too early")
            weights[name] = content.view(KINDS[entry.kind]).reshape(entry.shape).to(torch.get_default_dtype())
            check_weight(str(path), name, weights[name])
    return weights


def check_weight(owner: str, name: str, weight: Tensor) -> None:
    """Refuse a weight with which nothing can be computed.

    Raises:
        ValueError: If a number in it is not finite, or far larger than training makes any.
    """
    # The smallest and the largest, for a copy of their absolute values would need as much memory again.
    if weight.numel() and not all(abs(bound.item()) <= LARGEST_WEIGHT for bound in weight.detach().aminmax()):
        raise ValueError(
            f"{owner} is of no use: {shown(name)} holds NaN, infinity, or numbers nearly as large as that."
        )
