"""Vectors of two numbers as arrows in the plane: queries beside keys, and values that are mixed."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from nano_bert.pictures.canvas import GREY, LIGHT_BLUE, LIGHT_ORANGE, arrow, as_row, as_rows


def draw_arrows(
    words: Sequence[str], query: Float[Tensor, "word 2"], key: Float[Tensor, "word 2"], of: Sequence[str] = ()
) -> Axes:
    """Draw keys and queries of a head of width 2. The further a key lies along a query, the better the two fit.

    Args:
        words: The words, in order.
        query: Their queries: orange arrows.
        key: Their keys: blue arrows.
        of: The words whose queries are drawn; all, if none is named.

    Raises:
        ValueError: If a word has not one query and one key of two numbers, or a word of `of` is none of the words.

    Examples:
        >>> import torch
        >>> from nano_bert.pictures import draw_arrows
        >>> key, query = torch.tensor([[2.0, 0.0], [-1.0, 0.5]]), torch.tensor([[0.0, 1.0], [3.0, 1.0]])
        >>> axes = draw_arrows(["not", "bad"], query, key, of=["bad"])
        >>> [text.get_text() for text in axes.texts]
        ['not', 'bad', 'bad asks']
    """
    queries, keys = as_rows("query", query, len(words), 2), as_rows("key", key, len(words), 2)
    for word in of:
        if word not in words:
            raise ValueError(f"There is no word {word!r} among {', '.join(words)}.")
    _, axes = plt.subplots(figsize=(6, 4))
    axes.axhline(0, color=GREY, linewidth=0.7, alpha=0.5)
    axes.axvline(0, color=GREY, linewidth=0.7, alpha=0.5)
    chosen = [index for index, word in enumerate(words) if not of or word in of]
    arrows = [(word, tip, LIGHT_BLUE) for word, tip in zip(words, keys, strict=True)]
    arrows += [(f"{words[index]} asks", queries[index], LIGHT_ORANGE) for index in chosen]
    for _, tip, colour in arrows:
        arrow(axes, (0.0, 0.0), (tip[0], tip[1]), colour, 2.0)
    _label(axes, [(word, tip, colour) for word, tip, colour in arrows])
    axes.set(xlabel="first number", ylabel="second number")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def draw_mixture(
    words: Sequence[str], weights: Float[Tensor, " key"], value: Float[Tensor, "key 2"], name: str = "mixed"
) -> Axes:
    """Draw how one word mixes the values: each value shrunk to its weight, laid tip to tail, ends at the mixture.

    Args:
        words: The words, in order.
        weights: How much is taken from each.
        value: Two numbers for each.
        name: Written above, with the mixture.

    Raises:
        ValueError: If a word has not one weight and one value of two numbers.

    Examples:
        >>> import torch
        >>> from nano_bert.pictures import draw_mixture
        >>> axes = draw_mixture(["not", "bad"], torch.tensor([0.75, 0.25]), torch.tensor([[2.0, 0.0], [-2.0, 1.0]]))
        >>> axes.get_title(loc="right")
        'mixed (1.00, 0.25)'
    """
    shares, values = as_row("weights", weights, len(words)), as_rows("value", value, len(words), 2)
    steps = [(share * x, share * y) for share, (x, y) in zip(shares, values, strict=True)]
    end = sum(x for x, _ in steps), sum(y for _, y in steps)
    _, axes = plt.subplots(figsize=(6, 3.6))
    axes.axhline(0, color=GREY, linewidth=0.7, alpha=0.5)
    axes.axvline(0, color=GREY, linewidth=0.7, alpha=0.5)
    for tip in values:
        axes.plot([0, tip[0]], [0, tip[1]], color=LIGHT_BLUE, linewidth=1, alpha=0.6)
    at = (0.0, 0.0)
    for step in sorted(steps, key=lambda step: step[0] ** 2 + step[1] ** 2):  # the largest comes last
        to = at[0] + step[0], at[1] + step[1]
        if abs(step[0]) + abs(step[1]) > 0.01:
            arrow(axes, at, to, LIGHT_ORANGE, 2.0)
        at = to
    _label(axes, [(word, tip, LIGHT_BLUE) for word, tip in zip(words, values, strict=True)])
    written = f"{name} ({end[0]:.2f}, {end[1]:.2f})".replace("-", "\u2212")
    axes.set_title(written, loc="right", size=11, color=LIGHT_ORANGE)
    axes.set(xlabel="first number", ylabel="second number")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def _label(axes: Axes, tips: Sequence[tuple[str, Sequence[float], str]]) -> None:
    """Write a name beside each tip, on the side where it is furthest from all arrows and from the other names."""
    (left, right), (low, high) = (
        (min(0.0, *along), max(0.0, *along)) for along in zip(*[tip for _, tip, _ in tips], strict=True)
    )
    width, height = (right - left) or 1.0, (high - low) or 1.0
    axes.set(xlim=(left - 0.25 * width, right + 0.3 * width), ylim=(low - 0.2 * height, high + 0.2 * height))
    ends = [(tip[0] / width, tip[1] / height) for _, tip, _ in tips]
    taken = [(x * step / 20, y * step / 20) for x, y in ends for step in range(21)]  # points along all arrows
    for (word, _, colour), (x, y) in zip(tips, ends, strict=True):
        half = 0.015 * len(word)  # of the name, in the units of `ends`
        places = [(x + side * (half + 0.015), y + 0.07 * up) for side in (-1, 1, 0) for up in (-1, 0, 1) if side or up]
        room = [min(_distance((a, b), point, half) for point in taken) for a, b in places]
        a, b = places[room.index(max(room))]
        taken += [(a - half, b), (a, b), (a + half, b)]
        axes.text(a * width, b * height, word, size=11, color=colour, ha="center", va="center")


def _distance(centre: tuple[float, float], point: tuple[float, float], half: float) -> float:
    """How far a point is from a name of the given half width."""
    aside = max(abs(point[0] - centre[0]) - half, 0.0)
    return min((aside**2 + (point[1] - centre[1]) ** 2) ** 0.5, 0.1)  # 0.1 is room enough: then the first side is taken
