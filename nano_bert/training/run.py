"""A run: how far a training has come, what was best so far, and how it goes on after a break.

A run can be stopped at any time. It is kept in a folder, if there is one, every so many steps and after each epoch; and
since the batches of an epoch depend on the seed and its number alone, a run that goes on gets the same ones.
"""

import math
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from nano_bert.bert_module import BertModule
from nano_bert.fast.data_parallel import gather
from nano_bert.fast.distributed import is_first, rank, world_size
from nano_bert.fast.hardware import random_state, set_random_state
from nano_bert.pretrained.hub import local_folder
from nano_bert.training.optimizer import TrainingConfig
from nano_bert.training.resume import (
    damaged,
    join_names,
    load_state,
    one_part,
    optimizer_memory,
    save_state,
    set_optimizer_memory,
)
from nano_bert.training.run_folder import STATE_FILE, check_folder, locked
from nano_bert.training.state_check import check_memory, check_progress, check_randomness, check_weights

SAVE_EVERY = 200  # steps between two states on disk: seconds of work, at most, are lost with the machine


@dataclass
class Progress:
    """How far a run has come: all that is needed to go on, beside the weights.

    Attributes:
        epoch: Epochs that are complete.
        step: Steps that are complete within the next one.
        loss_sum: Sum of the losses of the texts seen in that epoch.
        n_texts: How many texts these were.
        cpu_seconds: Processor time so far, over all sittings.
        wall_seconds: Time on the clock so far, over all sittings.
        best_epoch: The one that did best on the validation split, counted from 1; 0 before the first.
        best_score: How good it was.
        history: A line for each complete epoch.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    n_texts: int = 0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    best_epoch: int = 0
    best_score: float = -1e30
    history: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


class Run:
    """One training, from its beginning to its end; its seconds count from when it is made.

    Args:
        folder: Where to keep the state, so that the run can go on after a break. By default it is not kept.
        resume: Go on from the state in `folder`. The result is the same, bit for bit, as without a break.
        show_progress: Whether to draw a progress bar.
    """

    best: Mapping[str, Tensor]

    def __init__(self, folder: str | Path | None = None, resume: bool = False, show_progress: bool = False) -> None:
        self.folder = None if folder is None else local_folder(folder)
        self.resume, self.show_progress = resume, show_progress
        self.progress = Progress()
        self.cpu_start, self.wall_start = time.process_time(), time.perf_counter()
        self.begun = False

    @contextmanager
    def alone(self) -> Generator[None, None, None]:
        """Keep other runs out of the folder meanwhile, and see first that nothing there is written over.

        Raises:
            FileNotFoundError: If the run shall go on, but there is no state of it.
            ValueError: If this run has begun before; or there is a model or another run in the folder.
        """
        if self.begun:
            raise ValueError("This Run is over: a Run is for one training. Make a new one.")
        if self.folder is None or not is_first():  # of many processes it is the first that writes
            yield
            return
        check_folder(self.folder, self.resume)
        with locked(self.folder):
            yield

    def begin(
        self, model: BertModule, optimizer: torch.optim.Optimizer, settings: TrainingConfig, data: Mapping[str, Any]
    ) -> None:
        """Begin, or go on from the state that is kept; `data` says in short what the run reads.

        Raises:
            FileNotFoundError: If the run shall go on, but there is no state of it.
            ValueError: If that state is damaged, or of another run.
        """
        self.begun = True
        self.model, self.optimizer, self.settings = model, optimizer, settings
        self.identity = {**data, **model.config.to_dict(), **asdict(settings), "processes": world_size()}
        self.best = model.state_dict()
        torch.manual_seed(settings.seed + rank())  # each process drops out other features
        if self.resume and self.folder is not None:
            self._go_on(self.folder)
        else:
            self.save()  # so that whatever happens from now on, there is something to go on with

    def _go_on(self, folder: Path) -> None:
        """Take up the state in a folder: all of it, or none."""
        progress, tensors = load_state(folder, self.identity)
        model, best, memory = (one_part(part, tensors) for part in ("model", "best", "optimizer"))
        groups: list[dict[str, Any]] = self.optimizer.param_groups
        try:
            check_progress(progress, vars(self.progress))
            check_weights("model", model, self.model.state_dict())
            check_weights("best", best, self.model.state_dict())
            begun = progress["epoch"] > 0 or progress["step"] > 0
            check_memory(memory, [weight for group in groups for weight in group["params"]], begun)
            check_randomness(tensors.get("randomness"), random_state(self.model.device), world_size())
            if len(tensors) != len(model) + len(best) + len(memory) + 1:
                raise ValueError("it holds more than a state does")
        except ValueError as error:
            raise damaged(folder / STATE_FILE, str(error)) from error
        self.model.load_state_dict(model)
        self.best = best
        set_optimizer_memory(self.optimizer, memory)
        set_random_state(self.model.device, tensors["randomness"][rank()])
        vars(self.progress).update(progress)
        self.cpu_start -= self.progress.cpu_seconds
        self.wall_start -= self.progress.wall_seconds

    def epochs(self) -> Iterator[int]:
        """Yield the epochs that are left, counted from 0, until there was no better one for too long."""
        progress, settings = self.progress, self.settings
        while progress.epoch < settings.epochs and progress.epoch - progress.best_epoch < settings.patience:
            yield progress.epoch

    def batches(self, batches: Iterator[dict[str, Tensor]], n_batches: int) -> Iterator[tuple[int, dict[str, Tensor]]]:
        """Yield the batches of an epoch that are left, and their numbers."""
        label = f"epoch {self.progress.epoch + 1}/{self.settings.epochs}"
        hidden = not (self.show_progress and is_first())
        for number, batch in enumerate(tqdm(batches, label, n_batches, disable=hidden)):
            if number >= self.progress.step:  # the others were done before the break
                yield number, batch
                if (self.progress.epoch * n_batches + number + 1) % SAVE_EVERY == 0:
                    self.save()

    def note_step(self, loss: float, n_texts: int) -> None:
        """Write down what a step has cost."""
        self.progress.loss_sum += loss * n_texts
        self.progress.n_texts += n_texts
        self.progress.step += 1
        self._note_time()

    def note_epoch(self, score: float, notes: Mapping[str, float]) -> None:
        """Write down how good the model is after an epoch, and keep its weights, if it is the best so far."""
        progress = self.progress
        if not math.isfinite(score):
            raise ValueError(
                f"The validation score is {score}: the weights grew too large. Take a lower learning_rate."
            )
        progress.epoch += 1
        if score > progress.best_score:
            self.best = {name: weight.clone() for name, weight in self.model.state_dict().items()}
            progress.best_epoch, progress.best_score = progress.epoch, score
        self._note_time()
        seconds = {"cpu_seconds": progress.cpu_seconds, "wall_seconds": progress.wall_seconds}
        train_loss = progress.loss_sum / progress.n_texts
        progress.history.append({"epoch": progress.epoch, "train_loss": train_loss, **notes, **seconds})
        progress.step, progress.loss_sum, progress.n_texts = 0, 0.0, 0
        self.save()

    def save(self) -> None:
        """Keep the state of the run."""
        randomness = gather(random_state(self.model.device))  # a row for each process
        if self.folder is not None and is_first():
            best = {name: weight.clone() for name, weight in self.best.items()}
            parts = {"model": self.model.state_dict(), "best": best, "optimizer": optimizer_memory(self.optimizer)}
            tensors = {"randomness": randomness, **join_names(parts)}
            save_state(self.folder, self.identity, vars(self.progress), tensors)

    def _note_time(self) -> None:
        self.progress.cpu_seconds = time.process_time() - self.cpu_start
        self.progress.wall_seconds = time.perf_counter() - self.wall_start
