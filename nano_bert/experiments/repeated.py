"""Repeated texts: what is in two splits of a corpus, word for word.

A text that a model has learnt from says little when the model is asked about it again. Lee et al. (2022,
https://aclanthology.org/2022.acl-long.577) found repeated texts in every collection that they looked at.
"""

from itertools import combinations

from nano_bert.data import Corpus, Split
from nano_bert.data.corpus import make_split


def count_repeated(corpus: Corpus) -> dict[str, dict[str, int]]:
    """Count the texts that two splits share, and those of them that have the same label in both.

    Args:
        corpus: Its three splits are compared, two by two.

    Examples:
        >>> from nano_bert.data import Corpus, Split
        >>> from nano_bert.experiments.repeated import count_repeated
        >>> train, validation = Split(["good film", "bad film"], [1, 0]), Split(["a film"], [0])
        >>> corpus = Corpus("toy", ("negative", "positive"), train, validation, Split(["good film"], [1]))
        >>> count_repeated(corpus)["train and test"]
        {'texts': 1, 'same label': 1}
    """
    splits = {"train": corpus.train, "validation": corpus.validation, "test": corpus.test}
    labels = {name: dict(zip(split.texts, split.labels, strict=True)) for name, split in splits.items()}
    counts: dict[str, dict[str, int]] = {}
    for one, other in combinations(splits, 2):
        both = labels[one].keys() & labels[other].keys()
        same = sum(labels[one][text] == labels[other][text] for text in both)
        counts[f"{one} and {other}"] = {"texts": len(both), "same label": same}
    return counts


def drop_repeated(corpus: Corpus) -> Split:
    """Return the test texts that are not in the training split.

    Examples:
        >>> from nano_bert.data import Corpus, Split
        >>> from nano_bert.experiments.repeated import drop_repeated
        >>> train, test = Split(["good film", "bad film"], [1, 0]), Split(["good film", "a film"], [1, 0])
        >>> drop_repeated(Corpus("toy", ("negative", "positive"), train, Split([], []), test))
        Split(texts=['a film'], labels=[0])
    """
    learnt_from = set(corpus.train.texts)
    test = zip(corpus.test.texts, corpus.test.labels, strict=True)
    return make_split((text, label) for text, label in test if text not in learnt_from)
