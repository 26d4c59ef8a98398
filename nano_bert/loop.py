"""The loop: what every training does, whatever there is to learn.

After each epoch the validation split is asked, and the weights of the best epoch are kept. A run can be stopped at any
time and goes on where it was. What is learnt is a `Task`: `nano_bert.training` has the one with labels, and
`nano_bert.pretrainer` the one without. Where several processes train together, each runs this same loop.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from nano_bert import processes
from nano_bert.base import BertModule
from nano_bert.fused import is_fused
from nano_bert.hardware import find_device, random_state, set_random_state, to_device
from nano_bert.optimization import TrainingConfig, make_optimizer, rate_at, train_step
from nano_bert.resume import load_state, save_state

SAVE_EVERY = 200  # steps between two states on disk: seconds of work, at most, are lost with the machine

Model = TypeVar("Model", bound=BertModule)


class Task(ABC, Generic[Model]):
    """Something to learn: where the batches come from, what a batch costs, and how to tell that it was learnt.

    Attributes:
        identity: What the run reads, in short: a run cannot go on with other data.
        n_texts: Texts in an epoch.
        steps_per_epoch: Batches in an epoch.
    """

    identity: dict[str, Any]
    n_texts: int
    steps_per_epoch: int

    @abstractmethod
    def batches(self, generator: torch.Generator) -> Iterator[tuple[dict[str, Tensor], int]]:
        """Yield the batches of an epoch, and how many texts each holds. All randomness is the generator's."""

    @abstractmethod
    def loss(self, model: Model, mine: dict[str, Tensor], whole: dict[str, Tensor]) -> Tensor:
        """Return the mean loss of the whole batch, as far as it comes from the rows in `mine`.

        Where one process trains alone, `mine` is the whole batch. Where several do, the sum of their parts is the loss.
        """

    @abstractmethod
    def validate(self, model: Model) -> tuple[float, dict[str, float]]:
        """Return how good the model is, the higher the better, and what to note of it in the history."""


class LossOf(nn.Module, Generic[Model]):
    """A model and its task in one module, from batch to loss: what PyTorch can wrap to average the gradients."""

    def __init__(self, model: Model, task: Task[Model]) -> None:
        super().__init__()
        self.model, self.task = model, task

    def forward(self, batch: dict[str, Tensor], process: int, n_processes: int) -> Tensor:
        """Return the loss of a batch, as far as it comes from the rows of one process."""
        mine = processes.own_part(batch, process, n_processes)
        n_rows = len(batch["input_ids"])
        if process >= n_rows:  # no row is left for this process: it reads another's, and counts it zero times
            mine = processes.own_part(batch, process % n_rows, n_processes)
        loss = self.task.loss(self.model, to_device(mine, self.model.device), batch)
        return loss * float(process < n_rows)


