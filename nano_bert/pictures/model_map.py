"""The map of the whole model, with the part at hand in colour: you are here."""

from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from nano_bert.pictures.canvas import GREY, LIGHT_ORANGE, ORANGE, SLATE, arrow, box, canvas

# Where each part stands: up the left side of the layer, down its right side, as the text goes.
PLACES = {
    "words": (1.2, 2.8),
    "ids": (1.2, 1.7),
    "embeddings": (1.2, 0.6),
    "attention": (4.35, 0.6),
    "add & norm": (4.35, 1.7),
    "feed-forward": (6.95, 1.7),
    "add & norm 2": (6.95, 0.6),
    "pooler": (9.9, 0.6),
    "verdict": (9.9, 1.7),
}
WIDTH, HEIGHT = 2.2, 0.68


def draw_map(*here: str) -> Axes:
    """Draw the way of a text through BERT, from words to verdict, and colour the parts named `here`.

    Args:
        here: Any of "words", "ids", "embeddings", "attention", "add & norm", "feed-forward", "pooler" and "verdict";
            "layer" stands for the four parts of a layer, "all" for the whole.

    Raises:
        ValueError: If the map has no such part.

    Examples:
        >>> from nano_bert.pictures import draw_map
        >>> axes = draw_map("attention")
        >>> axes.get_title(loc="left")
        'You are here: attention'
    """
    layer = ["attention", "add & norm", "feed-forward", "add & norm 2"]
    coloured = set[str]()
    for name in here:
        parts = {"layer": layer, "all": list(PLACES), "add & norm": layer[1::2]}.get(name, [name])
        if not set(parts) <= PLACES.keys():
            names = ", ".join([*PLACES, "layer", "all"]).replace("add & norm 2, ", "")
            raise ValueError(f"The map has no part {name!r}. Choose among: {names}.")
        coloured |= set(parts)
    axes = canvas(11.1, 3.2, (5.4, 1.65))
    frame: dict[str, Any] = {
        "boxstyle": "round,pad=0,rounding_size=0.15",
        "facecolor": "none",
        "edgecolor": GREY,
        "linewidth": 1.2,
    }
    axes.add_patch(FancyBboxPatch((3.0, 0.1), 5.3, 3.0, linestyle=(0, (4, 3)), **frame))
    axes.text(5.65, 2.6, "a layer, 12 times in BERT-base", size=10, color=GREY, ha="center", va="center")
    for name, place in PLACES.items():
        box(axes, place, name.removesuffix(" 2"), ORANGE if name in coloured else SLATE, WIDTH, HEIGHT)
    places = list(PLACES.values())
    for (x, y), (to_x, to_y) in pairwise(places):
        if x == to_x:
            half = HEIGHT / 2 if to_y > y else -HEIGHT / 2
            arrow(axes, (x, y + half), (to_x, to_y - half))
        else:
            arrow(axes, (x + WIDTH / 2, y), (to_x - WIDTH / 2, to_y))
    if here:
        title = "the whole model" if "all" in here else ", ".join(here)
        axes.set_title(f"You are here: {title}", loc="left", size=11, color=LIGHT_ORANGE)
    return axes
