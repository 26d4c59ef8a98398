"""What a reader can turn on the site is what the page's example draws."""

import json
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from tests.book.planted import ROOT, Book
from tests.book.points import points_of, read_points, same_points, write_points

DATA = ROOT / "docs" / "assets" / "points-data.js"
PAGE = """\
# A

```pycon
>>> import matplotlib.pyplot as plt
>>> axes = plt.figure().add_subplot(projection="3d")
>>> _ = axes.scatter([0, 1], [0, 2], [0, 3])
>>> _ = axes.text(1, 2, 3, " bad")
```

![Two points.](figures/a.svg)
"""


@pytest.fixture
def space() -> Iterator[Figure]:
    figure = plt.figure()
    axes = figure.add_subplot(projection="3d")
    axes.scatter([0, 1], [0, 2], [0, 3], color=["#ff0000", "#0000ff"])
    axes.text(1, 2, 3, " bad")
    axes.plot([0, 1], [0, 2], [0, 3], color="#0000ff", linewidth=2)
    yield figure
    plt.close(figure)


def test_points_labels_and_lines_are_taken_from_the_figure(space: Figure) -> None:
    points = points_of(space)
    assert points
    assert points["points"] == [[0, 0, 0, "#ff0000"], [1, 2, 3, "#0000ff"]]
    assert points["labels"] == [[1, 2, 3, "bad"]]
    assert points["lines"] == [["#0000ff", 2, [[0, 0, 0], [1, 2, 3]]]]
    assert points["axes"] == ["feature 1", "feature 2", "feature 3"]
    assert all(low < 0 and high > 1 for low, high in points["limits"])


def test_a_flat_figure_has_none() -> None:
    figure, _ = plt.subplots()
    assert points_of(figure) is None
    plt.close(figure)


def test_what_is_written_is_read_again_and_is_a_script(space: Figure, tmp_path: Path) -> None:
    file, points = tmp_path / "assets" / "points-data.js", points_of(space)
    assert points
    write_points(file, "b.svg", points)
    write_points(file, "a.svg", points)
    assert read_points(file) == {"a.svg": points, "b.svg": points}
    assert file.read_text(encoding="utf-8").startswith('const POINTS = {\n"a.svg": {')


def test_a_difference_that_can_be_seen_is_one(space: Figure) -> None:
    points = points_of(space)
    for moved, same in ((0.001, True), (0.1, False)):
        other = json.loads(json.dumps(points))
        other["points"][1][0] += moved
        assert same_points(points, other) == same
    for key, value in (("labels", []), ("axes", ["a", "b", "c"])):
        assert not same_points(points, {**(points or {}), key: value})


def test_the_image_in_the_text_checks_the_points_too(book: Book) -> None:
    book.write("docs/a.md", PAGE)
    book.run("docs/a.md", "--rewrite")
    assert book.counts("docs/a.md") == (4, 0)
    data = book.root / "docs" / "assets" / "points-data.js"
    data.write_text(data.read_text().replace('"bad"', '"good"'))
    assert book.counts("docs/a.md") == (3, 1)
    data.unlink()
    assert book.counts("docs/a.md") == (3, 1)


def test_every_picture_that_can_be_turned_is_a_figure_of_the_book() -> None:
    assert set(read_points(DATA)) <= {figure.name for figure in (ROOT / "docs" / "figures").glob("*.svg")}