@dataclass
class Progress:
    """How far a run has come: all that is needed to go on, beside the weights.

    Attributes:
        epoch: Epochs that are complete.
        step: Steps that are complete within the next one.
        loss_sum: Sum of the losses of the texts seen in that epoch.
        cpu_seconds: Processor time so far, over all sittings.
        wall_seconds: Time on the clock so far, over all sittings.
        best_epoch: The one that did best on the validation split, counted from 1; 0 before the first.
        best_score: How good it was.
        history: A line for each complete epoch.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    best_epoch: int = 0
    best_score: float = -1e30
    history: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


def learn(
    model: Model,
    task: Task[Model],
    settings: TrainingConfig,
    folder: str | Path | None,
    resume: bool,
    show_progress: bool,
    began: tuple[float, float],
) -> list[dict[str, Any]]:
    """Learn a task; afterwards the model holds the weights of its best epoch on the validation split.

    Args:
        model: The model, with random weights or with those of an earlier training.
        task: What to learn.
        settings: How to train.
        folder: Where to keep the state of the run, so that it can be resumed, or None.
        resume: Go on from the state in `folder`. The result is the same, bit for bit, as without a break.
        show_progress: Whether to draw a progress bar.
        began: Processor time and clock when the work began, `(time.process_time(), time.perf_counter())`.

    Returns:
        The history: for each epoch the mean training loss, what the task notes, and the seconds since the start.

    Raises:
        FileNotFoundError: If there is no state to resume from.
        ValueError: If the state is of a run with other settings, or the loss is no longer a number.
    """
    device, home = find_device(processes.own_device(settings.device), settings.dtype), model.device
    kept = None if folder is None else Path(folder)
    fuse = settings.fused and not is_fused(model)
    model.to(device)
    try:
        if fuse:
            model.fuse()
        # Without the cache: it would keep the weights of the first step, in 16 bits, for all that follow.
        with torch.autocast(device.type, torch.bfloat16, settings.dtype == "bfloat16", cache_enabled=False):
            return _learn(model, task, settings, kept, resume, show_progress and processes.is_first(), began)
    finally:
        model.to(home)
        if fuse:
            model.unfuse()


def _learn(
    model: Model,
    task: Task[Model],
    settings: TrainingConfig,
    folder: Path | None,
    resume: bool,
    show_progress: bool,
    began: tuple[float, float],
) -> list[dict[str, Any]]:
    """Learn a task with a model that is where it shall be trained."""
    optimizer = make_optimizer(model, settings)
    loss_of = processes.averaging(LossOf(model, task))
    best = model.state_dict()
    progress = Progress()
    identity = {**task.identity, **model.config.to_dict(), **asdict(settings), "processes": processes.count()}
    torch.manual_seed(settings.seed + processes.number())  # each process drops out other features
    if resume and folder is not None:
        best, randomness = load_state(folder, identity, model, optimizer, progress)
        set_random_state(model.device, randomness[processes.number()])

    def save() -> None:
        randomness = processes.gathered(random_state(model.device))
        if folder is not None and processes.is_first():
            save_state(folder, identity, model, best, optimizer, progress, randomness)

    cpu_start, wall_start = began[0] - progress.cpu_seconds, began[1] - progress.wall_seconds
    while progress.epoch < settings.epochs and progress.epoch - progress.best_epoch < settings.patience:
        # The batches of an epoch depend on the seed and its number alone, so a resumed run gets the same ones, and so
        # does each of many processes: it then takes its own rows of each.
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + progress.epoch)
        batches = task.batches(generator)
        label = f"epoch {progress.epoch + 1}/{settings.epochs}"
        model.train()
        for step, (batch, n_texts) in enumerate(tqdm(batches, label, task.steps_per_epoch, disable=not show_progress)):
            if step < progress.step:
                continue  # done before the break
            n_done = progress.epoch * task.steps_per_epoch + step
            rate = settings.learning_rate * rate_at(n_done, settings.epochs * task.steps_per_epoch, settings.warmup)
            loss = loss_of(batch, processes.number(), processes.count())
            progress.loss_sum += train_step(model, optimizer, loss, rate, settings.clip) * n_texts
            progress.step = step + 1
            progress.cpu_seconds = time.process_time() - cpu_start
            progress.wall_seconds = time.perf_counter() - wall_start
            if n_done % SAVE_EVERY == 0:
                save()

        score, notes = task.validate(model)
        if score > progress.best_score:
            best = {name: weight.clone() for name, weight in model.state_dict().items()}
            progress.best_epoch, progress.best_score = progress.epoch + 1, score
        progress.cpu_seconds = time.process_time() - cpu_start
        progress.wall_seconds = time.perf_counter() - wall_start
        progress.history.append(
            {
                "epoch": progress.epoch + 1,
                "train_loss": progress.loss_sum / task.n_texts,
                **notes,
                "cpu_seconds": progress.cpu_seconds,
                "wall_seconds": progress.wall_seconds,
            }
        )
        progress.epoch, progress.step, progress.loss_sum = progress.epoch + 1, 0, 0.0
        save()
    model.load_state_dict(best)
    model.eval()
    return progress.history
