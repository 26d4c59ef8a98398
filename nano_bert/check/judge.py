"""The judge: looks at a rung, finds the first number that differs, and finds out which mistake it is.

To name a mistake, the usual ones are made in the right file, one after the other, then two at a time. The one whose
numbers are the reader's numbers, with every seed, is theirs. If none is, one that gives what differs first is theirs
as well, and there is another behind it.
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
from nano_bert.check.compare import Look, Stop, first_difference, said, same
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
        maybe: Whether they give only what differs first: it may be them, but there is more, or it is something else.
    """

    number: int
    state: str
    says: str = ""
    mistakes: tuple[tuple[str, str, str, str], ...] = ()
    maybe: bool = False

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
            yield Report(rung.number, "waits", says, below.mistakes, below.maybe)

    def report(self, rung: Rung) -> Report:
        """Judge one rung, once."""
        if rung.number not in self.reports:
            with self.watch(rung.number):
                found, way = self.looks(rung)
            self.reports[rung.number] = self.judged(rung, found, way)
        return self.reports[rung.number]

    def looks(self, rung: Rung) -> tuple[list[Look], int]:
        """Look with each seed, up to the first difference; where weights fit in several ways, in the best of them.

        Returns:
            What was seen, and the number of the way.
        """
        best: list[Look] = []
        best_way, way, n_ways, farthest = 0, 0, 1, (-1, -1)
        while way < min(n_ways, MOST_WAYS):
            found: list[Look] = []
            for seed in range(rung.seeds):
                found.append(look(rung, self.parts, seed, way))
                n_ways = max(n_ways, found[-1].n_ways)
                place = first_difference(expected(rung, seed), found[-1])
                if place is not None:
                    break
            else:
                return found, way
            if (len(found), place) > farthest:
                best, best_way, farthest = found, way, (len(found), place)
            way += 1
        return best, best_way

    def judged(self, rung: Rung, found: list[Look], way: int) -> Report:
        """Say what there is to say of what was seen."""
        ours, theirs = expected(rung, len(found) - 1), found[-1]
        place = first_difference(ours, theirs)
        if place is None:
            return Report(rung.number, "passed")
        is_stop = theirs.stop is not None and place == len(theirs.seen)
        if theirs.stop and is_stop and theirs.stop.kind == "NotImplementedError":
            where = f" (line {theirs.stop.line})" if theirs.stop.line else ""
            return Report(rung.number, "to do", f"{theirs.stop.message or 'A part'} is still to be written{where}.")
        shown = len(found) - 1
        with self.watch(rung.number):
            found = [*found, *(look(rung, self.parts, seed, way) for seed in range(len(found), rung.seeds - 1))]
            again = look(rung, self.parts, 0, way, dice=99)
        is_random = not is_stop and rung.name != "masking" and first_difference(found[0], again) is not None
        chosen = diagnose(rung, found, shown)
        maybe = len(chosen) == 1 and not all(gives(chosen, rung, found, seed) for seed in range(len(found)))
        says = said(ours, theirs, place, self.file, is_known=bool(chosen))
        if is_random and not chosen:
            says += (
                " And the next time it gives other numbers: something random is at work, such as dropout, or weights "
                "that stayed as they began (strict=False says nothing of them)."
            )
        return Report(rung.number, "failed", says, tuple((m.name, m.why, m.page, m.section) for m in chosen), maybe)


def look(rung: Rung, parts: Any, seed: int, way: int = 0, dice: int = 0, like: Look | None = None) -> Look:
    """Let the probe of a rung look at some parts once.

    Args:
        rung: The rung.
        parts: The reader's file, a wrong variant, or the package.
        seed: Of all that goes in.
        way: How weights are fitted into parts with names of their own.
        dice: Seed of what is random in the part itself, such as dropout that was not switched off.
        like: Another look: this one ends at the first thing that differs from it.
    """
    torch.manual_seed(dice)
    bench = Bench(parts, seed, way)
    seen: list[Seen] = []
    stop: Stop | None = None
    try:
        for one in probe_of(rung)(bench):
            if isinstance(one.value, Tensor):
                one = Seen(one.name, one.value.detach().clone(), one.tolerance, one.value.requires_grad)
            seen.append(one)
            if like is not None and (len(seen) > len(like.seen) or not same(like.seen[len(seen) - 1], one)):
                break  # pairs of mistakes are many, and most of them differ at once
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


def diagnose(rung: Rung, found: Sequence[Look], shown: int) -> tuple[Mistake, ...]:
    """Return the mistakes that give the reader's numbers with every seed: one, or two.

    If none do, return one that gives at least what differs first, also in the look that is shown; or else nothing.
    """
    # What differs from ours comes first: most mistakes are told from the reader's by the first look.
    places = [first_difference(expected(rung, seed), look) for seed, look in enumerate(found)]
    order = sorted(range(len(found)), key=lambda seed: places[seed] is None)
    known, end = mistakes_of(rung.number), time.process_time() + SECONDS
    for one in known:
        if all(gives((one,), rung, found, seed) for seed in order):
            return (one,)
    # How often each gives at least what differs first. The time that is reported must be among them: whole tensors, and
    # what Python says where it stops, agree by no chance. Of a yes or no, or one number, half of the times must be.
    hits = {one: [gives((one,), rung, found, seed, places[seed]) for seed in range(len(found))] for one in known}
    is_sure = not any(is_one_number(one.value) for one in found[shown].seen[places[shown] :][:1])
    first = [one for one in known if hits[one][shown] and (is_sure or 2 * sum(hits[one]) >= len(found))]
    first.sort(key=lambda one: -sum(hits[one]))
    # Pairs in which one gives that come first; then those whose two differ from ours where the reader's does.
    elsewhere = {one: not differs_at(one, rung, shown, places[shown]) for one in known}
    pairs = [pair for pair in combinations(known, 2) if pair[0].name != pair[1].name]
    for pair in sorted(pairs, key=lambda pair: (not set(pair) & set(first), sum(elsewhere[one] for one in pair))):
        if time.process_time() > end:
            break
        if all(gives(pair, rung, found, seed) for seed in order):
            return pair
    return tuple(first[:1])


def gives(chosen: tuple[Mistake, ...], rung: Rung, found: Sequence[Look], seed: int, upto: int | None = None) -> bool:
    """Say whether some mistakes give what the reader's file gives; up to a place, or all of it."""
    wrong = seen_by(rung, seed, *chosen) if len(chosen) == 1 else seen_until(rung, chosen, seed, found[seed])
    if wrong is None:
        return False
    place = first_difference(wrong, found[seed])
    return place is None or (upto is not None and place > upto)


def is_one_number(value: Any) -> bool:
    """Say whether something is so little that two mistakes may agree on it by chance."""
    return isinstance(value, bool | int | float) or (isinstance(value, Tensor) and value.numel() == 1)


def differs_at(one: Mistake, rung: Rung, seed: int, place: int | None) -> bool:
    """Say whether a place is where a mistake differs first from ours."""
    wrong = seen_by(rung, seed, one)
    return wrong is not None and first_difference(expected(rung, seed), wrong) == place


@lru_cache(maxsize=4_096)
def seen_by(rung: Rung, seed: int, *mistakes: Mistake) -> Look | None:
    """Return what is seen where some mistakes were made; None where they are in each other's way."""
    return seen_until(rung, mistakes, seed)


def seen_until(rung: Rung, mistakes: Sequence[Mistake], seed: int, like: Look | None = None) -> Look | None:
    """Return the same, not kept, and only as far as it is like another look."""
    wrong = variant(*mistakes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return None if wrong is None else look(rung, wrong, seed, like=like)


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
