"""The points of figures in space, which the site lets its reader turn: `docs/assets/points-data.js`.

A figure with 3-D axes has its points, labels and lines there, under the name of its SVG. They are taken from the figure
that the page's example draws, written by `pytest --rewrite`, and compared each time, so that the still and the turning
picture show the same.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from tests.book.workplace import write_whole

BEGIN, END = "const POINTS = ", ";\n"
TOLERANCE = 0.005  # of the size of the box: less than can be seen


def points_of(figure: Figure) -> dict[str, Any] | None:
    """What is drawn in the space of a figure; None if it has no 3-D axes."""
    spaces: list[Any] = [axes for axes in figure.axes if axes.name == "3d"]
    if not spaces:
        return None
    [axes] = spaces  # one space a figure: more could not be told apart on a phone
    labels = [axes.get_xlabel(), axes.get_ylabel(), axes.get_zlabel()]
    points = list[list[Any]]()
    for collection in axes.collections:
        colours = [to_hex(colour) for colour in PathCollection.get_facecolor(collection)]  # neither shaded nor sorted
        places = np.stack([np.ma.getdata(values) for values in collection._offsets3d], axis=1)
        for k, place in enumerate(places):
            points.append([*_rounded(place), colours[k % len(colours)]])
    return {
        "axes": [label or f"feature {k}" for k, label in enumerate(labels, 1)],
        "labels": [[*_rounded(text.get_position_3d()), text.get_text().strip()] for text in axes.texts],
        "limits": [_rounded(limit) for limit in (axes.get_xlim3d(), axes.get_ylim3d(), axes.get_zlim3d())],
        "lines": [
            [
                to_hex(line.get_color()),
                line.get_linewidth(),
                [_rounded(p) for p in zip(*line.get_data_3d(), strict=True)],
            ]
            for line in axes.lines
        ],
        "points": points,
        "view": [axes.elev, axes.azim],
    }


def read_points(file: Path) -> dict[str, Any]:
    """Read the points of all figures."""
    text = file.read_text(encoding="utf-8") if file.is_file() else BEGIN + "{}" + END
    return json.loads(text.removeprefix(BEGIN).removesuffix(END))


def write_points(file: Path, name: str, points: dict[str, Any]) -> None:
    """Write those of one figure, one figure a line."""
    known = read_points(file) | {name: points}
    lines = [f"{json.dumps(key)}: {json.dumps(known[key])}" for key in sorted(known)]
    write_whole(file, BEGIN + "{\n" + ",\n".join(lines) + "\n}" + END)


def same_points(one: Any, other: Any, size: float | None = None) -> bool:
    """Whether a reader could not tell them apart."""
    if isinstance(one, dict) and isinstance(other, dict):
        size = max((high - low for low, high in one["limits"]), default=1.0)
        return one.keys() == other.keys() and all(same_points(one[key], other[key], size) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same_points(a, b, size) for a, b in zip(one, other, strict=True))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= TOLERANCE * (size or 1.0)
    return one == other


def _rounded(numbers: Any) -> list[float]:
    return [round(float(number), 4) for number in numbers]
