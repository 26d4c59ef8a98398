"""One layer as a diagram, and what happens to one word on its way through it: the residual stream."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from nano_bert.pictures.canvas import BLUE, GREEN, GREY, ORANGE, arrow, as_row, box, canvas, number_row


def draw_layer() -> Axes:
    """Draw a layer of BERT: two sub-layers, each with a road around it, a sum and a LayerNorm.

    Examples:
        >>> from nano_bert.pictures import draw_layer
        >>> axes = draw_layer()
        >>> [text.get_text() for text in axes.texts if "what" in text.get_text()]
        ['x: what each word was', 'what did I hear?', 'what do I make of it?', 'z: what each word is now']
    """
    axes = canvas(9.0, 9.4, (5.4, 5.2))
    note: dict[str, Any] = {"size": 11, "color": GREY, "va": "center"}
    axes.text(3.2, 9.0, "x: what each word was", ha="center", **note)
    for top, name, colour, question, result in (
        (8.6, "attention", ORANGE, "what did I hear?", "y"),
        (4.6, "feed-forward", GREEN, "what do I make of it?", "z: what each word is now"),
    ):
        box(axes, (3.2, top - 1.1), name, colour, 3.0)
        axes.text(4.9, top - 1.1, question, ha="left", **note)
        arrow(axes, (3.2, top), (3.2, top - 0.74))
        arrow(axes, (3.2, top - 1.46), (3.2, top - 1.9))
        axes.plot([3.2, 0.8, 0.8], [top - 0.3, top - 0.3, top - 2.1], color=GREY, linewidth=1.5)
        arrow(axes, (0.8, top - 2.1), (3.0, top - 2.1))
        axes.text(3.2, top - 2.1, "+", size=15, color=GREY, ha="center", va="center")
        arrow(axes, (3.2, top - 2.3), (3.2, top - 2.64))
        box(axes, (3.2, top - 3.0), "LayerNorm", BLUE, 3.0)
        axes.text(0.5, top - 1.2, "residual", rotation=90, ha="center", **note)
        arrow(axes, (3.2, top - 3.36), (3.2, top - 3.75 if result == "y" else top - 3.95))
        if result == "y":
            axes.text(3.5, top - 3.6, result, ha="left", **note)
        else:
            axes.text(3.2, top - 4.2, result, ha="center", **note)
    return axes


def draw_stream(
    steps: Sequence[tuple[str, Float[Tensor, " embed"]]], features: Sequence[str] = (), word: str = ""
) -> Axes:
    """Draw the vector of one word step by step, from top to bottom: the residual stream in numbers.

    Args:
        steps: What happens, and the vector after it. A name that begins with + is something found, to be added.
        features: Their names, written above.
        word: Written above the names of the steps.

    Raises:
        ValueError: If there is no step, or the vectors are not equally long.

    Examples:
        >>> import torch
        >>> from nano_bert.pictures import draw_stream
        >>> x, found = torch.tensor([0.0, 1.6]), torch.tensor([1.7, 0.0])
        >>> axes = draw_stream([("x", x), ("+ attention", found), ("= sum", x + found)], ["denial", "blame"], "bad")
        >>> [text.get_text() for text in axes.texts if text.get_text() in ("x", "+ attention", "= sum")]
        ['x', '+ attention', '= sum']
    """
    if not steps:
        raise ValueError("There is no step to draw.")
    embed = steps[0][1].shape[-1]
    if features and len(features) != embed:
        raise ValueError(f"The vectors have {embed} numbers, but there are {len(features)} names of features.")
    left = 2.5
    axes = canvas(left + 0.95 * embed, len(steps) + 1.0, (4.6, 0.42 * len(steps) + 0.4))
    axes.text(left - 0.2, len(steps) + 0.55, word, size=12, color=GREY, ha="right", va="center", weight="bold")
    for column, feature in enumerate(features):
        axes.text(
            left + 0.95 * column + 0.45, len(steps) + 0.55, feature, size=11, color=GREY, ha="center", va="center"
        )
    for row, (name, vector) in enumerate(steps):
        y = len(steps) - 0.45 - row
        axes.text(left - 0.2, y, name, size=11, color=GREY, ha="right", va="center")
        number_row(axes, left, y, as_row(name, vector, embed))
    return axes
