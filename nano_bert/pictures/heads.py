"""A head with all its numbers, heads side by side and joined, and a mask."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from nano_bert.pictures.canvas import GREEN, GREY, ORANGE, PURPLE, arrow, as_row, as_rows, box, canvas, number_row


def draw_head(
    words: Sequence[str],
    query: Float[Tensor, "word size"],
    key: Float[Tensor, "word size"],
    value: Float[Tensor, "word size"],
) -> Axes:
    """Draw the query, the key and the value of each word as a table of numbers.

    Args:
        words: The words, in order.
        query: A row for each.
        key: A row for each.
        value: A row for each.

    Raises:
        ValueError: If a word has not one query, key and value, or they are not equally wide.

    Examples:
        >>> import torch
        >>> from nano_bert.pictures import draw_head
        >>> query, key, value = torch.randn(3, 2, 2)
        >>> axes = draw_head(["not", "bad"], query, key, value)
        >>> [text.get_text() for text in axes.texts if text.get_text().isalpha()]
        ['query', 'key', 'value', 'not', 'bad']
    """
    size = query.shape[-1] if query.ndim else 0
    tables = {"query": query, "key": key, "value": value}
    width = 0.95 * size + 0.45
    axes = canvas(1.5 + 3 * width, len(words) + 1.0, (5.0, 0.36 * len(words) + 0.5))
    for index, (name, table) in enumerate(tables.items()):
        rows = as_rows(name, table, len(words), size)
        left = 1.6 + index * width
        axes.text(left + 0.475 * size, len(words) + 0.6, name, size=12, color=GREY, ha="center", va="center")
        for row, numbers in enumerate(rows):
            number_row(axes, left, len(words) - 0.5 - row, numbers)
    for row, word in enumerate(words):
        axes.text(1.4, len(words) - 0.5 - row, word, size=12, color=GREY, ha="right", va="center")
    return axes


def draw_joined_heads(
    word: str, answers: Sequence[Float[Tensor, " size"]], out: Float[Tensor, " embed"], features: Sequence[str] = ()
) -> Axes:
    """Draw how the answers of several heads for one word are laid side by side and go through the output layer.

    Args:
        word: The word.
        answers: What it heard, head by head.
        out: What the output layer makes of it.
        features: Their names, written below.

    Raises:
        ValueError: If there is no head, or features and their names differ in number.

    Examples:
        >>> import torch
        >>> from nano_bert.pictures import draw_joined_heads
        >>> answers, out = [torch.tensor([1.7, -0.2]), torch.tensor([0.6, 0.0])], torch.tensor([0.1, -0.1, 1.7, 0.2])
        >>> axes = draw_joined_heads("bad", answers, out)
        >>> [text.get_text() for text in axes.texts if "head" in text.get_text()]
        ['head 1', 'head 2']
    """
    if not answers:
        raise ValueError("There is no head to draw: answers is empty.")
    size, embed = answers[0].shape[-1], out.shape[-1]
    if features and len(features) != embed:
        raise ValueError(f"out has {embed} numbers, but there are {len(features)} names of features.")
    heard = [as_row("answers", answer, size) for answer in answers]
    total = 0.95 * size * len(answers)
    width = max(total, 0.95 * embed) + 2.4
    axes = canvas(width, 6.1, (5.0, 4.3))
    middle, colours = width / 2, (ORANGE, GREEN, PURPLE)
    for index, numbers in enumerate(heard):
        colour, left = colours[index % len(colours)], middle - total / 2 + index * 0.95 * size
        apart = (index - (len(answers) - 1) / 2) * 0.9
        box(axes, (left + 0.475 * size + apart, 5.6), f"head {index + 1}", colour, 0.95 * size)
        number_row(axes, left + apart, 4.75, numbers, colour)
        arrow(axes, (left + 0.475 * size + apart, 4.35), (left + 0.475 * size, 3.85))
        number_row(axes, left, 3.45, numbers, colour)
    axes.text(middle - total / 2 - 0.15, 3.45, "joined", size=11, color=GREY, ha="right", va="center")
    arrow(axes, (middle, 3.05), (middle, 2.65))
    box(axes, (middle, 2.25), "output layer", width=3.2)
    arrow(axes, (middle, 1.85), (middle, 1.45))
    left = middle - 0.475 * embed
    number_row(axes, left, 1.05, as_row("out", out, embed))
    axes.text(left - 0.15, 1.05, word, size=11, color=GREY, ha="right", va="center")
    for column, feature in enumerate(features):
        axes.text(left + 0.95 * column + 0.45, 0.4, feature, size=10, color=GREY, ha="center", va="center")
    return axes


def draw_mask(words: Sequence[str], weights: Float[Tensor, "query key"], mask: Bool[Tensor, " key"]) -> Axes:
    """Draw attention behind a mask: what is hidden is a grey column that gets nothing.

    Args:
        words: The words, in order, with the padding.
        weights: How much each takes from each; only the rows of what is not hidden are drawn.
        mask: True where a token may be looked at.

    Raises:
        ValueError: If the weights are not one row and one column a word, or the mask not one value a word.

    Examples:
        >>> import torch
        >>> from nano_bert.pictures import draw_mask
        >>> weights = torch.tensor([[0.4, 0.6, 0.0], [0.1, 0.9, 0.0], [0.5, 0.5, 0.0]])
        >>> axes = draw_mask(["not", "bad", "[PAD]"], weights, torch.tensor([True, True, False]))
        >>> [text.get_text() for text in axes.texts]
        ['.40', '.10', '.60', '.90', '0', '0']
    """
    shares = as_rows("weights", weights, len(words), len(words))
    if mask.shape != (len(words),):
        raise ValueError(f"{len(words)} words need a mask of as many values, but its shape is {tuple(mask.shape)}.")
    seen: list[bool] = mask.tolist()
    rows = [index for index, visible in enumerate(seen) if visible]
    _, axes = plt.subplots(figsize=(0.55 * len(words) + 1, 0.5 * len(rows) + 0.8))
    axes.pcolormesh([shares[row] for row in rows], cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=1)
    for column, visible in enumerate(seen):
        if not visible:
            axes.add_patch(Rectangle((column, 0), 1, len(rows), facecolor="#6b7280", edgecolor="white"))
        for row, index in enumerate(rows):
            weight = shares[index][column]
            label = f"{weight:.2f}".removeprefix("0") if visible or weight else "0"
            style: dict[str, Any] = {"color": "white" if weight > 0.5 or not visible else "#1f3b63", "size": 10}
            axes.text(column + 0.5, row + 0.5, label, ha="center", va="center", **style)
    axes.set_xticks([index + 0.5 for index in range(len(words))], words, rotation=45, ha="right")
    axes.set_yticks([row + 0.5 for row in range(len(rows))], [words[index] for index in rows])
    axes.tick_params(length=0)
    axes.invert_yaxis()
    axes.set_frame_on(False)
    return axes
