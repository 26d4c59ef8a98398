"""How the figures of the book look, how they are saved, and when two of them are the same.

A figure is a committed SVG, and a test draws it again. Two drawings are the same when a reader cannot tell them
apart: the same elements with the same text, coordinates within half a point (thinner than any line in it) and
colours within three steps of 255. Floats differ by less between machines; a changed number moves more.
"""

import base64
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.image import imread

# One file must be readable on white and on the dark page (#1e2129), for an <img> cannot ask which it stands on.
# No grey has the contrast 4.5 with both: the best has 4.0 with each, and this is it.
INK = "#7f7f7f"
COLOURS = ["#3d85d1", "#d9662b", "#2f9455", "#b265c9", "#b0812c"]  # 3.5 or more with both, for lines and marks
STYLE: dict[Any, Any] = {
    **dict.fromkeys(["text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"], INK),
    "axes.prop_cycle": cycler(color=COLOURS),
    "grid.color": INK,
    "legend.frameon": False,
    "figure.figsize": (6.0, 3.6),
    "svg.fonttype": "none",  # text stays text: it can be searched, read aloud and compared
    "svg.hashsalt": "nano-bert",  # the same ids every time
}
COORDINATES = {"d", "x", "y", "width", "height", "points", "transform", "viewBox"}
TOLERANCE, COLOUR_TOLERANCE = 0.5, 3
COLOUR = re.compile(r"#[0-9a-f]{6}\b")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?")


@contextmanager
def style() -> Iterator[None]:
    """Draw as the book does: a `matplotlibrc` of the reader's own says nothing here, and counts again afterwards."""
    with (
        mpl.rc_context({k: v for k, v in mpl.rcParamsDefault.items() if k not in ("backend", "toolbar")}),
        mpl.rc_context(STYLE),
    ):
        yield


def draw() -> str | None:
    """The current figure as SVG text, or None if no figure is open."""
    if not plt.get_fignums():
        return None
    drawn = io.StringIO()
    with style():
        plt.gcf().savefig(
            drawn, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None, "Creator": None}
        )
    return "\n".join(line.rstrip() for line in drawn.getvalue().splitlines()) + "\n"


def difference(committed: str, drawn: str) -> str | None:
    """The first difference between two SVG texts that a reader could see, in words; None if there is none."""
    try:
        old, new = _elements(committed), _elements(drawn)
    except ET.ParseError as error:
        return f"it is not an SVG that can be read: {error}"
    for (tag, text, attributes), (new_tag, new_text, new_attributes) in zip(old, new, strict=False):
        if tag != new_tag or attributes.keys() != new_attributes.keys():
            return f"<{tag}> has become <{new_tag}>, or has other attributes"
        if text != new_text:
            return f"the text {text!r} has become {new_text!r}"
        for name, value in attributes.items():
            if not _close(name, value, new_attributes[name]):
                return f"{name} of <{tag}> was {value[:80]!r} and is {new_attributes[name][:80]!r}"
    return None if len(old) == len(new) else f"it had {len(old)} elements and has {len(new)}"


def _elements(svg: str) -> list[tuple[str, str, dict[str, str]]]:
    """Each element as (tag, text, attributes), with ids numbered: matplotlib makes them from the coordinates."""
    elements = list(ET.fromstring(svg).iter())
    ids = {element.get("id"): f"id{k}" for k, element in enumerate(elements) if element.get("id")}

    def renamed(name: str, value: str) -> str:
        return ids[value] if name == "id" else re.sub(r"#([\w.-]+)", lambda m: "#" + ids.get(m[1], m[1]), value)

    return [
        (
            element.tag.rpartition("}")[2],
            (element.text or "").strip(),
            {name.rpartition("}")[2]: renamed(name, value) for name, value in element.items()},
        )
        for element in elements
        if element.tag.rpartition("}")[2] not in {"RDF", "Work", "type", "format", "metadata"}
    ]


def _close(name: str, old: str, new: str) -> bool:
    if old == new:
        return True
    if old.startswith("data:image/png;base64,") and new.startswith("data:image/png;base64,"):
        return _same_picture(old, new)
    if name in COORDINATES:
        pairs = zip(NUMBER.findall(old), NUMBER.findall(new), strict=False)
        return NUMBER.sub("0", old) == NUMBER.sub("0", new) and all(
            abs(float(a) - float(b)) <= TOLERANCE for a, b in pairs
        )
    colours = zip(COLOUR.findall(old), COLOUR.findall(new), strict=False)
    return COLOUR.sub("#", old) == COLOUR.sub("#", new) and all(
        max(abs(x - y) for x, y in zip(bytes.fromhex(a[1:]), bytes.fromhex(b[1:]), strict=True)) <= COLOUR_TOLERANCE
        for a, b in colours
    )


def _same_picture(old: str, new: str) -> bool:
    """Whether two embedded PNGs show the same: the bytes depend on the compressor, the pixels do not."""
    one, two = (imread(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) for uri in (old, new))
    return one.shape == two.shape and bool(np.abs(one - two).max() <= COLOUR_TOLERANCE / 255)
