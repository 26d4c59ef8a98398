"""A corpus: texts and their labels in three splits, to learn from, to choose with, and to measure on once."""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nano_bert.tokenizer.check_given import check_kind, shown


@dataclass(frozen=True)
class Split:
    """Texts and their labels, in the same order.

    Args:
        texts: The texts: a list, or what can be read as one, such as a column of pandas.
        labels: For each text an index into the `label_names` of the corpus: a list, an array or a tensor.

    Raises:
        TypeError: If a text is no string, a label no whole number, or either is no sequence.
        ValueError: If there are not as many labels as texts, or a label is below 0.

    Examples:
        >>> from nano_bert.data import Split
        >>> len(Split(texts=["the film was good"], labels=[1]))
        1
    """

    texts: list[str]
    labels: list[int]

    def __post_init__(self) -> None:
        # Whatever it came in: texts are kept as Python's own strings, and labels as its own whole numbers.
        object.__setattr__(self, "texts", _as_texts(_as_list("texts", self.texts)))
        object.__setattr__(self, "labels", _as_ids(_as_list("labels", self.labels)))
        if len(self.texts) != len(self.labels):
            raise ValueError(f"Every text needs one label, got {len(self.texts)} texts and {len(self.labels)} labels.")

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Corpus:
    """A corpus in three splits.

    Args:
        name: The name of the corpus.
        label_names: What the labels 0, 1, … mean.
        train: What a model learns from.
        validation: What one looks at while choosing a model.
        test: What one looks at once, at the end.

    Raises:
        TypeError: If `label_names` is no sequence of names.
        ValueError: If a label has no name.
    """

    name: str
    label_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split

    def __post_init__(self) -> None:
        object.__setattr__(self, "label_names", tuple(_as_texts(_as_list("label_names", self.label_names))))
        for name in ("train", "validation", "test"):
            split = getattr(self, name)
            if issubclass(type(split), Split):
                check_labels(split, len(self.label_names), f"The split {name}")
            elif name != "test":  # which may also be kept from whoever trains
                raise TypeError(f"{name} is a Split, but it is {shown(split)} ({type(split).__name__}).")


def check_labels(split: Split, n_classes: int, what: str) -> None:
    """Refuse a label for which there is no class.

    Raises:
        ValueError: If there is one.
    """
    largest = max(split.labels, default=0)
    if largest >= n_classes:
        raise ValueError(
            f"{what} has the label {largest}, but labels go from 0 to {n_classes - 1}: there are {n_classes} classes."
        )


def check_split(split: Split, n_classes: int, what: str) -> None:
    """Refuse what is no split, or an empty one, or a label for which there is no class.

    Raises:
        TypeError: If it is no split.
        ValueError: If it holds no text, or such a label.
    """
    check_kind(what, split, Split, "Split(texts, labels) makes one; a corpus has three, such as corpus.validation.")
    if len(split) == 0:
        raise ValueError(f"{what} has no text to judge: give at least one.")
    check_labels(split, n_classes, what)


def make_split(labelled: Iterable[tuple[str, int]]) -> Split:
    """Part the texts from their labels."""
    pairs = list(labelled)
    return Split([text for text, _ in pairs], [label for _, label in pairs])


def _as_list(name: str, given: Any) -> list[Any]:
    """Return the items of a list, an array, a tensor or a column."""
    if hasattr(given, "tolist"):
        given = given.tolist()  # arrays, tensors and columns: of Python's own numbers and strings
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise TypeError(
            f"{name} is a list, one entry for each text, but it is {shown(given)} ({type(given).__name__})."
        )
    return given if isinstance(given, list) else list(given)  # pyright: ignore[reportUnknownArgumentType]


def _as_texts(given: list[Any]) -> list[str]:
    for number, text in enumerate(given):
        if not isinstance(text, str):
            raise TypeError(
                f"A text is a string, but number {number} (from 0) is {shown(text)} ({type(text).__name__})."
            )
    return given if all(type(text) is str for text in given) else [str(text) for text in given]


def _as_ids(given: list[Any]) -> list[int]:
    ids: list[int] = []
    for number, label in enumerate(given):
        if isinstance(label, str):
            raise TypeError(
                f"A label is the number of a class, but number {number} (from 0) is the text {shown(label)!r}. Make "
                f"numbers of them: names = sorted(set(labels)), then labels=[names.index(name) for name in labels]."
            )
        try:
            ids.append(operator.index(label))
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(
                f"A label is a whole number, the number of a class, but number {number} (from 0) is {shown(label)} "
                f"({type(label).__name__})."
            ) from error
        if ids[-1] < 0:
            raise ValueError(
                f"A label is 0 or above, the number of a class, but number {number} (from 0) is {ids[-1]}."
            )
    return ids if any(type(label) is not int for label in given) else given
