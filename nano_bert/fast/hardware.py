"""Hardware: where the numbers are kept and computed, and in how many bits.

A device is a processor ("cpu") or a graphics card ("cuda" of NVIDIA or AMD, "mps" of Apple, "xpu" of Intel). With the
dtype "bfloat16" matrix products are done in 16 bits, of which 8 are for the size of a number, as in 32: it may be as
large, with fewer digits (Kalamkar et al., 2019, https://arxiv.org/abs/1905.12322). The weights stay in 32 bits, so that
small steps are not lost ("mixed precision", Micikevicius et al., 2018, https://arxiv.org/abs/1710.03740).
"""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

DTYPES = ("float32", "bfloat16")
KINDS = ("cpu", "cuda", "mps", "xpu")


def devices() -> list[str]:
    """Return the kinds of devices that this machine has."""
    found = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "xpu": torch.xpu.is_available(),
    }
    return [kind for kind in KINDS if found[kind]]


def find_device(name: str, dtype: str = "float32") -> torch.device:
    """Return a device that can compute in a dtype.

    Args:
        name: "cpu", "cuda", "mps" or "xpu"; "cuda:1" is the second of several.
        dtype: "float32" or "bfloat16".

    Raises:
        ValueError: If there is no such device here, or it cannot compute so.

    Examples:
        >>> from nano_bert.fast.hardware import find_device
        >>> find_device("cpu", "bfloat16")
        device(type='cpu')
    """
    match = re.fullmatch(rf"({'|'.join(KINDS)})(?::(0|[1-9]\d*))?", name, flags=re.ASCII)
    if match is None:
        raise ValueError(f"{name!r} is no device: take one of {', '.join(KINDS)}, or cuda:1 for the second card.")
    kind, index = match.groups()
    if kind not in devices():
        raise ValueError(
            f"device {name!r} was asked for, but PyTorch finds none on this machine. It finds: {', '.join(devices())}. "
            f"(A card also needs its driver, and a PyTorch that was built for it: see https://pytorch.org.)"
        )
    n_devices = 1 if kind == "cpu" else _module(kind).device_count()
    if index and int(index) >= n_devices:
        raise ValueError(f"device {name!r} was asked for, but of {kind} there are {n_devices}, counted from 0.")
    if dtype not in DTYPES:
        raise ValueError(f"{dtype!r} is no dtype to train in: take one of {', '.join(DTYPES)}.")
    device = torch.device(name)
    try:
        numbers = torch.ones(2, 2, dtype=getattr(torch, dtype), device=device)
        (numbers @ numbers).sum().item()
    except (RuntimeError, TypeError) as error:  # Apple's cards call an unknown dtype a TypeError
        hint = "" if dtype == "float32" else " Take float32."
        raise ValueError(f"device {name!r} cannot compute in {dtype}.{hint} (PyTorch says: {error})") from error
    return device


def _module(kind: str) -> Any:
    """Return the part of PyTorch that is for one kind of card."""
    return getattr(torch, kind)


@contextmanager
def on_device(model: nn.Module, device: str, dtype: str) -> Generator[None, None, None]:
    """Compute with a model on a device, its matrix products in a dtype; afterwards it is where it was.

    Raises:
        ValueError: If there is no such device here, or it cannot compute so.
    """
    home, place = next(model.parameters()).device, find_device(device, dtype)
    model.to(place)
    try:
        # Without the cache: it would keep the weights of the first step, in 16 bits, for all that follow.
        with torch.autocast(place.type, torch.bfloat16, dtype == "bfloat16", cache_enabled=False):
            yield
    finally:
        model.to(home)


def to_device(batch: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Return a batch on a device."""
    return {name: rows.to(device) for name, rows in batch.items()}


def random_state(device: torch.device) -> Tensor:
    """Return the state of the random numbers that a device draws: those of dropout."""
    if device.type == "cpu":
        return torch.get_rng_state()
    return _module(device.type).get_rng_state(device)


def set_random_state(device: torch.device, state: Tensor) -> None:
    """Let the random numbers of a device go on from a state."""
    state = state.clone()  # PyTorch reads from the start of the memory, and a row of a table does not stand there
    if device.type == "cpu":
        torch.set_rng_state(state)
    else:
        _module(device.type).set_rng_state(state, device)
