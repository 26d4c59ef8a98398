"""The loop: what every training does, whatever there is to learn.

What is learnt is a `Task`: that with labels is in `nano_bert.training.classification`, that without in
`nano_bert.training.pretraining`. After each epoch the validation split is asked, and the weights of the best epoch are
kept. The loop knows neither of breaks nor of other processes: `nano_bert.training.run` keeps the run so that it can go
on after a break, and `nano_bert.fast.data_parallel` lets many processes share each batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from nano_bert.bert_module import BertModule
from nano_bert.fast.data_parallel import Losses, mean_loss
from nano_bert.fast.distributed import own_device
from nano_bert.fast.fused import fused_meanwhile
from nano_bert.fast.hardware import on_device
from nano_bert.tokenizer.check_given import check_kind
from nano_bert.training.optimizer import TrainingConfig, make_optimizer, rate_at, train_step
from nano_bert.training.run import Run

Model = TypeVar("Model", bound=BertModule)


class Task(ABC, Generic[Model]):
    """Something to learn: where the batches come from, what a batch costs, and how to tell that it was learnt.

    Attributes:
        model: What learns.
        identity: What the run reads, in short: a run cannot go on with other data.
        n_batches: Batches in an epoch.
    """

    model: Model
    identity: dict[str, Any]
    n_batches: int

    @abstractmethod
    def batches(self, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
        """Yield the batches of an epoch. All randomness is the generator's."""

    @abstractmethod
    def losses(self, batch: Mapping[str, Tensor]) -> Losses:
        """Return each kind of loss as a sum and a count: over how many texts, or words, it was summed."""

    @abstractmethod
    def validate(self) -> tuple[float, dict[str, float]]:
        """Return how good the model is, the higher the better, and what to note of it in the history."""


def settle(settings: TrainingConfig | None, run: Run | None) -> tuple[TrainingConfig, Run]:
    """Return how to train and where to keep it: what is given, or what is usual.

    Raises:
        TypeError: If something else is given.
    """
    settings, run = TrainingConfig() if settings is None else settings, Run() if run is None else run
    check_kind("settings", settings, TrainingConfig, "TrainingConfig(epochs=3) makes one.")
    check_kind("run", run, Run, 'Run("runs/mine") keeps a run in a folder.')
    return settings, run


def learn(task: Task[Any], settings: TrainingConfig, run: Run) -> list[dict[str, Any]]:
    """Learn a task; afterwards its model holds the weights of its best epoch on the validation split.

    Args:
        task: What to learn, and the model, with random weights or with those of an earlier training.
        settings: How to train.
        run: Where the run is kept, and whether it goes on after a break.

    Returns:
        The history: for each epoch the mean training loss, what the task notes, and the seconds since the start.

    Raises:
        FileNotFoundError: If there is no run to go on with.
        ValueError: If that run had other settings, or the loss is no longer a number.
    """
    model, n_steps = task.model, settings.epochs * task.n_batches
    device = own_device(settings.device)
    with run.alone(), on_device(model, device, settings.dtype), fused_meanwhile(model, settings.fused):
        optimizer = make_optimizer(model, settings)
        loss_of = mean_loss(model, task.losses, model.device)
        run.begin(model, optimizer, settings, task.identity)
        for epoch in run.epochs():
            model.train()
            generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch)
            for number, batch in run.batches(task.batches(generator), task.n_batches):
                rate = settings.learning_rate * rate_at(epoch * task.n_batches + number, n_steps, settings.warmup)
                loss = train_step(model, optimizer, loss_of(batch), rate, settings.clip)
                run.note_step(loss, n_texts=len(batch["input_ids"]))
            run.note_epoch(*task.validate())
        model.load_state_dict(run.best)
    model.eval()
    return run.progress.history
