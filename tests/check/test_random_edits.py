"""Whatever is edited in the right file: if a number changes by it, a rung refuses it.

A few edits are always made, the many with `pytest -m slow`. A seed is printed: `NANO_BERT_SEED=… pytest …` makes the
same ones again.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from unittest import mock

import pytest

from nano_bert.check import judge
from nano_bert.check.compare import first_difference
from nano_bert.check.judge import Judge, look, run_source
from nano_bert.check.reference import PACKAGE
from nano_bert.check.rungs import LADDER
from nano_bert.check.stubs import solved
from tests.check.edits import drawn, edited_at_random

OTHER_SEEDS = range(100, 106)  # the rungs look with others


@contextmanager
def seconds(most: float) -> Iterator[None]:
    """Stop what takes longer, as the process of its own does; of the processor's time."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, most, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def is_refused(source: str) -> bool:
    """Whether the file does not run, or some rung says no."""
    with mock.patch.object(judge, "diagnose", return_value=()):
        try:
            with seconds(8):
                wrong = Judge(run_source(source, "my_bert.py, edited"))
                return any(wrong.report(rung).state != "passed" for rung in LADDER)
        except Exception:
            return True


def changes_a_number(source: str) -> str:
    """Where another look, with other seeds, sees a difference; nothing if it sees none."""
    wrong = run_source(source, "my_bert.py, edited")
    for rung in LADDER:
        for seed in OTHER_SEEDS:
            ours, theirs = look(rung, PACKAGE, seed), look(rung, wrong, seed)
            place = first_difference(ours, theirs)
            if place is not None:
                return f"{rung.name}: {theirs.seen[place].name if place < len(theirs.seen) else theirs.stop}"
    return ""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such alarm")
@pytest.mark.parametrize("n_edits", [3, pytest.param(400, marks=pytest.mark.slow)])
def test_a_wrong_edit_is_refused(n_edits: int) -> None:
    dice, n_refused = drawn(), 0
    for _ in range(n_edits):
        source, what = edited_at_random(solved(), dice)
        if is_refused(source):
            n_refused += 1
        else:
            assert not changes_a_number(source), f"{what} passes all rungs"
    assert n_refused > (0.7 * n_edits if n_edits > 100 else 0)  # of three, two may be harmless
