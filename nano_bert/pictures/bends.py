"""Bends: functions that let some numbers pass and hold others back, as curves."""

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor

from nano_bert.pictures.canvas import GREY, LIGHT_BLUE, LIGHT_ORANGE


def draw_bends(bends: Mapping[str, Callable[[Tensor], Tensor]], reach: float = 4.0) -> Axes:
    """Draw functions of one number as curves, from `-reach` to `reach`.

    Args:
        bends: Each function under its name.
        reach: How far to the left and to the right.

    Raises:
        ValueError: If there is no function, or `reach` is not above 0.

    Examples:
        >>> import torch
        >>> from nano_bert.pictures import draw_bends
        >>> axes = draw_bends({"ReLU": torch.relu, "GELU": torch.nn.functional.gelu})
        >>> [line.get_label() for line in axes.lines[:2]]
        ['ReLU', 'GELU']
    """
    if not bends:
        raise ValueError("There is no function to draw: bends is empty.")
    if not reach > 0:
        raise ValueError(f"reach says how far the curves go to either side, so it is above 0, but it is {reach}.")
    _, axes = plt.subplots(figsize=(5, 3.4))
    x = torch.linspace(-reach, reach, 161)
    styles = (("--", LIGHT_BLUE), ("-", LIGHT_ORANGE), (":", GREY))
    for index, (name, bend) in enumerate(bends.items()):
        line, colour = styles[index % len(styles)]
        axes.plot(x.numpy(), bend(x).detach().numpy(), line, color=colour, linewidth=2.2, label=name)
    axes.axhline(0, color=GREY, linewidth=0.7, alpha=0.5)
    axes.axvline(0, color=GREY, linewidth=0.7, alpha=0.5)
    axes.set(xlabel="what goes in", ylabel="what comes out")
    axes.legend(frameon=False, fontsize=11, loc="upper left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes
