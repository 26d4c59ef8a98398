"""The usual mistakes, each as an edit of the right file, and what a teacher would say of it.

A mistake is told by making it: the edited file is run on the same inputs, and if its numbers are the reader's numbers,
that is the mistake. So none can be named that is not there in effect, and no code stands here twice.

They stand in `wrong/`, a file for each rung. What is wrong, why it matters, where the book tells of it; then, marked as
in a patch, what is taken out of the right file, and what is put in its place:

    The scores are not divided by anything.
    The wider a head, the larger its scores: the softmax then gives nearly all to one word, and learns slowly.
    Read: 04-attention.md, Why divide by √d?
    -  / math.sqrt(query.shape[-1])
    +

What can be made in several ways has a line `or` between them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, permutations
from pathlib import Path

WRONG = Path(__file__).with_name("wrong")


@dataclass(frozen=True)
class Mistake:
    """A mistake.

    Attributes:
        rung: The number of the rung that finds it.
        name: What is wrong, in one sentence.
        why: Why it matters, or how one comes to it.
        page: The page that tells of it.
        section: Its heading on that page.
        edits: What is changed in the right file: each text, which stands there once, and what is put in its place.
    """

    rung: int
    name: str
    why: str
    page: str
    section: str
    edits: tuple[tuple[str, str], ...]


@cache
def mistakes_of(rung: int) -> tuple[Mistake, ...]:
    """Return the mistakes that a rung knows, those that are made most often first.

    Examples:
        >>> from nano_bert.check.mistakes import mistakes_of
        >>> mistakes_of(3)[0].name
        "The scores are divided by the root of n_embed, not by the root of the head's size."
    """
    texts = [file.read_text(encoding="utf-8").strip("\n") for file in WRONG.glob(f"{rung:02}-*.txt")]
    return tuple(one for text in texts for part in text.split("\n\n") for one in parsed(rung, part))


def parsed(rung: int, text: str) -> list[Mistake]:
    """Read one mistake, in each way in which it can be made."""
    name, why, read, *lines = text.split("\n")
    place = re.fullmatch(r"Read: (\S+\.md), (.+)", read)
    if place is None:
        raise ValueError(f"The third line of a mistake is 'Read: PAGE, HEADING', but it is {read!r}.")
    ways: list[Mistake] = []
    for way in "\n".join(lines).split("\nor\n"):
        groups = groupby(way.split("\n"), key=lambda line: line[:1])
        texts = ["\n".join(line[2:] for line in group) for _, group in groups]
        ways.append(Mistake(rung, name, why, place[1], place[2], tuple(zip(texts[::2], texts[1::2], strict=True))))
    return ways


def edited(source: str, *mistakes: Mistake) -> str | None:
    """Return the right file with some mistakes made in it, in some order; None if they are in each other's way."""
    for order in permutations(mistakes):
        if (wrong := edited_in_order(source, order)) is not None:
            return wrong
    return None


def edited_in_order(source: str, mistakes: Sequence[Mistake]) -> str | None:
    """Return the right file with some mistakes made in it, one after the other; None where that cannot be.

    Raises:
        ValueError: If what the first mistake edits does not stand in the file just once.
    """
    for number, one in enumerate(mistakes):
        for right, wrong in one.edits:
            if source.count(right) != 1:
                if number:
                    return None
                raise ValueError(f"{one.name} {right!r} stands in the file {source.count(right)} times.")
            source = source.replace(right, wrong)
    return source
