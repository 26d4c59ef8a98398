"""Optimization: one step of learning, and how large it is.

AdamW (Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101) with a linear warm-up, as in Devlin et al. (2019),
appendix A.2, and a cosine down to zero (Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nano_bert.fast.hardware import DTYPES


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
        for name in ("epochs", "batch_size", "patience", "seed"):
            number: object = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int):
                raise TypeError(f"{name} must be a whole number (int), not {number!r}.")
        # Written so that they refuse NaN, too.
        for name in ("epochs", "batch_size", "learning_rate", "clip", "patience"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, but it is {getattr(self, name)}.")
        for name in ("warmup", "word_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is a share: at least 0 and below 1, but it is {getattr(self, name)}.")
        if self.learning_rate > 1:
            raise ValueError(
                f"learning_rate is at most 1, but it is {self.learning_rate}: AdamW moves each weight by about that."
            )
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay must be at least 0, but it is {self.weight_decay}.")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas are two shares, each at least 0 and below 1, but they are {self.betas}.")
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype is one of {', '.join(DTYPES)}, but it is {self.dtype!r}.")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be from 0 to {2**32 - 1}, but it is {self.seed}.")


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
