"""Figures are drawn again and compared; what a reader could see differently is a failure."""

import re
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from tests.book import figures
from tests.book.pages import Figure, read_page
from tests.book.planted import PAGES, ROOT, Book

DRAWING = """\
# Curve

```pycon
>>> import matplotlib.pyplot as plt
>>> lines = plt.plot([1, 2, 3], [0.5, 0.25, 0.125])
>>> title = plt.title("loss")
>>> plt.show()
```

![The loss falls](figures/loss.svg)
"""


def drawn(values: list[float], title: str = "loss", colour: str = "#3d85d1") -> str:
    with mpl.rc_context(figures.STYLE):
        plt.close("all")
        plt.plot(values, color=colour)
        plt.title(title)
        svg = figures.draw()
        plt.close("all")
    assert svg
    return svg


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2, which its contrast is made of."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("ground", ["#ffffff", "#1e2129", "#0d1117"], ids=["light", "Material's dark", "GitHub's dark"])
def test_figures_can_be_read_on_light_and_on_dark(ground: str) -> None:
    assert contrast(figures.INK, ground) > 3.99
    assert min(contrast(colour, ground) for colour in figures.COLOURS) > 3.4


def test_no_grey_would_be_much_better_on_both() -> None:
    greys = [f"#{k:02x}{k:02x}{k:02x}" for k in range(256)]
    best = max(greys, key=lambda grey: min(contrast(grey, "#ffffff"), contrast(grey, "#1e2129")))
    assert best == figures.INK


def test_a_drawing_is_the_same_every_time_and_says_no_date() -> None:
    svg = drawn([0.5, 0.25])
    assert svg == drawn([0.5, 0.25])
    assert not re.search(r"<dc:date>|Matplotlib v", svg)
    assert ">loss</text>" in svg  # text is text
    assert set(figures.COLOUR.findall(svg)) == {figures.INK, figures.COLOURS[0]}  # and nothing stands behind it


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (lambda: drawn([0.5, 0.25 + 1e-5]), True),  # floats differ between machines; the ids made of them too
        (lambda: drawn([0.5, 0.25, 0.125]), False),
        (lambda: drawn([0.5, 0.3, 0.1251]), False),
        (lambda: drawn([0.5, 0.25], title="accuracy"), False),
        (lambda: drawn([0.5, 0.25], colour="#3e84d1"), True),
        (lambda: drawn([0.5, 0.25], colour="#d1853d"), False),
        (lambda: drawn([0.5, 0.25]).replace("stroke-width: 1.5", "stroke-width: 1.9"), False),
        (lambda: drawn([0.5, 0.25]).replace("</svg>", "<circle/></svg>"), False),
        (lambda: drawn([0.5, 0.25])[:-20], False),
    ],
)
def test_a_difference_that_can_be_seen_is_found(other: Callable[[], str], same: bool) -> None:
    assert (figures.difference(drawn([0.5, 0.25]), other()) is None) is same


def test_the_pixels_of_an_embedded_picture_count() -> None:
    def picture(value: float) -> str:
        plt.close("all")
        plt.imshow([[0.0, value], [0.5, 1.0]], cmap="gray")
        return figures.draw() or ""

    assert figures.difference(picture(0.2), picture(0.201)) is None
    assert figures.difference(picture(0.2), picture(0.4))
    plt.close("all")


def test_the_image_in_the_text_is_an_item_that_saves_compares_and_finds(book: Book) -> None:
    book.write("docs/a.md", DRAWING)
    file = book.root / "docs" / "figures" / "loss.svg"
    item = book.items()[-1]
    assert (item.nodeid, item.location[1]) == ("docs/a.md::figure-loss", 9)
    book.run().stdout.fnmatch_lines(["docs/a.md:10: figures/loss.svg is not *: it does not exist *"])
    assert book.counts("--rewrite") == (4, 0)
    assert book.counts() == (4, 0)
    assert book.counts("docs/a.md::figure-loss") == (1, 0)  # alone, it replays the blocks above it
    saved = file.read_text()
    file.write_text(re.sub(r"(?<=L )(\d+)", lambda m: str(int(m[1]) + 9), saved))
    book.run().stdout.fnmatch_lines(["docs/a.md:10: figures/loss.svg is not what the examples draw: *"])
    assert book.counts("--rewrite") == (4, 0)
    assert file.read_text() == saved
    before = file.stat().st_mtime_ns
    assert "rewrote" not in book.run("--rewrite").stdout.str()
    assert file.stat().st_mtime_ns == before


def test_a_figure_cannot_be_shown_before_it_is_drawn_or_twice(book: Book) -> None:
    image = "![The loss](figures/loss.svg)\n"
    book.write("docs/a.md", image + DRAWING + "\n" + image)
    result = book.run("--rewrite")
    result.stdout.fnmatch_lines(["docs/a.md:1: no example above draws *", "docs/a.md:13: no example above draws *"])
    result.assert_outcomes(passed=4, failed=2)


def test_a_figure_may_stand_before_the_fold_that_draws_it(book: Book) -> None:
    """The picture comes first: whoever reads sees it before the code."""
    image, draws = "![The loss](figures/loss.svg)\n\n", DRAWING.partition("\n!")[0]
    fold = '<details markdown="1">\n<summary>Draw it yourself</summary>\n{}\n</details>\n'
    book.write("docs/a.md", image + fold.format(draws) + "\n```pycon\n>>> 1 + 1\n2\n```\n")
    assert book.counts("--rewrite") == (5, 0)
    assert book.counts("docs/a.md::figure-loss") == (1, 0)
    assert [item.name for item in book.items()] == ["rules", "numbers", "curve-1", "figure-loss", "curve-2"]
    book.write("docs/a.md", image + fold.format("\nNothing.\n") + draws)
    book.run().stdout.fnmatch_lines(["docs/a.md:1: no example above draws *"])
    book.write("docs/a.md", image + fold.format(draws).replace("Draw it yourself", "Open the answer"))
    book.run().stdout.fnmatch_lines(["docs/a.md:1: no example above draws *"])


@pytest.mark.parametrize(
    "image",
    [
        "![](figures/a.svg)",
        "![ ](figures/a.svg)",
        '<img src="figures/a.svg">',
        "![a][b]\n\n[b]: figures/a.svg",
        "![a](figures/a.png)",
    ],
)
def test_an_image_that_no_test_or_no_blind_reader_would_see_is_refused(book: Book, image: str) -> None:
    book.write("docs/a.md", image + "\n")
    book.run("-k", "rules").assert_outcomes(failed=1)


def test_a_page_may_show_a_figure_of_another_page_if_it_leads_there(book: Book) -> None:
    book.write("docs/a.md", DRAWING)
    readme = book.write("README.md", "[![The loss](docs/figures/loss.svg)](docs/a.md)\n")
    assert book.counts("--rewrite") == (7, 0)
    readme.write_text("[![The loss](docs/figures/lost.svg)](docs/a.md)\n")
    book.run().stdout.fnmatch_lines(["README.md:1: docs/a.md draws no docs/figures/lost.svg*"])


def test_every_committed_figure_is_shown_and_drawn_by_a_page() -> None:
    def shown(path: Path) -> set[Path]:
        steps = read_page(path).steps
        return {(path.parent / s.target).resolve() for s in steps if isinstance(s, Figure) and not s.link}

    committed = {path.resolve() for path in (ROOT / "docs").rglob("figures/*")}
    assert committed - {file for page in PAGES for file in shown(page)} == set()
