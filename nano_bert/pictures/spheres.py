"""What LayerNorm leaves: with four features words lie on a sphere, and with three on a circle."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from torch import Tensor
from torch.nn.functional import normalize

from nano_bert.pictures.canvas import GREY, LIGHT_BLUE, LIGHT_ORANGE, as_rows


def draw_circle(
    words: Sequence[str], vectors: Float[Tensor, "word 3"], features: Sequence[str] = ("first", "second", "third")
) -> Axes:
    """Draw vectors of three features that add up to 0, seen from straight above the plane in which they lie.

    Args:
        words: The words.
        vectors: Three numbers for each, the sum of which is 0: such as a LayerNorm gives them.
        features: The names of the three, which are written where each is largest.

    Raises:
        ValueError: If the three numbers of a word do not add up to 0.

    Examples:
        >>> import torch
        >>> from nano_bert.pictures import draw_circle
        >>> vectors = torch.nn.functional.layer_norm(torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.3, 0.0]]), (3,))
        >>> axes = draw_circle(["good", "not"], vectors)
        >>> [text.get_text() for text in axes.texts[:2]]
        ['good', 'not']
    """
    rows = torch.tensor(as_rows("vectors", vectors, len(words), 3))
    if rows.sum(dim=1).abs().max() > 1e-3:
        raise ValueError("The three numbers of a word must add up to 0, as a LayerNorm makes them: here they do not.")
    plane: Tensor = normalize(torch.tensor([[1.0, -1.0, 0.0], [-0.5, -0.5, 1.0]]))
    flat: Tensor = rows @ plane.T
    axes: Axes = plt.figure(figsize=(4.6, 4.6)).add_axes((0.0, 0.0, 1.0, 1.0))
    axes.add_patch(Circle((0, 0), 3**0.5, fill=False, edgecolor=GREY))
    points = as_rows("vectors", flat, len(words), 2)
    places = [math.atan2(y, x) for x, y in points]
    for word, (x, y), place in zip(words, points, _apart(places), strict=True):
        axes.scatter(x, y, s=45, color=LIGHT_BLUE, zorder=3)
        side = "center" if abs(math.cos(place)) < 0.5 else "left" if math.cos(place) > 0 else "right"
        style: dict[str, Any] = {"size": 11, "color": GREY, "ha": side, "va": "center"}
        axes.text(2.02 * math.cos(place), 2.02 * math.sin(place), word, **style)
    corners = as_rows("features", plane.T, 3, 2)
    for feature, (x, y) in zip(features, corners, strict=True):
        axes.annotate("", (1.2 * x, 1.2 * y), (0, 0), arrowprops={"arrowstyle": "->", "color": LIGHT_ORANGE})
        axes.text(1.5 * x, 1.35 * y, feature, size=10, color=LIGHT_ORANGE, ha="center", va="center")
    axes.set(xlim=(-2.5, 2.5), ylim=(-2.5, 2.5), aspect="equal")
    axes.axis("off")
    return axes


def draw_sphere(
    words: Sequence[str],
    points: Float[Tensor, "word 3"],
    others: Sequence[str] = (),
    radius: float = 2.0,
    names: Sequence[str] = ("", "", ""),
) -> Any:
    """Draw words on a sphere, which the site lets its reader turn.

    Args:
        words: The words.
        points: Three numbers for each.
        others: Which of them are drawn in orange, as triangles.
        radius: Of the sphere.
        names: Of the three directions: to the right, to the back, and up.

    Examples:
        >>> import torch
        >>> from nano_bert.pictures import draw_sphere
        >>> axes = draw_sphere(["good", "bad"], torch.tensor([[2.0, 0.0, 0.0], [-2.0, 0.0, 0.0]]), others=["bad"])
        >>> axes.name
        '3d'
    """
    rows = as_rows("points", points, len(words), 3)
    axes: Any = plt.figure(figsize=(6, 6)).add_subplot(projection="3d")
    turn = torch.linspace(0, 2 * torch.pi, 61)
    a, b, zero = radius * turn.cos(), radius * turn.sin(), 0 * turn
    for circle in ((a, b, zero), (a, zero, b), (zero, a, b)):
        axes.plot(*circle, color="#8a8f98", lw=0.7, alpha=0.6)
    for word, (right, back, up) in zip(words, rows, strict=True):
        mark, colour = ("^", LIGHT_ORANGE) if word in others else ("o", LIGHT_BLUE)
        axes.scatter(right, back, up, s=36, marker=mark, color=colour, depthshade=False)
        axes.text(right + 0.1, back, up + 0.1, word, size=10)
    ticks = [-radius, 0, radius]
    axes.set(xticks=ticks, yticks=ticks, zticks=ticks, xlabel=names[0], ylabel=names[1], zlabel=names[2])
    axes.view_init(elev=20, azim=-80)
    axes.grid(False)
    axes.set_box_aspect((1, 1, 1), zoom=1)
    return axes


def _apart(places: Sequence[float]) -> list[float]:
    """Move labels along the circle until none stands on its neighbour: words are wider than high."""
    order = sorted(range(len(places)), key=lambda k: places[k])
    moved = list(places)
    for _ in range(100):
        for one, other in pairwise(order):
            middle = (moved[one] + moved[other]) / 2
            lacking = 0.13 + 0.35 * abs(math.sin(middle)) - (moved[other] - moved[one])
            if lacking > 0:
                moved[one], moved[other] = moved[one] - lacking / 2, moved[other] + lacking / 2
    return moved
