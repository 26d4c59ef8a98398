"""Optimization: one step of learning, and how large it is.

AdamW (Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101) with a linear warm-up, as in Devlin et al. (2019),
appendix A.2, and a cosine down to zero (Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983).
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nano_bert.fast.hardware import DTYPES
from nano_bert.tokenizer.check_given import shown

LARGEST = 1_000_000_000  # more epochs, or texts at a time, than anybody waits for
WHOLE, NUMBER = (int, "a whole number (int)"), ((int, float), "a number")
# What each setting is: a wrong one is told before anything is computed with it.
KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    **dict.fromkeys(("epochs", "batch_size", "patience", "seed"), WHOLE),
    **dict.fromkeys(("learning_rate", "warmup", "weight_decay", "clip", "word_dropout"), NUMBER),
    **dict.fromkeys(("device", "dtype"), (str, 'a name, such as "cpu" or "float32"')),
    "fused": (bool, "True or False"),
    "betas": (tuple, "a pair of numbers, as in (0.9, 0.98)"),
}


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Args:
        epochs: How often each text is seen, at most.
        batch_size: Texts in a step.
        learning_rate: The highest rate, reached at the end of the warm-up.
        warmup: Share of the steps in which the rate rises from zero.
        betas: Memory of AdamW for the gradient and for its square.
        weight_decay: How fast matrices shrink towards zero; biases and LayerNorms are left alone.
        clip: Longest gradient, as a norm over all parameters; a longer one is shortened to this.
        word_dropout: Share of the words that are taken out of a text, anew each time.
        patience: Epochs without a better validation accuracy after which to stop.
        device: Where to train: "cpu", "cuda", "mps" or "xpu". The model comes back afterwards.
        dtype: "float32", or "bfloat16" for matrix products in 16 bits (the weights stay in 32).
        fused: Whether to compute all heads of a layer in one product meanwhile (`model.fuse()`): the same numbers to
            rounding, faster. Afterwards each head is an object again, the same one. False trains the clear form, as
            heads of your own need it.
        seed: Start of all randomness: batches and dropout. (The weights are drawn before.)

    Raises:
        TypeError: If a setting is of another type.
        ValueError: If a number cannot be used; the message says why.
    """

    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup: float = 0.1
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    clip: float = 1.0
    word_dropout: float = 0.0
    patience: int = 3
    device: str = "cpu"
    dtype: str = "float32"
    fused: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.betas, list):  # pyright: ignore[reportUnnecessaryIsInstance] (as read from JSON)
            object.__setattr__(self, "betas", tuple(self.betas))
        self._check_types()
        # Written so that they refuse NaN, too.
        for name in ("epochs", "batch_size", "learning_rate", "clip", "patience"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, but it is {getattr(self, name)}.")
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) > LARGEST:
                raise ValueError(f"{name} is at most {LARGEST:,}, but it is {shown(getattr(self, name))}.")
        for name in ("warmup", "word_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is a share: at least 0 and below 1, but it is {getattr(self, name)}.")
        if self.learning_rate > 1:
            raise ValueError(
                f"learning_rate is at most 1, but it is {self.learning_rate}: AdamW moves each weight by about that."
            )
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must be at least 0, but it is {shown(self.weight_decay)}.")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas are two shares, each at least 0 and below 1, but they are {self.betas}.")
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype is one of {', '.join(DTYPES)}, but it is {self.dtype!r:.80}.")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be from 0 to {2**32 - 1}, but it is {shown(self.seed)}.")

    def _check_types(self) -> None:
        for name, (kind, meaning) in KINDS.items():
            value: object = getattr(self, name)
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise TypeError(f"{name} must be {meaning}, not {shown(value)} ({type(value).__name__}).")
            if kind == NUMBER[0] and isinstance(value, int) and value.bit_length() > 64:
                raise ValueError(f"{name} must be a number that one can compute with, not {shown(value)}.")
        pair: tuple[Any, ...] = self.betas
        if len(pair) != 2 or any(isinstance(beta, bool) or not isinstance(beta, int | float) for beta in pair):
            raise TypeError(f"betas must be a pair of numbers, as in (0.9, 0.98), not {shown(self.betas)}.")


def train_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, loss: Float[Tensor, ""], rate: float, clip: float
) -> float:
    """Learn from the loss of one batch: its gradient, cut to length, and one small step against it.

    Args:
        model: What learns.
        optimizer: What moves its weights.
        loss: The mean loss of the batch.
        rate: The learning rate.
        clip: The longest gradient.

    Returns:
        The loss as a number.

    Raises:
        ValueError: If it is none any more.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate
    value = loss.item()
    if not math.isfinite(value):
        raise ValueError(f"The loss is {value}: the weights grew too large. Take a lower learning_rate.")
    optimizer.zero_grad()
    loss.backward()
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    # Most gradients are short enough. To see that is cheaper than to shorten them by nothing, as PyTorch does.
    if torch.cat([weight.grad.flatten() for weight in weights if weight.grad is not None]).norm() > clip:
        nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    return value


def make_optimizer(model: nn.Module, settings: TrainingConfig) -> torch.optim.AdamW:
    """Return AdamW that decays matrices and leaves vectors (biases, LayerNorms) alone, as BERT's does."""
    matrices = [weight for weight in model.parameters() if weight.ndim > 1 and weight.requires_grad]
    vectors = [weight for weight in model.parameters() if weight.ndim == 1 and weight.requires_grad]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    # "fused": all weights are moved in one go. One by one, that takes as long as all the rest of a small model.
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, fused=True)


def rate_at(step: int, n_steps: int, warmup: float) -> float:
    """Return the learning rate of a step as a share of the highest: up in a line, down in a cosine.

    Examples:
        >>> from nano_bert.training.optimizer import rate_at
        >>> [round(rate_at(step, n_steps=10, warmup=0.2), 2) for step in range(10)]
        [0.5, 1.0, 1.0, 0.96, 0.85, 0.69, 0.5, 0.31, 0.15, 0.04]
    """
    n_warmup = round(warmup * n_steps)
    if step < n_warmup:
        return (step + 1) / n_warmup
    return 0.5 * (1 + math.cos(math.pi * (step - n_warmup) / max(1, n_steps - n_warmup)))
