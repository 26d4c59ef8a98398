"""Every usual mistake is refused at its rung and called by its name; and what it is said to be stands in the book."""

import random
import re
from pathlib import Path

import pytest

from nano_bert.check.judge import Judge, run_source, variant
from nano_bert.check.mistakes import Mistake, edited, mistakes_of
from nano_bert.check.rungs import LADDER
from nano_bert.check.stubs import solved

DOCS = Path(__file__).parents[2] / "docs"
EVERY = [(rung.number, number) for rung in LADDER for number in range(len(mistakes_of(rung.number)))]
LATER = pytest.mark.slow
SOME = [pytest.param(*one, marks=[] if one[1] % (9 if one[0] < 10 else 30) == 0 else LATER) for one in EVERY]
# Those of the book's twenty-five ways that are made in this file: number, rung, a word of the mistake's name.
WAYS = (
    (1, 3, "root of n_embed"), (2, 7, "overwrites the residual"), (3, 7, "before it is added"),
    (4, 7, "pre-norm"), (5, 6, "n - 1, and eps stands outside"), (6, 9, "GELU bends the vectors of all tokens"),
    (7, 10, "the id 0 is taken"), (8, 15, "labels' mask"), (9, 14, "a mean already"),
    (10, 14, "ignore_index=0"), (11, 13, "81/10/9"), (11, 13, "are changed"),
    (11, 13, "Special tokens are drawn"), (12, 15, "learns while it is measured"), (15, 15, "dropout on"),
    (16, 4, "half precision"), (17, 4, "Minus infinity makes NaN where"), (20, 2, "All rows of the table"),
    (25, 3, "only itself and what stands before"),
)  # fmt: skip


def mistake(rung: int, number: int) -> Mistake:
    return mistakes_of(rung)[number]


def judge_with(*mistakes: Mistake) -> Judge:
    wrong = variant(*mistakes)
    assert wrong is not None
    return Judge(wrong)


def test_the_right_file_passes_every_rung() -> None:
    assert [report.state for report in Judge(run_source(solved(), "my_bert.py")).climb()] == ["passed"] * 15


@pytest.mark.parametrize(("rung", "number"), SOME)
def test_a_mistake_is_refused_and_called_by_its_name(rung: int, number: int) -> None:
    one = mistake(rung, number)
    report = judge_with(one).report(LADDER[rung - 1])
    assert report.state == "failed"
    assert [name for name, *_ in report.mistakes] == [one.name], report.says


@pytest.mark.slow
@pytest.mark.parametrize(("rung", "number"), EVERY)
def test_a_mistake_fails_at_its_rung_and_not_below(rung: int, number: int) -> None:
    judge = judge_with(mistake(rung, number))
    assert [judge.report(below).state for below in LADDER[: rung - 1]] == ["passed"] * (rung - 1)


@pytest.mark.parametrize(
    "rung", [pytest.param(rung.number, marks=[] if rung.number == 3 else LATER) for rung in LADDER]
)
def test_of_two_mistakes_one_at_least_is_named(rung: int) -> None:
    known, dice = mistakes_of(rung), random.Random(rung)
    for _ in range(20):
        pair = dice.sample(known, 2)
        source = edited(solved(), *pair)
        if source is None:
            continue
        report = judge_with(*pair).report(LADDER[rung - 1])
        if report.state == "passed":  # one has taken the other back
            continue
        named = {name for name, *_ in report.mistakes}
        assert named & {one.name for one in pair} or len(named) == 1, (pair[0].name, pair[1].name, named)
        return
    pytest.fail("no pair could be made")


@pytest.mark.parametrize(("way", "rung", "words"), WAYS)
def test_the_ways_of_the_book_are_known(way: int, rung: int, words: str) -> None:
    assert any(words in one.name for one in mistakes_of(rung)), way


@pytest.mark.parametrize("rung", [rung.number for rung in LADDER])
def test_each_mistake_leads_to_a_heading_of_the_book(rung: int) -> None:
    for one in mistakes_of(rung):
        headings = re.findall(r"^(?:##+ |<summary>)(.+?)(?:</summary>)?$", (DOCS / one.page).read_text("utf-8"), re.M)
        assert one.section in headings, one.name


def test_no_mistake_gives_the_solution_away() -> None:
    """What is said holds no line of the right file."""
    lines = {line.strip() for line in solved().splitlines() if len(line.strip()) > 25}
    for rung in LADDER:
        for one in mistakes_of(rung.number):
            assert not any(line in f"{one.name} {one.why}" for line in lines), one.name
