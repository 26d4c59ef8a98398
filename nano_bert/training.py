"""Training: one loop, from random weights to the best that the validation split has seen.

After each epoch the validation split is asked, and the weights of the best epoch are kept. The test split does not
appear here.
"""

import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from nano_bert.batches import training_batches
from nano_bert.data import Corpus
from nano_bert.encoding import Tokenizer
from nano_bert.evaluation import evaluate
from nano_bert.model import NanoBertForClassification
from nano_bert.optimization import TrainingConfig, make_optimizer, rate_at, train_step
from nano_bert.resume import describe_data, load_state, save_state

SAVE_EVERY = 200  # steps between two states on disk: seconds of work, at most, are lost with the machine


@dataclass
class Progress:
    """How far a run has come: all that is needed to go on, beside the weights.

    Attributes:
        epoch: Epochs that are complete.
        step: Steps that are complete within the next one.
        loss_sum: Sum of the losses of the texts seen in that epoch.
        cpu_seconds: Processor time so far, over all sittings.
        wall_seconds: Time on the clock so far, over all sittings.
        history: A line for each complete epoch.
        best_epoch: The one with the best validation accuracy, counted from 1; 0 before the first.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


def train(
    model: NanoBertForClassification,
    tokenizer: Tokenizer,
    corpus: Corpus,
    settings: TrainingConfig | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    show_progress: bool = False,
) -> list[dict[str, Any]]:
    """Train a classifier; afterwards it holds the weights of its best epoch on the validation split.

    Args:
        model: The classifier, with random weights or with those of an earlier training.
        tokenizer: Its tokenizer.
        corpus: `train` is learnt from, `validation` is looked at; `test` is not touched.
        settings: How to train.
        folder: Where to keep the state of the run, so that it can be resumed. By default it is not kept.
        resume: Go on from the state in `folder`. The result is the same, bit for bit, as without a break.
        show_progress: Whether to draw a progress bar.

    Returns:
        The history: for each epoch the mean training loss, the metrics on the validation split, and the seconds
        since the start.

    Raises:
        FileNotFoundError: If there is no state to resume from.
        ValueError: If the state is of a run with other settings, or the loss is no longer a number.

    Examples:
        >>> import torch
        >>> from nano_bert import NanoBertForClassification, WordTokenizer
        >>> from nano_bert.data import Corpus, Split
        >>> from nano_bert.optimization import TrainingConfig
        >>> from nano_bert.training import train
        >>> split = Split(["good film", "bad film", "a good one", "a bad one"], [1, 0, 1, 0])
        >>> corpus = Corpus("tiny", ("negative", "positive"), split, split, split)
        >>> tokenizer = WordTokenizer.from_texts(split.texts)
        >>> _ = torch.manual_seed(0)
        >>> model = NanoBertForClassification(vocab_size=len(tokenizer), n_embed=8, dropout=0.0)
        >>> history = train(model, tokenizer, corpus, TrainingConfig(epochs=30, learning_rate=0.05, patience=30))
        >>> history[-1]["validation_accuracy"]
        1.0
    """
    cpu_start, wall_start = time.process_time(), time.perf_counter()
    settings = settings or TrainingConfig()
    word_ids = [tokenizer.token_ids(text) for text in corpus.train.texts]
    steps_per_epoch = math.ceil(len(word_ids) / settings.batch_size)
    optimizer = make_optimizer(model, settings)
    best = model.state_dict()
    progress = Progress()
    identity = {**describe_data(corpus, tokenizer), **model.config.to_dict(), **asdict(settings)}
    torch.manual_seed(settings.seed)
    if resume and folder is not None:
        best = load_state(Path(folder), identity, model, optimizer, progress)

    cpu_start, wall_start = cpu_start - progress.cpu_seconds, wall_start - progress.wall_seconds
    while progress.epoch < settings.epochs and progress.epoch - progress.best_epoch < settings.patience:
        # The batches of an epoch depend on the seed and its number alone, so a resumed run gets the same ones.
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + progress.epoch)
        batches = training_batches(
            word_ids, corpus.train.labels, tokenizer, settings.batch_size, generator, settings.word_dropout
        )
        label = f"epoch {progress.epoch + 1}/{settings.epochs}"
        model.train()
        for step, (inputs, labels) in enumerate(tqdm(batches, label, steps_per_epoch, disable=not show_progress)):
            if step < progress.step:
                continue  # done before the break
            n_done = progress.epoch * steps_per_epoch + step
            rate = settings.learning_rate * rate_at(n_done, settings.epochs * steps_per_epoch, settings.warmup)
            loss = train_step(model, optimizer, inputs, labels, rate, settings.clip)
            progress.step = step + 1
            progress.loss_sum += loss * len(labels)
            progress.cpu_seconds = time.process_time() - cpu_start
            progress.wall_seconds = time.perf_counter() - wall_start
            if folder is not None and n_done % SAVE_EVERY == 0:
                save_state(Path(folder), identity, model, best, optimizer, progress)

        metrics = evaluate(model, tokenizer, corpus.validation)
        best_accuracy = max((line["validation_accuracy"] for line in progress.history), default=-1.0)
        if metrics.accuracy > best_accuracy:
            best = {name: weight.clone() for name, weight in model.state_dict().items()}
            progress.best_epoch = progress.epoch + 1
        progress.cpu_seconds = time.process_time() - cpu_start
        progress.wall_seconds = time.perf_counter() - wall_start
        progress.history.append(
            {
                "epoch": progress.epoch + 1,
                "train_loss": progress.loss_sum / len(word_ids),
                "validation_accuracy": metrics.accuracy,
                "validation_macro_f1": metrics.macro_f1,
                "cpu_seconds": progress.cpu_seconds,
                "wall_seconds": progress.wall_seconds,
            }
        )
        progress.epoch, progress.step, progress.loss_sum = progress.epoch + 1, 0, 0.0
        if folder is not None:
            save_state(Path(folder), identity, model, best, optimizer, progress)
    model.load_state_dict(best)
    model.eval()
    return progress.history
