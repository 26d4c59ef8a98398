"""Every prediction can be answered before its answer opens, and what the page takes for right is what it prints."""

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,_]*(?:\.\d+)?")
# Right numbers that no example prints as they stand.
COUNTED = {
    ("01-number-to-beat", "4"): "two printed lists, compared",
    ("08-model", "110"): "in millions, as the paper rounds it",
    ("12-fine-tuning", "4"): "the lines that are printed",
}


def load() -> Any:
    spec = importlib.util.spec_from_file_location("guesses", DOCS / "guesses.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


guesses = load()


def box(asks: str, says: str) -> str:
    """A prediction and its answer, as they reach the hook."""
    return (
        f'<div class="admonition predict">\n<p class="admonition-title">Predict</p>\n<p>Which?</p>\n{asks}\n</div>\n'
        f"<details>\n<summary>Open the answer</summary>\n<p>It is <strong>two</strong>.</p>\n{says}\n</details>"
    )


def choices(count: int) -> str:
    return "<ol>\n" + "".join(f"<li>choice {n}</li>\n" for n in range(count)) + "</ol>"


def replies(*keys: str) -> str:
    return "<ul>\n" + "".join(f"<li><em>{key}?</em> Because.</li>\n" for key in keys) + "</ul>"


def test_the_choice_that_no_sentence_corrects_is_right() -> None:
    html = guesses.with_guess(box(choices(3), replies("1", "3")), "page:1")
    assert '<ol class="guess" data-key="page:1" data-right="2">' in html
    assert re.findall(r'<li data-guess="(.)">', html) == ["1", "3"]
    assert html.count('class="choice"') == 3


def test_the_first_number_in_bold_is_right() -> None:
    html = guesses.with_guess(box("<p><em>A number, within 0.5.</em></p>", replies("More", "Less")), "page:1")
    assert 'data-key="page:1" data-right="2" data-within="0.5" data-count="1"' in html


@pytest.mark.parametrize(
    ("html", "says"),
    [
        (box(choices(3), ""), "no list"),
        (box(choices(3), replies("1")), "of 3 choices"),
        (box(choices(3), replies("1", "2", "3")), "of 3 choices"),
        (box(choices(3), replies("1", "4")), "of 3 choices"),
        (box("", replies("1")), "neither"),
        (box("<p><em>Two numbers.</em></p>", replies("Something else")), "too few"),
        (box("<p><em>A number.</em></p>", replies("3", "More")), "smaller"),
        (box("<p><em>A number.</em></p>", replies("3")), "smaller"),
    ],
)
def test_a_prediction_that_cannot_be_answered_is_refused(html: str, says: str) -> None:
    with pytest.raises(guesses.GuessError, match=says):
        guesses.with_guess(html, "page:1")


def numbers_asked() -> Iterator[tuple[str, list[str], str]]:
    """The page of each prediction of numbers, its right numbers, and what the page prints in its answer."""
    for path in sorted(DOCS.glob("*.md")):
        _, *parts = path.read_text(encoding="utf-8").split("> **Predict.**")
        for part in parts:
            asked = re.search(r"^> \*((?:A|Two|Three|Four)\b.*numbers?.*)\*$", part, re.M)
            if asked and asked.start() < part.index("</details>"):
                answer = part[part.index("<summary>Open the answer") : part.index("</details>")]
                fences = "".join(re.findall(r"^```pycon\n(.*?)^```$", answer, re.M | re.S))
                prose = re.sub(r"^```.*?^```$|^- \*.*?$", "", answer, flags=re.M | re.S)
                written = re.findall(r"\*\*([^*]+?)\.?\*\*", prose)
                right = [guesses.number_of(one) for one in written][: guesses.COUNTS[asked[1].split()[0]]]
                yield path.stem, right, re.sub(r"^(?:>>>|\.\.\.).*\n", "", fences, flags=re.M)


@pytest.mark.parametrize(("page", "right", "printed"), list(numbers_asked()))
def test_the_right_numbers_are_printed_below(page: str, right: list[str], printed: str) -> None:
    known = [float(re.sub("[,_]", "", number)) for number in NUMBER.findall(printed)]
    for number in right:
        half = 0.5 * 10.0 ** -len(number.partition(".")[2]) if "." in number else 0.0
        is_printed = any(abs(float(number) - one) <= half for one in known)
        assert is_printed != ((page, number) in COUNTED), f"{number} is none of {known}"


def test_an_exercise_has_a_place_for_its_answer_and_gives_nothing_away() -> None:
    right = json.loads((Path(__file__).parents[1] / "check" / "answers.json").read_text(encoding="utf-8"))
    items = "".join(f"<li><p>Exercise {number}</p></li>" for number in range(1, 7))
    for stem in ["04-attention", "measuring", "depth"]:
        html = guesses.with_exercises(f'<h2 id="exercises">Exercises</h2><ol>{items}</ol><h2 id="x">', stem)
        numbers = guesses.exercises_of(stem)
        assert re.findall(r'data-key="([\w.]+)"', html) == numbers
        for number in numbers:
            last = number.rpartition(".")[2]
            assert re.search(rf'Exercise {last}</p><form class="typed" data-key="{re.escape(number)}"', html)
            assert right[number][2] not in re.sub(r"\s+", " ", html) or len(right[number][2]) == 1


def test_the_page_that_counts_knows_every_prediction_exercise_and_rung() -> None:
    names = [path.name for path in sorted(DOCS.glob("*.md"))]
    table = guesses.table(iter(names))
    keys = [key for name in names for key in guesses.keys_of(name[:-3], (DOCS / name).read_text(encoding="utf-8"))]
    assert len(set(keys)) == len(keys) >= 70
    assert set(" ".join(re.findall(r'data-keys="([^"]*)"', table)).split()) == {*keys, *guesses.ANSWERS}
    assert re.findall(r'value="(\d+)"', guesses.rungs()) == [str(number) for number in range(1, 16)]
