"""Attention as ribbons: the more a word takes from another, the wider the ribbon between the two."""

from collections.abc import Sequence

from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from nano_bert.pictures.canvas import GREY, LIGHT_BLUE, LIGHT_ORANGE, as_rows, canvas


def draw_ribbons(words: Sequence[str], weights: Float[Tensor, "query key"], bold: str = "", title: str = "") -> Axes:
    """Draw who takes from whom: the words that look stand on the left, the words they look at on the right.

    Args:
        words: The words, in order.
        weights: How much each takes from each: a row for each word that looks.
        bold: The word whose ribbons stand out; without one, all look alike.
        title: Written above.

    Raises:
        ValueError: If the weights are not one row and one column a word, or the bold word is none of the words.

    Examples:
        >>> import torch
        >>> from nano_bert.pictures import draw_ribbons
        >>> axes = draw_ribbons(["not", "bad"], torch.tensor([[0.5, 0.5], [0.9, 0.1]]), bold="bad")
        >>> [round(line.get_linewidth(), 1) for line in axes.lines]  # points: ten times the weight
        [5.0, 5.0, 9.0, 1.0]
    """
    rows = as_rows("weights", weights, len(words), len(words))
    if bold and bold not in words:
        raise ValueError(f"There is no word {bold!r} among {', '.join(words)}.")
    axes = canvas(10.0, len(words) + 1.0, (5.2, 0.5 * len(words) + 0.7))
    axes.invert_yaxis()
    axes.text(2.6, 0.2, "looks", size=11, color=GREY, ha="right", va="center")
    axes.text(7.4, 0.2, "is looked at", size=11, color=GREY, ha="left", va="center")
    for row, word in enumerate(words):
        y = row + 1.0
        loud = word == bold
        axes.text(2.6, y, word, size=13, color=LIGHT_ORANGE if loud else GREY, ha="right", va="center")
        axes.text(7.4, y, word, size=13, color=GREY, ha="left", va="center")
        for column, weight in enumerate(rows[row]):
            if weight >= 0.005:
                colour, alpha = (LIGHT_ORANGE, 0.9) if loud else (LIGHT_BLUE, 0.35 if bold else 0.6)
                ends = [2.9, 7.1], [y, column + 1.0]
                axes.plot(
                    *ends, color=colour, alpha=alpha, linewidth=10 * weight, solid_capstyle="butt", zorder=1 + loud
                )
                if loud:
                    label = f"{weight:.2f}".removeprefix("0")
                    axes.text(8.9, column + 1.0, label, size=11, color=LIGHT_ORANGE, ha="left", va="center")
    axes.set_title(title)
    return axes
