"""Significance: two models answered the same texts. Does one of them know more, or was it luck?

Most texts are easy for both models, or hard for both, and say nothing about which is better. Those that only one of
them has right are like tosses of a coin: if both are equally good, each falls to either side half of the time. How
rarely a fair coin falls as unevenly as this is McNemar's test (McNemar, 1947, https://doi.org/10.1007/BF02295996;
Dietterich, 1998, https://doi.org/10.1162/089976698300017197, recommends it for classifiers that are trained once).

It needs the answer for every text, so the run records keep them, packed into a line.
"""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Comparison:
    """What two models have right, text by text.

    Attributes:
        only_first: Texts that the first has right and the second has wrong.
        only_second: Texts that the second has right and the first has wrong.
        n_texts: All texts.
    """

    only_first: int
    only_second: int
    n_texts: int

    @property
    def difference(self) -> float:
        """The accuracy of the first less that of the second."""
        return (self.only_first - self.only_second) / self.n_texts

    @property
    def standard_error(self) -> float:
        """The standard error of the difference, were the texts drawn anew and the models kept (0 to 1)."""
        unequal = self.only_first + self.only_second
        return math.sqrt(unequal / self.n_texts - self.difference**2) / math.sqrt(self.n_texts)

    @property
    def p_value(self) -> float:
        """How often a fair coin falls at least as unevenly, to either side: the exact form of McNemar's test."""
        n, fewer = self.only_first + self.only_second, min(self.only_first, self.only_second)
        tail, ways = 0, 1  # ways in which `k` of `n` tosses fall to one side
        for k in range(fewer + 1):
            tail += ways
            ways = ways * (n - k) // (k + 1)
        return min(1.0, 2 * tail / 2**n)


def compare(true: Sequence[int], first: Sequence[int], second: Sequence[int]) -> Comparison:
    """Compare the answers of two models to the same texts.

    Args:
        true: The true class of each text, as an id.
        first: The answers of the first model.
        second: The answers of the second.

    Raises:
        ValueError: If there are no texts, or not an answer of both for each.

    Examples:
        >>> from nano_bert.training.significance import compare
        >>> found = compare(true=[1, 1, 1, 1, 0, 0], first=[1, 1, 1, 1, 0, 1], second=[0, 0, 0, 0, 0, 0])
        >>> found.only_first, found.only_second
        (4, 1)
        >>> round(found.difference, 3), round(found.p_value, 3)  # five tosses, four heads: nothing unusual
        (0.5, 0.375)
    """
    if not len(true) == len(first) == len(second) or len(true) == 0:
        raise ValueError(
            f"Each text needs an answer of both models, but there are {len(true)} texts, {len(first)} answers of the "
            f"first and {len(second)} of the second."
        )
    right = [(one == truth, other == truth) for truth, one, other in zip(true, first, second, strict=True)]
    return Comparison(right.count((True, False)), right.count((False, True)), len(true))


def pack(answers: Sequence[int], n_classes: int) -> str:
    """Write answers down in as few bits as they need, as letters and digits (base64).

    Args:
        answers: The id of a class for each text.
        n_classes: How many classes there are: two need a bit, three or four need two.

    Raises:
        ValueError: If an answer is no id of a class.

    Examples:
        >>> from nano_bert.training.significance import pack, unpack
        >>> pack([0, 1, 1, 0, 2], n_classes=3)
        'FIA='
        >>> unpack('FIA=', n_texts=5, n_classes=3)
        [0, 1, 1, 0, 2]
    """
    for answer in answers:
        if not 0 <= answer < n_classes:
            raise ValueError(f"{answer} is not the id of one of {n_classes} classes, counted from 0.")
    bits = [[answer >> place & 1 for place in reversed(range(_n_bits(n_classes)))] for answer in answers]
    return base64.b64encode(np.packbits(np.array(bits, dtype=np.uint8)).tobytes()).decode()


def unpack(packed: str, n_texts: int, n_classes: int) -> list[int]:
    """Return the answers that `pack` wrote down.

    Raises:
        ValueError: If there are not so many.
    """
    n_bits = _n_bits(n_classes)
    bits = np.unpackbits(np.frombuffer(base64.b64decode(packed, validate=True), dtype=np.uint8))
    if not n_texts * n_bits <= len(bits) < n_texts * n_bits + 8:
        raise ValueError(f"{len(bits)} bits were kept, but {n_texts} answers of {n_bits} bits each were expected.")
    rows = bits[: n_texts * n_bits].reshape(n_texts, n_bits)
    return [int(answer) for answer in rows @ (1 << np.arange(n_bits)[::-1])]


def _n_bits(n_classes: int) -> int:
    return max(1, (n_classes - 1).bit_length())
