"""The pictures of the book show the numbers that they are given, and no text stands on another."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from nano_bert import pictures
from nano_bert.pencil import FEATURES, SENTENCE, pencil_bert
from nano_bert.pictures.canvas import ORANGE

WORDS = SENTENCE.split()
MASK = torch.tensor([True] * 6)


@pytest.fixture(autouse=True)
def _closed() -> object:
    yield
    plt.close("all")


def pencil_numbers() -> dict[str, Any]:
    """What the first layer of the pencil BERT computes for the sentence of the book."""
    model, tokenizer = pencil_bert()
    with torch.no_grad():
        x = model.bert.embedding(tokenizer(SENTENCE))[1:7]
        layer = model.bert.encoder.layers[0]
        head = layer.attention.heads[0]
        mixed, weights = head(x, MASK)
        answers = [head(x, MASK)[0][5] for head in layer.attention.heads]
        out = layer.attention(x, MASK)[0][5]
        numbers = {"query": head.query(x), "key": head.key(x), "value": head.value(x)}
    return numbers | {"x": x, "mixed": mixed, "weights": weights, "answers": answers, "out": out}


def drawn(name: str) -> list[Axes]:
    """One picture of each kind, drawn as the book draws it."""
    n = pencil_numbers()
    padded = torch.zeros(8, 8)
    padded[:6, :6] = n["weights"]
    kinds: dict[str, Callable[[], Any]] = {
        "map": lambda: pictures.draw_map("feed-forward", "add & norm"),
        "arrows": lambda: pictures.draw_arrows(WORDS, n["query"], n["key"], of=["not", "bad"]),
        "mixture": lambda: pictures.draw_mixture(WORDS, n["weights"][4], n["value"], '"not" takes'),
        "ribbons": lambda: pictures.draw_ribbons(WORDS, n["weights"], bold="bad"),
        "shares": lambda: pictures.draw_shares(WORDS, {"bad": n["weights"][5], "not": n["weights"][4]}),
        "head": lambda: pictures.draw_head(WORDS, n["query"], n["key"], n["value"]),
        "joined heads": lambda: pictures.draw_joined_heads("bad", n["answers"], n["out"], FEATURES),
        "mask": lambda: pictures.draw_mask([*WORDS, "[PAD]", "[PAD]"], padded, torch.arange(8) < 6),
        "layer": pictures.draw_layer,
        "stream": lambda: pictures.draw_stream([("x", n["x"][5]), ("+ attention", n["out"])], FEATURES, "bad"),
        "batch": lambda: pictures.draw_batch(
            [["[CLS]", *WORDS, "[SEP]"]], torch.arange(8)[None], torch.ones(1, 8).long()
        ),
        "look up": lambda: pictures.draw_look_up(WORDS, torch.eye(6), "film"),
        "circle": lambda: pictures.draw_circle(["good", "not"], torch.tensor([[1.0, -1.0, 0.0], [0.0, -1.0, 1.0]])),
        "bends": lambda: pictures.draw_bends({"ReLU": torch.relu, "GELU": torch.nn.functional.gelu}),
    }
    axes = kinds[name]()
    return axes if isinstance(axes, list) else [axes]


KINDS = ["map", "arrows", "mixture", "ribbons", "shares", "head", "joined_heads", "mask", "layer", "stream", "bends"]
KINDS += ["batch", "look_up", "circle"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_stands_on_another_or_outside_its_box(kind: str) -> None:
    for axes in drawn(kind.replace("_", " ")):
        axes.figure.draw_without_rendering()
        texts = [text for text in axes.texts if text.get_text()]
        places = [text.get_window_extent() for text in texts]
        for (one, place), (other, its_place) in combinations(zip(texts, places, strict=True), 2):
            assert not place.shrunk(0.9, 0.8).overlaps(its_place), f"{one.get_text()!r} on {other.get_text()!r}"
        for patch in axes.patches:
            if isinstance(patch, FancyBboxPatch) and patch.get_fill() and patch.get_facecolor()[3]:
                around = patch.get_window_extent()
                inside = [place for place in places if around.contains(*(place.p0 + place.p1) / 2)]
                assert all(around.x0 < place.x0 and place.x1 < around.x1 for place in inside), kind


def test_the_map_colours_the_part_at_hand_and_no_other() -> None:
    boxes = [
        patch
        for patch in pictures.draw_map("attention").patches
        if isinstance(patch, FancyBboxPatch) and patch.get_facecolor()[3]
    ]
    colours = [plt.matplotlib.colors.to_hex(patch.get_facecolor()) for patch in boxes]
    assert [index for index, colour in enumerate(colours) if colour == ORANGE] == [3], "the fourth part of nine"
    with pytest.raises(ValueError, match=r"The map has no part 'heads'\. Choose among: words, ids"):
        pictures.draw_map("heads")


def test_arrows_end_at_the_queries_and_keys() -> None:
    n = pencil_numbers()
    axes = pictures.draw_arrows(WORDS, n["query"], n["key"], of=["bad"])
    ends = [patch._posA_posB[1] for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    assert torch.allclose(torch.tensor(ends), torch.cat([n["key"], n["query"][5:]]).float())


def test_the_way_of_the_values_ends_at_the_mixture() -> None:
    n = pencil_numbers()
    axes = pictures.draw_mixture(WORDS, n["weights"][4], n["value"])
    ends = [patch._posA_posB[1] for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    assert torch.allclose(torch.tensor(ends[-1]), n["mixed"][4])


def test_a_ribbon_is_as_wide_as_its_weight() -> None:
    n = pencil_numbers()
    widths = [line.get_linewidth() / 10 for line in pictures.draw_ribbons(WORDS, n["weights"]).lines]
    assert widths == pytest.approx([w for w in n["weights"].flatten().tolist() if w >= 0.005])


def test_numbers_in_boxes_are_those_given() -> None:
    n = pencil_numbers()
    texts = [text.get_text() for text in pictures.draw_head(WORDS, n["query"], n["key"], n["value"]).texts]
    written = [float(text.replace("\u2212", "-")) for text in texts if text.lstrip("\u2212")[0].isdigit()]
    table = torch.stack([n["query"], n["key"], n["value"]])
    assert written == pytest.approx(table.flatten().tolist(), abs=0.006)


def test_words_keep_their_distances_on_the_circle() -> None:
    vectors = torch.nn.functional.layer_norm(torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), (3,))
    marks = pictures.draw_circle(list("abcde"), vectors).collections
    points = torch.tensor([mark.get_offsets().tolist()[0] for mark in marks])
    assert torch.allclose(torch.cdist(points, points), torch.cdist(vectors, vectors), atol=1e-4)
    assert torch.allclose(points.norm(dim=1), torch.full((5,), 3**0.5), atol=1e-3)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: pictures.draw_ribbons(WORDS, torch.rand(3, 3)), "weights must have one row .* \\(6, 6\\)"),
        (lambda: pictures.draw_ribbons(["a"], torch.tensor([[float("nan")]])), "not finite"),
        (lambda: pictures.draw_ribbons(["a"], torch.ones(1, 1), bold="b"), "no word 'b' among a"),
        (
            lambda: pictures.draw_arrows(["a", "b"], torch.ones(1, 2), torch.ones(1, 2)),
            "query must have one row",
        ),
        (lambda: pictures.draw_arrows(["a"], torch.ones(1, 2), torch.ones(1, 2), of=["b"]), "no word 'b'"),
        (lambda: pictures.draw_shares(["a"], {}), "no shares to draw"),
        (lambda: pictures.draw_joined_heads("a", [], torch.ones(2)), "no head to draw"),
        (lambda: pictures.draw_joined_heads("a", [torch.ones(2)], torch.ones(2), ["b"]), "1 names of features"),
        (lambda: pictures.draw_stream([]), "no step to draw"),
        (lambda: pictures.draw_stream([("x", torch.ones(2))], ["b"]), "1 names of features"),
        (lambda: pictures.draw_batch([["a"], ["b", "c"]], *[torch.ones(2, 1).long()] * 2), "equally long"),
        (lambda: pictures.draw_batch([["a"]], *[torch.ones(1, 2).long()] * 2), "input_ids must have one row"),
        (lambda: pictures.draw_look_up(["a", "b"], torch.eye(2), "c"), "no token 'c': it has a, b"),
        (lambda: pictures.draw_look_up(["a", "b"], torch.eye(3), "a"), "table must have one row"),
        (lambda: pictures.draw_circle(["a"], torch.ones(1, 3)), "must add up to 0"),
        (lambda: pictures.draw_sphere(["a"], torch.ones(2, 3)), "points must have one row"),
        (lambda: pictures.draw_bends({}), "no function to draw"),
        (lambda: pictures.draw_bends({"relu": torch.relu}, reach=0.0), "above 0, but it is 0.0"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(draw: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw()
