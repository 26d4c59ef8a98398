"""Data parallel: many processes learn from one batch, and take the step that one process would take.

Each reads its own rows. The loss of a batch is a mean over all its texts, or over all its hidden words, and some
processes may have more of them than others. So each says the *sum* of its losses, and over how many; the sums and the
counts of all are added up, and only then divided. (A mean of means would count some texts twice.)

Alone, a process has all rows, and nothing here does anything but divide.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch import distributed as group
from torch.nn.parallel import DistributedDataParallel

from nano_bert.fast.distributed import rank, world_size
from nano_bert.fast.hardware import to_device

Batch = Mapping[str, Tensor]
Losses = Sequence[tuple[Tensor, int]]  # of each kind of loss: its sum, and over how many things


class MeanLoss(nn.Module):
    """From a batch to its mean loss: the model, and what is to be learnt, in one module that PyTorch can wrap.

    Args:
        model: What learns.
        losses: Gives the losses of the model on some rows of a batch, each as a sum and a count.
        device: Where the model is.
    """

    def __init__(self, model: nn.Module, losses: Callable[[Batch], Losses], device: torch.device) -> None:
        super().__init__()
        self.model, self.losses, self.device = model, losses, device

    def forward(self, batch: Batch) -> Tensor:
        """Return the mean loss of the whole batch; its gradient comes from the rows of this process."""
        if world_size() == 1:
            first, *others = [loss / max(1, count) for loss, count in self.losses(to_device(batch, self.device))]
            return sum(others, first)
        n_rows = len(batch["input_ids"])
        has_rows = rank() < n_rows
        # Where no row is left for this process, it reads another's, and counts it zero times.
        rows = own_rows(batch, rank() if has_rows else rank() % n_rows, world_size())
        means: list[Tensor] = []
        for loss, count in self.losses(to_device(rows, self.device)):
            counts = sum_over_processes(torch.tensor(float(count * has_rows), device=self.device))
            own = loss * float(has_rows) / counts.clamp(min=1)
            # PyTorch will take the mean of the gradients over the processes, but the sum is wanted.
            own = own * world_size()
            means.append(own + (sum_over_processes(own) / world_size() - own).detach())
        return torch.stack(means).sum()


def mean_loss(model: nn.Module, losses: Callable[[Batch], Losses], device: torch.device) -> Callable[[Batch], Tensor]:
    """Return what gives the mean loss of a batch; in many processes, PyTorch averages the gradients behind it."""
    module = MeanLoss(model, losses, device)
    # A classifier that reads the mean never uses its pooler, so not every weight has a gradient.
    return module if world_size() == 1 else DistributedDataParallel(module, find_unused_parameters=True)


def own_rows(batch: Batch, rank: int, world_size: int) -> dict[str, Tensor]:
    """Return the rows of a batch that are for one process; together they are the batch, each row once.

    Where there are more processes than rows, those left over get no row.

    Examples:
        >>> import torch
        >>> from nano_bert.fast.data_parallel import own_rows
        >>> batch = {"labels": torch.tensor([10, 11, 12])}
        >>> own_rows(batch, 0, 2), own_rows(batch, 1, 2)
        ({'labels': tensor([10, 12])}, {'labels': tensor([11])})
    """
    return {name: rows[rank::world_size] for name, rows in batch.items()}


def sum_over_processes(own: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes."""
    if world_size() == 1:
        return own
    everyone = own.detach().clone()
    if group.get_backend() == "nccl":
        everyone = everyone.cuda()
    group.all_reduce(everyone)
    return everyone.to(own.device)


def gather(own: Tensor) -> Tensor:
    """Return the tensors of all processes, one above the other, in the order of their ranks."""
    everyone = torch.zeros(world_size(), *own.shape, dtype=torch.long)
    everyone[rank()] = own.long()
    return sum_over_processes(everyone).to(own.dtype)
