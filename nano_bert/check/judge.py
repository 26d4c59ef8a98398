"""The judge: looks at a rung, finds the first number that differs, and finds out which mistake it is.

To name a mistake, the usual ones are made in the right file, one after the other, then two at a time. The one whose
numbers are the reader's numbers, with every seed, is theirs.
"""

import contextlib
import linecache
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from itertools import combinations
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from nano_bert.check.bench import Bench, Seen
from nano_bert.check.compare import Look, Stop, first_difference, said
from nano_bert.check.fit import UnfitError
from nano_bert.check.mistakes import Mistake, edited, mistakes_of
from nano_bert.check.reference import PACKAGE
from nano_bert.check.rungs import LADDER, Rung, probe_of
from nano_bert.check.stubs import solved

MOST_WAYS = 48  # to fit weights into parts with names of their own
SECONDS = 4.0  # of the processor, for trying mistakes


@dataclass
class Report:
    """What is said of a rung.

    Attributes:
        number: That of the rung.
        state: "passed", "failed", "to do" (it is not written yet) or "waits" (for a rung below).
        says: What was seen, in sentences.
        mistakes: The mistakes, each as its name, why it matters, and the page and heading that tell of it.
    """

    number: int
    state: str
    says: str = ""
    mistakes: tuple[tuple[str, str, str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


class Judge:
    """Judges a file, rung by rung.

    Args:
        parts: The reader's file, as a module.
        watch: Is entered while the reader's own code runs: so it can be stopped when its time is over.
    """

    def __init__(self, parts: Any, watch: Callable[[int], AbstractContextManager[Any]] | None = None) -> None:
        self.parts = parts
        self.file = str(getattr(parts, "__file__", ""))
        self.watch = watch or contextlib.nullcontext
        self.reports: dict[int, Report] = {}

    def climb(self, rungs: Sequence[Rung] = LADDER) -> Iterator[Report]:
        """Judge some rungs; one that stands on a rung that is not right waits for that one."""
        for rung in rungs:
            broken = next((n for n in rung.stands_on if self.report(LADDER[n - 1]).state != "passed"), None)
            if broken is None:
                yield self.report(rung)
                continue
            below = self.report(LADDER[broken - 1])
            says = f"It stands on rung {broken}, {LADDER[broken - 1].name}, which is not right yet. {below.says}"
            yield Report(rung.number, "waits", says, below.mistakes)

    def report(self, rung: Rung) -> Report:
        """Judge one rung, once."""
        if rung.number not in self.reports:
            with self.watch(rung.number):
                found = self.looks(rung)
            self.reports[rung.number] = self.judged(rung, found)
        return self.reports[rung.number]

    def looks(self, rung: Rung) -> list[Look]:
        """Look with each seed, up to the first difference; where weights fit in several ways, in the best."""
        best: list[Look] = []
        way, n_ways = 0, 1
        while way < min(n_ways, MOST_WAYS):
            found: list[Look] = []
            for seed in range(rung.seeds):
                found.append(look(rung, self.parts, seed, way))
                n_ways = max(n_ways, found[-1].n_ways)
                if first_difference(expected(rung, seed), found[-1]) is not None:
                    break
            else:
                return found
            if len(found) > len(best):
                best = found
            way += 1
        return best

    def judged(self, rung: Rung, found: list[Look]) -> Report:
        """Say what there is to say of what was seen."""
        ours, theirs = expected(rung, len(found) - 1), found[-1]
        place = first_difference(ours, theirs)
        if place is None:
            return Report(rung.number, "passed")
        is_stop = theirs.stop is not None and place == len(theirs.seen)
        if theirs.stop and is_stop and theirs.stop.kind == "NotImplementedError":
            where = f" (line {theirs.stop.line})" if theirs.stop.line else ""
            return Report(rung.number, "to do", f"{theirs.stop.message or 'A part'} is still to be written{where}.")
        says = said(ours, theirs, place, self.file)
        with self.watch(rung.number):
            found = [*found, *(look(rung, self.parts, seed) for seed in range(len(found), rung.seeds - 1))]
            is_random = not is_stop and self.is_random(rung, found)
        chosen = diagnose(rung, found)
        if is_random and not chosen:
            says += " And the next time it gives other numbers: something random is at work, such as dropout."
        return Report(rung.number, "failed", says, tuple((m.name, m.why, m.page, m.section) for m in chosen))

    def is_random(self, rung: Rung, found: Sequence[Look]) -> bool:
        """Say whether the reader's part gives other numbers when torch throws its dice once more."""
        again = look(rung, self.parts, 0, dice=99)
        return rung.name != "masking" and first_difference(found[0], again) is not None


def look(rung: Rung, parts: Any, seed: int, way: int = 0, dice: int = 0) -> Look:
    """Let the probe of a rung look at some parts once.

    Args:
        rung: The rung.
        parts: The reader's file, a wrong variant, or the package.
        seed: Of all that goes in.
        way: How weights are fitted into parts with names of their own.
        dice: Seed of what is random in the part itself, such as dropout that was not switched off.
    """
    torch.manual_seed(dice)
    bench = Bench(parts, seed, way)
    seen: list[Seen] = []
    stop: Stop | None = None
    try:
        for one in probe_of(rung)(bench):
            value = one.value.detach().clone() if isinstance(one.value, Tensor) else one.value
            seen.append(Seen(one.name, value, one.tolerance))
    except UnfitError as error:
        stop = Stop("unfit", str(error))
    except BaseException as error:
        if parts is PACKAGE:
            raise
        stop = Stop(type(error).__name__, str(error), line_of(error, str(getattr(parts, "__file__", ""))))
    return Look(seen, stop, bench.n_ways)


def line_of(error: BaseException, file: str) -> int | None:
    """Return the line of the reader's file in which something went wrong, the innermost."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return lines[-1] if lines else None


@cache
def expected(rung: Rung, seed: int) -> Look:
    """Return what the package gives."""
    return look(rung, PACKAGE, seed)


def diagnose(rung: Rung, found: Sequence[Look]) -> tuple[Mistake, ...]:
    """Return the mistakes that give the reader's numbers with every seed: one, or two, or none if none does."""
    # What differs from ours comes first: most mistakes are told from the reader's by the first look.
    order = sorted(range(len(found)), key=lambda seed: first_difference(expected(rung, seed), found[seed]) is None)
    known, end = mistakes_of(rung.number), time.process_time() + SECONDS
    for chosen in [*((one,) for one in known), *combinations(known, 2)]:
        if len(chosen) > 1 and time.process_time() > end:
            break
        if all((wrong := seen_by(rung, n, *chosen)) and first_difference(wrong, found[n]) is None for n in order):
            return chosen
    return ()


@lru_cache(maxsize=4_096)
def seen_by(rung: Rung, seed: int, *mistakes: Mistake) -> Look | None:
    """Return what is seen where some mistakes were made; None where they are in each other's way."""
    wrong = variant(*mistakes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return None if wrong is None else look(rung, wrong, seed)


@cache
def variant(*mistakes: Mistake) -> ModuleType | None:
    """Return the right file with mistakes made in it; None where they are in each other's way."""
    source = edited(solved(), *mistakes)
    return None if source is None else run_source(source, "my_bert.py, with mistakes")


def run_source(source: str, name: str) -> ModuleType:
    """Run the source of a module, and return it."""
    module = ModuleType("nano_bert_variant")
    module.__file__ = name
    sys.modules.setdefault(module.__name__, module)  # a dataclass looks its module up
    linecache.cache.pop(name, None)
    exec(compile(source, name, "exec"), module.__dict__)
    return module
