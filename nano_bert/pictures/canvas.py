"""Boxes, arrows and numbers: what all pictures are drawn with, readable on a white page and on a dark one.

Text inside a box is white on a strong colour, and text beside it is a grey: both can be read on either page.
"""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from torch import Tensor

from nano_bert.embeddings import check_tensor

BLUE, ORANGE, GREEN, PURPLE, SLATE = "#2f6fb5", "#b4511f", "#2a7d48", "#8a4a99", "#6b7280"  # behind white text
LIGHT_BLUE, LIGHT_ORANGE = "#3d85d1", "#d9662b"  # for lines and marks
GREY = "#7f7f7f"  # for text and lines between


def canvas(width: float, height: float, size: tuple[float, float]) -> Axes:
    """Return empty axes of the given width and height, without a frame, on a figure of `size` inches."""
    axes = plt.figure(figsize=size).add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return axes


def box(
    axes: Axes, centre: tuple[float, float], text: str, colour: str = BLUE, width: float = 2.0, height: float = 0.72
) -> None:
    """Draw a filled box with white text in its middle."""
    corner = centre[0] - width / 2, centre[1] - height / 2
    style: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.1", "mutation_aspect": 1}
    axes.add_patch(FancyBboxPatch(corner, width, height, facecolor=colour, edgecolor="none", **style))
    axes.text(*centre, text, color="white", size=11, ha="center", va="center")


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = GREY, width: float = 1.5
) -> None:
    """Draw an arrow with a small head."""
    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 11, "shrinkA": 0, "shrinkB": 0}
    axes.add_patch(FancyArrowPatch(start, end, color=colour, linewidth=width, **style))


def number_row(axes: Axes, left: float, y: float, numbers: Sequence[float], colour: str | None = None) -> None:
    """Write numbers into a row of coloured squares: blue if positive, orange if negative, grey for 0."""
    for column, number in enumerate(numbers):
        fill = colour or (BLUE if number > 0.005 else ORANGE if number < -0.005 else SLATE)
        axes.add_patch(Rectangle((left + column * 0.95, y - 0.34), 0.9, 0.68, facecolor=fill, edgecolor="none"))
        style: dict[str, Any] = {"color": "white", "size": 11, "ha": "center", "va": "center"}
        axes.text(left + column * 0.95 + 0.45, y, f"{round(number, 2) + 0.0:.2f}".replace("-", "\u2212"), **style)


def as_rows(name: str, numbers: Float[Tensor, "row column"], n_rows: int, n_columns: int) -> list[list[float]]:
    """Return a table of numbers, a row a word, as it can be drawn; refuse one of another shape, NaN and infinity."""
    check_tensor(name, numbers)
    if numbers.shape != (n_rows, n_columns):
        raise ValueError(
            f"{name} must have one row for each word and {n_columns} numbers in a row, the shape "
            f"({n_rows}, {n_columns}), but its shape is {tuple(numbers.shape)}."
        )
    if not numbers.isfinite().all():
        raise ValueError(f"{name} cannot be drawn: there is a number among them that is not finite (NaN or infinity).")
    rows: list[list[float]] = numbers.detach().float().tolist()
    return rows


def as_row(name: str, numbers: Float[Tensor, " column"], size: int) -> list[float]:
    """Return one row of numbers as it can be drawn; refuse one of another length, NaN and infinity."""
    check_tensor(name, numbers)
    if numbers.shape != (size,):
        raise ValueError(f"{name} must hold {size} numbers, but its shape is {tuple(numbers.shape)}.")
    return as_rows(name, numbers[None], 1, size)[0]
