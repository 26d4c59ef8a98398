"""Paired answers: the exact test is scipy's, the standard error that of the differences, and packing loses nothing."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from nano_bert.training.significance import Comparison, compare, pack, unpack


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_p_value_is_that_of_a_fair_coin(only_first: int, only_second: int) -> None:
    found = Comparison(only_first, only_second, 1000).p_value
    n = only_first + only_second
    expected = binomtest(only_first, n).pvalue if n else 1.0
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_thousands_of_texts_are_no_number_too_large() -> None:
    assert 0 <= Comparison(9_000, 2_000, 25_000).p_value < 1e-300
    assert Comparison(5_000, 5_000, 25_000).p_value == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_the_standard_error_is_that_of_the_mean_difference(seed: int) -> None:
    generator = random.Random(seed)
    true, first, second = ([generator.randrange(3) for _ in range(200)] for _ in range(3))
    found = compare(true, first, second)
    differences = np.array(first) == np.array(true)
    differences = differences.astype(float) - (np.array(second) == np.array(true))
    assert found.difference == pytest.approx(differences.mean())
    assert found.standard_error == pytest.approx(differences.std() / len(true) ** 0.5)
    turned = compare(true, second, first)
    assert (turned.difference, turned.p_value) == (-found.difference, found.p_value)


@given(st.data(), st.integers(1, 9))
def test_packed_answers_come_back(data: st.DataObject, n_classes: int) -> None:
    answers = data.draw(st.lists(st.integers(0, n_classes - 1), max_size=50))
    assert unpack(pack(answers, n_classes), len(answers), n_classes) == answers


def test_what_is_not_there_is_not_unpacked() -> None:
    with pytest.raises(ValueError, match=r"^8 bits were kept, but 9 answers of 1 bits each were expected\.$"):
        unpack(pack([1] * 8, 2), 9, 2)
    with pytest.raises(ValueError, match="there are 2 texts, 2 answers of the first and 1 of the second"):
        compare([0, 1], [0, 1], [1])
    with pytest.raises(ValueError, match="there are 0 texts"):
        compare([], [], [])


@pytest.mark.parametrize("answer", [2, -1, 7])
def test_an_answer_that_no_class_has_is_not_packed(answer: int) -> None:
    with pytest.raises(ValueError, match=f"^{answer} is not the id of one of 2 classes"):
        pack([0, answer], 2)
