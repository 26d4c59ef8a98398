"""Hardware: where the numbers are kept and computed, and in how many bits.

A device is a processor ("cpu") or a graphics card ("cuda" of NVIDIA or AMD, "mps" of Apple, "xpu" of Intel). With the
dtype "bfloat16" matrix products are done in 16 bits, of which 8 are for the size of a number, as in 32: it may be as
large, with fewer digits (Kalamkar et al., 2019, https://arxiv.org/abs/1905.12322). The weights stay in 32 bits, so that
small steps are not lost ("mixed precision", Micikevicius et al., 2018, https://arxiv.org/abs/1710.03740).
"""

from collections.abc import Mapping

import torch
from torch import Tensor

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
        >>> from nano_bert.hardware import find_device
        >>> find_device("cpu", "bfloat16")
        device(type='cpu')
    """
    kind, _, index = name.partition(":")
    if kind not in KINDS or (index and not index.isdecimal()):
        raise ValueError(f"{name!r} is no device: take one of {', '.join(KINDS)}, or cuda:1 for the second card.")
    if kind not in devices():
        raise ValueError(
            f"device {name!r} was asked for, but PyTorch finds none on this machine. It finds: {', '.join(devices())}. "
            f"(A card also needs its driver, and a PyTorch that was built for it: see https://pytorch.org.)"
        )
    if index and kind != "cpu" and int(index) >= torch.get_device_module(kind).device_count():
        n_devices = torch.get_device_module(kind).device_count()
        raise ValueError(f"device {name!r} was asked for, but there are {n_devices}, and they are counted from 0.")
    if dtype not in DTYPES:
        raise ValueError(f"{dtype!r} is no dtype to train in: take one of {', '.join(DTYPES)}.")
    device = torch.device(name)
    try:
        numbers = torch.ones(2, 2, dtype=getattr(torch, dtype), device=device)
        (numbers @ numbers).sum().item()
    except RuntimeError as error:
        raise ValueError(f"device {name!r} cannot compute in {dtype}: take float32. (PyTorch says: {error})") from error
    return device


def to_device(batch: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Return a batch on a device."""
    return {name: rows.to(device) for name, rows in batch.items()}


def random_state(device: torch.device) -> Tensor:
    """Return the state of the random numbers that a device draws: those of dropout."""
    if device.type == "cpu":
        return torch.get_rng_state()
    return torch.get_device_module(device.type).get_rng_state()


def set_random_state(device: torch.device, state: Tensor) -> None:
    """Let the random numbers of a device go on from a state."""
    if device.type == "cpu":
        torch.set_rng_state(state)
    else:
        torch.get_device_module(device.type).set_rng_state(state)
