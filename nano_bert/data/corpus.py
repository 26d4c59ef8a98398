"""A corpus: texts and their labels in three splits, to learn from, to choose with, and to measure on once."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Split:
    """Texts and their labels, in the same order.

    Args:
        texts: The texts.
        labels: For each text an index into the `label_names` of the corpus.

    Raises:
        ValueError: There are not as many labels as texts.

    Examples:
        >>> from nano_bert.data import Split
        >>> len(Split(texts=["the film was good"], labels=[1]))
        1
    """

    texts: list[str]
    labels: list[int]

    def __post_init__(self) -> None:
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
    """

    name: str
    label_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split


def make_split(labelled: Iterable[tuple[str, int]]) -> Split:
    """Part the texts from their labels."""
    texts, labels = zip(*labelled, strict=True)
    return Split(list(texts), list(labels))
