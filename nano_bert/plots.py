"""Pictures: attention as a heat map, words as points in space, training as curves (matplotlib).

Each function draws on the current figure, or on the axes it is given, and returns the axes. In a REPL,
`matplotlib.pyplot.show()` opens the window.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from nano_bert.embeddings import check_tensor


def plot_attention(
    words: Sequence[str], weights: Float[Tensor, "query key"], title: str = "", axes: Axes | None = None
) -> Axes:
    """Draw one head's attention: a row for each word that looks, a column for each word that is looked at.

    Args:
        words: The words, in order.
        weights: Their attention weights: one head of one layer of one text, `attentions[layer][batch, head]`.
        title: Written above.
        axes: Where to draw. By default on a new figure.

    Raises:
        ValueError: If the weights are not one row and one column a word.

    Examples:
        >>> import torch
        >>> from nano_bert.plots import plot_attention
        >>> axes = plot_attention(["not", "bad"], torch.tensor([[0.1, 0.9], [0.6, 0.4]]), title="a head")
        >>> [text.get_text() for text in axes.texts]  # the weights, row by row
        ['.10', '.90', '.60', '.40']
    """
    weights = _finite("weights", weights)
    if weights.shape != (len(words), len(words)):
        raise ValueError(
            f"{len(words)} words need weights of the shape ({len(words)}, {len(words)}), but these have "
            f"{tuple(weights.shape)}. Choose one text and one head: attentions[layer][text, head]."
        )
    axes = plt.subplots()[1] if axes is None else axes
    axes.pcolormesh(weights.numpy(), cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=1)
    axes.set_xticks([index + 0.5 for index in range(len(words))], words, rotation=45, ha="right")
    axes.set_yticks([index + 0.5 for index in range(len(words))], words)
    axes.tick_params(length=0)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    axes.set(xlabel="looked at (key)", ylabel="looking (query)", title=title)
    for row in range(len(words)):
        for column in range(len(words)):
            weight = float(weights[row, column])
            colour = "white" if weight > 0.5 else "#1f3b63"
            label = f"{weight:.2f}".removeprefix("0")
            axes.text(column + 0.5, row + 0.5, label, ha="center", va="center", color=colour, fontsize=8)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def plot_embeddings(words: Sequence[str], vectors: Float[Tensor, "word 3"], title: str = "") -> Axes:
    """Draw each word as a point in space: a model with `n_embed=3` needs no projection.

    Args:
        words: The words.
        vectors: Three numbers for each.
        title: Written above.

    Raises:
        ValueError: If there are not three numbers for each word.

    Examples:
        >>> import torch
        >>> from nano_bert.plots import plot_embeddings
        >>> axes = plot_embeddings(["good", "bad"], torch.tensor([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]))
        >>> axes.name
        '3d'
    """
    points = _finite("vectors", vectors)
    if points.shape != (len(words), 3):
        raise ValueError(
            f"Each word needs one vector of three numbers, but there are {len(words)} words and "
            f"{points.shape[0] if points.ndim else 'no'} vectors: a tensor of the shape {tuple(points.shape)}."
        )
    axes: Any = plt.figure(figsize=(5, 5)).add_subplot(projection="3d")
    axes.scatter(points[:, 0], points[:, 1], points[:, 2], depthshade=False)
    for word, (x, y, z) in zip(words, points, strict=True):
        axes.text(float(x), float(y), float(z), f"\u00a0{word}", fontsize=9)  # a blank would be lost in an SVG
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((0.5, 0.5, 0.5, 0.06))
    axes.set_title(title)
    return axes


def plot_history(history: Sequence[Mapping[str, Any]], title: str = "", axes: Axes | None = None) -> Axes:
    """Draw the training loss and the validation accuracy, epoch by epoch.

    Args:
        history: What `nano_bert.training.classification.train` returns.
        title: Written above.
        axes: Where to draw. By default on a new figure.

    Raises:
        ValueError: If there is no epoch.

    Examples:
        >>> from nano_bert.plots import plot_history
        >>> history = [{"epoch": 1, "train_loss": 0.7, "validation_accuracy": 0.5}]
        >>> history += [{"epoch": 2, "train_loss": 0.4, "validation_accuracy": 0.8}]
        >>> axes = plot_history(history)
        >>> axes.get_xlabel()
        'epoch'
    """
    if not history:
        raise ValueError("There is no epoch to draw: the history is empty.")
    axes = plt.subplots()[1] if axes is None else axes
    epochs = [line["epoch"] for line in history]
    axes.plot(epochs, [line["train_loss"] for line in history], "o-", label="training loss")
    axes.plot(epochs, [line["validation_accuracy"] for line in history], "s--", label="validation accuracy")
    axes.set(xlabel="epoch", title=title, ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return axes


def _finite(name: str, numbers: Tensor) -> Tensor:
    """Return numbers as they can be drawn; refuse what is no tensor, and what has no place on paper."""
    check_tensor(name, numbers)
    if not numbers.isfinite().all():
        raise ValueError(f"{name} cannot be drawn: there is a number among them that is not finite (NaN or infinity).")
    return numbers.detach().float().cpu()
