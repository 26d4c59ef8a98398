"""Distributed: one training, shared out among copies of the program.

`torchrun` starts the copies and tells each its number. Each keeps the whole model, reads its part of every batch, and
makes its gradients; PyTorch averages them while they are made, so that all copies take the same step and stay the same
(Li et al., 2020, "PyTorch Distributed", https://arxiv.org/abs/2006.15704). The copies may be on one machine or on many.
How they share a batch is in `nano_bert.fast.data_parallel`.

A program that was not started so is one process of one, and everything here leaves it as it is.
"""

import os
import re
import signal
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import NoReturn

import torch
from torch import distributed as group

from nano_bert.fast.hardware import find_device

BACKENDS = {"cpu": "gloo", "cuda": "nccl"}  # through what processes talk: Gloo, and NCCL between cards of NVIDIA
PATIENCE = timedelta(minutes=30)  # how long to wait for the others: the first may have data to download


def rank() -> int:
    """Return the rank of this process: its number among all, counted from 0."""
    return group.get_rank() if group.is_initialized() else 0


def world_size() -> int:
    """Return the world size: how many processes work together."""
    return group.get_world_size() if group.is_initialized() else 1


def launched() -> int:
    """Return how many processes `torchrun` started, whether or not they have joined yet."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def is_first() -> bool:
    """Say whether this is the process that writes and speaks for all."""
    return rank() == 0


def own_device(name: str) -> str:
    """Return the device of this process: of several cards in a machine, each process has its own."""
    return f"{name}:{os.environ.get('LOCAL_RANK', '0')}" if name == "cuda" and launched() > 1 else name


@contextmanager
def joined(device: str) -> Generator[None, None, None]:
    """Work together with the other processes of a run; alone, just work.

    Args:
        device: What the model is trained on, "cpu" or "cuda"; alone, anything.

    Raises:
        ConnectionError: If another process of the run has ended, or does not answer.
        ValueError: If many processes cannot share their work on this device.
    """
    if launched() == 1:
        yield
        return
    if device not in BACKENDS:
        raise ValueError(f"Many processes can train on {' or '.join(BACKENDS)}, but not on {device!r}.")
    find_device(own_device(device))

    def stop(*_: object) -> NoReturn:
        raise _ended("was told to end: the run was stopped, or has lost another one")

    signal.signal(signal.SIGTERM, stop)  # how torchrun ends the others when it has found one dead
    try:
        if device == "cuda":
            torch.cuda.set_device(own_device(device))
        group.init_process_group(BACKENDS[device], timeout=PATIENCE)
        yield
    except RuntimeError as error:
        if not isinstance(error, group.DistError) and "gloo" not in str(error):
            raise
        # Gloo says where in its own code it stood, what happened, and where to look: only the second is for readers.
        reason = re.sub(r"^\[\S+\] ", "", str(error).splitlines()[0]).split(". This is")[0]
        raise _ended(f"has lost another one, so the run ends here ({reason})") from error
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # all that is left to do is to say why
        if group.is_initialized():
            group.destroy_process_group()


def _ended(why: str) -> ConnectionError:
    """Return the last words of a process that cannot go on without the others."""
    return ConnectionError(
        f"process {os.environ['RANK']} of {launched()} (counted from 0) {why}. "
        f"The run is kept up to its last saved step, if there is one: start it again with --resume."
    )


@contextmanager
def first_goes_first() -> Generator[None, None, None]:
    """Let the first process do something alone, such as a download; then the others, who find it done."""
    if world_size() > 1 and not is_first():
        group.barrier()
    yield
    if world_size() > 1 and is_first():
        group.barrier()
