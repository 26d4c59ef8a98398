"""A corpus: every text has a label."""

import pytest

from nano_bert.data import Split
from nano_bert.data.corpus import make_split


def test_a_split_has_a_label_for_each_text() -> None:
    with pytest.raises(ValueError, match="Every text needs one label, got 2 texts and 1 labels"):
        Split(texts=["a", "b"], labels=[0])


def test_texts_are_parted_from_their_labels() -> None:
    assert make_split([("a", 1), ("b", 0)]) == Split(["a", "b"], [1, 0])
