"""What is given is shown in one short line, whatever it is, and something of another kind is named."""

from typing import Any

import pytest

from nano_bert import WordPieceTokenizer, WordTokenizer
from nano_bert.tokenizer.check_given import check_kind, shown


class Silent:
    def __repr__(self) -> str:
        raise ValueError


def endless() -> list[Any]:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("naïve 天使", "naïve 天使"),
        ("a\x1b[31m\x07\nb\x9b\u202e\ud800", r"a\x1b[31m\x07\nb\x9b\u202e\ud800"),
        (["a", 1.5], "['a', 1.5]"),
        (ValueError("no\tgood"), r"no\tgood"),
        (10**5000, "<int>"),
        (endless(), "<list>"),
        (Silent(), "<Silent>"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        ("\x00" * 10**7, (r"\x00" * 20)[:79] + "…"),
        ("\x1b]0;owned\a\x9b2J\u202e\r", r"\x1b]0;owned\x07\x9b2J\u202e\r"),
    ],
    ids=range(11),
)
def test_a_value_is_shown_on_one_short_line(value: Any, expected: str) -> None:
    assert shown(value) == expected
    assert len(shown(value, 7)) <= 7


def test_what_is_named_is_short_and_steers_nothing() -> None:
    check_kind("tokenizer", {}, dict)
    with pytest.raises(TypeError) as caught:
        check_kind("tokenizer", "\x1b[31m" * 10**6, dict, "Open it first.")
    assert str(caught.value).startswith("tokenizer must be a dict, but it is of the type str: \\x1b[31m")
    assert str(caught.value).endswith("…. Open it first.")
    assert len(str(caught.value)) < 200
    with pytest.raises(TypeError, match=r"^tokenizer must be a dict, but it is of the type object\.$"):
        check_kind("tokenizer", object(), dict)


# What is counted, and read more than once


def test_texts_from_a_generator_are_read() -> None:
    """They can be gone through once, and were gone after the first look: an empty vocabulary."""
    texts = ["ab ab", "ab b"]
    for make in (WordTokenizer.from_texts, lambda some: WordPieceTokenizer.from_texts(some, vocab_size=20)):
        assert make(iter(texts)).vocab == make(text for text in texts).vocab == make(texts).vocab
        assert "ab" in make(iter(texts)).vocab


@pytest.mark.parametrize("wrong", [None, 3, b"ab", 1.5, {"a"}])
def test_a_text_that_is_none_is_named_by_its_number(wrong: Any, as_a_reader: None) -> None:
    for refused in (
        lambda: WordTokenizer.from_texts(["ab", wrong]),
        lambda: WordPieceTokenizer.from_texts(["ab", wrong]),
        lambda: WordTokenizer(["ab"]).encode_batch(["ab", wrong]),
        lambda: WordTokenizer(["ab"]).encode_batch(["ab", "ab"], ["ab", wrong]),
    ):
        with pytest.raises(TypeError, match=r"^A text is a string, but number 1 \(from 0\) of (texts|pairs) is"):
            refused()


@pytest.mark.parametrize("wrong", ["2", 7.5, True, None, [3]])
@pytest.mark.parametrize("name", ["vocab_size", "min_freq", "max_vocab_size"])
def test_what_counts_nothing_is_refused(name: str, wrong: Any, as_a_reader: None) -> None:
    makers: list[Any] = [WordTokenizer] if name == "max_vocab_size" else [WordPieceTokenizer]
    makers += [WordTokenizer] if name == "min_freq" else []
    for maker in makers:
        if name != "max_vocab_size" or wrong is not None:
            with pytest.raises(TypeError, match=f"^{name} is a whole number, 1 or more, but it is "):
                maker.from_texts(["ab ab"], **{name: wrong})
        with pytest.raises(ValueError, match=rf"^{name} is a whole number, 1 or more, but it is -1\."):
            maker.from_texts(["ab ab"], **{name: -1})


def test_rows_that_are_none_are_refused(as_a_reader: None) -> None:
    tokenizer = WordTokenizer(["ab"])
    for wrong in ([[1.5, 2]], [["1"]], [[1, None]]):
        with pytest.raises(TypeError, match=r"^input_ids are whole numbers, but among these is another"):
            tokenizer.pad(wrong)  # pyright: ignore
    with pytest.raises(ValueError, match=r"^Each token needs its segment"):
        tokenizer.pad([[1, 2], [1]], [[0], [0]])
    assert tokenizer.pad([[], []])["input_ids"].shape == (2, 0)
