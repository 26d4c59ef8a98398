"""Shares as bars: how a softmax hands out 1, in one case above another."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from nano_bert.pictures.canvas import GREY, LIGHT_BLUE, LIGHT_ORANGE, as_row


def draw_shares(words: Sequence[str], cases: Mapping[str, Float[Tensor, " word"]]) -> list[Axes]:
    """Draw the shares that the words get, a row of bars for each case, all from 0 to 1.

    Args:
        words: The words, in order.
        cases: The shares of each case, under its name.

    Raises:
        ValueError: If there is no case, or not one share a word.

    Examples:
        >>> import torch
        >>> from nano_bert.pictures import draw_shares
        >>> shares = torch.tensor([2.0, 1.0, 0.0]).softmax(dim=-1)
        >>> [axes] = draw_shares(["film", "was", "good"], {"scores 2, 1, 0": shares})
        >>> [text.get_text() for text in axes.texts]
        ['.67', '.24', '.09']
    """
    if not cases:
        raise ValueError("There are no shares to draw: cases is empty.")
    figure, grid = plt.subplots(len(cases), 1, figsize=(6, 1.35 * len(cases) + 0.4), sharex=True, squeeze=False)
    rows: list[Axes] = list(grid[:, 0])
    for axes, (name, given) in zip(rows, cases.items(), strict=True):
        shares = as_row(name, given, len(words))
        colours = [LIGHT_ORANGE if share == max(shares) else LIGHT_BLUE for share in shares]
        bars = axes.bar(range(len(words)), shares, color=colours, width=0.7)
        axes.bar_label(bars, [f"{share:.2f}".removeprefix("0") for share in shares], padding=2, fontsize=10, color=GREY)
        axes.set(ylim=(0, 1.3), yticks=[0, 1])
        axes.set_title(name, loc="left", fontsize=11)
        axes.set_xticks(range(len(words)), words, fontsize=11)
        axes.tick_params(length=0)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
    figure.tight_layout()
    return rows
