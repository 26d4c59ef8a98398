"""Every usual mistake is refused at its rung and called by its name; and what it is said to be stands in the book.

A few are drawn anew each time, all are made with `pytest -m slow`. A seed is printed: `NANO_BERT_SEED=… pytest …` draws
the same ones again.
"""

import random
import re
from pathlib import Path

import pytest

from nano_bert.check import judge
from nano_bert.check.judge import Judge, run_source, variant
from nano_bert.check.mistakes import Mistake, edited, mistakes_of
from nano_bert.check.rungs import LADDER
from nano_bert.check.show import explained
from nano_bert.check.stubs import solved
from tests.check.edits import drawn

DOCS = Path(__file__).parents[2] / "docs"
RUNGS = [rung.number for rung in LADDER]
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


@pytest.fixture(autouse=True)
def all_the_time_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found must not depend on how busy the machine is."""
    monkeypatch.setattr(judge, "SECONDS", 120.0)


def judge_with(*mistakes: Mistake) -> Judge:
    wrong = variant(*mistakes)
    assert wrong is not None
    return Judge(wrong)


def assert_named(one: Mistake) -> None:
    report = judge_with(one).report(LADDER[one.rung - 1])
    assert report.state == "failed", one
    assert [name for name, *_ in report.mistakes] == [one.name], (one, report.says)


def assert_two_named(rung: int, dice: random.Random) -> None:
    """Make two mistakes at once: at least one of them is named, or a third that gives the same numbers."""
    while True:
        pair = dice.sample(mistakes_of(rung), 2)
        if pair[0].name == pair[1].name or edited(solved(), *pair) is None:
            continue
        report = judge_with(*pair).report(LADDER[rung - 1])
        if report.state == "failed":  # else one has taken the other back
            assert report.mistakes, (pair, report.says)
            return


def test_the_right_file_passes_every_rung() -> None:
    assert [report.state for report in Judge(run_source(solved(), "my_bert.py")).climb()] == ["passed"] * 15


def test_a_mistake_is_refused_and_called_by_its_name_and_so_is_one_of_two() -> None:
    dice = drawn()
    for rung in dice.sample(RUNGS, 6):
        assert_named(dice.choice(mistakes_of(rung)))
    assert_two_named(dice.choice(RUNGS[:10]), dice)


@pytest.mark.slow
@pytest.mark.parametrize("rung", RUNGS)
def test_every_mistake_is_refused_and_called_by_its_name_and_fails_not_below(rung: int) -> None:
    for one in mistakes_of(rung):
        assert_named(one)
        judge = judge_with(one)
        assert [judge.report(below).state for below in LADDER[: rung - 1]] == ["passed"] * (rung - 1), one


@pytest.mark.slow
@pytest.mark.parametrize("rung", RUNGS)
def test_of_two_mistakes_one_at_least_is_named(rung: int) -> None:
    dice = drawn()
    for _ in range(10):
        assert_two_named(rung, dice)


# A rung, what stands in the right file, what is put in its place, and what is said of it.
GAIN = "nn.Parameter(torch.ones(n_features))"
RARE = (
    (3, "@ value, weights", "@ value, weights.detach()", "No gradient finds its way back through yours"),
    (3, "scores = query @", "torch.nn.init.ones_(self.key.weight)\n        scores = query @", "None of the usual"),
    (6, GAIN, "nn.Parameter(torch.full([n_features], torch.nan))", "weight of your LayerNorm begins with NaN"),
    (6, GAIN, f"{GAIN[:-1]}, requires_grad=False)", "weight of your LayerNorm cannot learn"),
    (9, "nn.Linear(config.n_embed, config.n_embed)", "alike(config)", "All numbers of dense.weight of your BertPooler"),
    (9, ".tanh()", ".sigmoid()", "None of the usual mistakes gives what yours gives: it is a rarer one, or"),
)
ALIKE = """
def alike(config):
    layer = nn.Linear(config.n_embed, config.n_embed)
    nn.init.constant_(layer.weight, 0.1)
    return layer
"""


@pytest.mark.parametrize(("rung", "right", "wrong", "says"), RARE)
def test_what_is_none_of_the_usual_mistakes_is_told_all_the_same(rung: int, right: str, wrong: str, says: str) -> None:
    start = solved().index(right, solved().index("class BertPooler") if rung == 9 else 0)
    source = solved()[:start] + wrong + solved()[start + len(right) :] + ALIKE
    report = Judge(run_source(source, "my_bert.py")).report(LADDER[rung - 1])
    assert (report.state, report.mistakes) == ("failed", ())
    assert says in " ".join(explained(report.to_dict()).split())


def test_of_a_usual_mistake_and_a_rare_one_the_first_is_named_and_the_other_not_hidden() -> None:
    wrong = (
        solved().replace("x[..., 0, :]).tanh()", "x[..., 0, :])").replace(".clamp(min=1)\n\n\nclass", "**2\n\n\nclass")
    )
    report = Judge(run_source(wrong, "my_bert.py")).report(LADDER[8])
    assert [name for name, *_ in report.mistakes] == ["There is no tanh."]
    assert report.maybe
    assert "It may be this: There is no tanh." in explained(report.to_dict())


@pytest.mark.parametrize(("way", "rung", "words"), WAYS)
def test_the_ways_of_the_book_are_known(way: int, rung: int, words: str) -> None:
    assert any(words in one.name for one in mistakes_of(rung)), way


@pytest.mark.parametrize("rung", RUNGS)
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
