"""The exercises by hand: an answer that is typed is compared with a fingerprint of the right one.

The answers themselves stand in the solutions, and not here: a fingerprint says whether two are the same, and gives
neither away. Where numbers are rounded on the way, the last digit may be off by one.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

FILE = Path(__file__).with_name("answers.json")


@dataclass(frozen=True)
class Answer:
    """What an exercise asks for.

    Attributes:
        asks: What is to be typed, in words.
        decimals: To how many decimals numbers are rounded; None where words are asked for.
        count: How many things are to be typed.
        fingerprint: That of the right answer.
    """

    asks: str
    decimals: int | None
    count: int
    fingerprint: str


@cache
def known() -> dict[str, Answer]:
    """Return the exercises that have such an answer, by their number."""
    return {number: Answer(**one) for number, one in json.loads(FILE.read_text(encoding="utf-8")).items()}


def fingerprint(number: str, texts: Sequence[str]) -> str:
    """Return the fingerprint of an answer to an exercise."""
    return hashlib.sha256(f"{number}: {' '.join(texts)}".encode()).hexdigest()[:16]


def told(number: str, words: Sequence[str]) -> tuple[bool, str]:
    """Say whether an answer is right, and what there is to say of it.

    Args:
        number: The number of the exercise, such as "4.1".
        words: What was typed; nothing asks what is wanted.

    Examples:
        >>> from nano_bert.check.answers import told
        >>> told("7.1", ["-1", "-1", "1", "1"])
        (True, 'Exercise 7.1: right.')
        >>> told("7.1", ["0", "0", "1", "1"])[0]
        False
    """
    answer = known()[number]
    words = things_in(" ".join(words), answer)
    if len(words) != answer.count:
        given = f", but these are {len(words)}" if words else ""
        return False, f"Exercise {number} asks for {answer.asks}: type {answer.count} after its number{given}."
    if answer.decimals is None:
        choices = [[word.lower()] for word in words]
    else:
        try:
            choices = [around(float(word), answer.decimals) for word in words]
        except ValueError:
            return (
                False,
                f"Exercise {number} asks for numbers: {answer.asks}, such as {'0.5' if answer.decimals else '5'}.",
            )
    if any(fingerprint(number, texts) == answer.fingerprint for texts in product(*choices)):
        return True, f"Exercise {number}: right."
    digits = f" (to {answer.decimals} decimals)" if answer.decimals else ""
    return (
        False,
        f"Exercise {number}: not yet. It asks for {answer.asks}{digits}. Go through it once more, step by step.",
    )


def things_in(typed: str, answer: Answer) -> list[str]:
    """Return what was typed, one by one: a comma stands between two of them, or between the thousands of a number."""
    if answer.decimals is not None:
        typed = re.sub(r"[][()]", " ", typed.replace("\u2212", "-"))
    words = typed.replace(",", " ").split()
    return (
        words if len(words) == answer.count else re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", typed).replace(",", " ").split()
    )


def around(number: float, decimals: int) -> list[str]:
    """Return a number, rounded; where it has decimals, also its neighbours, for what was rounded on the way."""
    steps = (0, -1, 1) if decimals else (0,)
    return [f"{round(number + step / 10**decimals, decimals) + 0.0:.{decimals}f}" for step in steps]
