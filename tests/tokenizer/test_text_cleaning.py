"""Normalization: every character as BERT's authors treated it, whatever Python reads the text."""

# ruff: noqa: RUF001 (letters that look alike are what many of these texts are about)

import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from nano_bert.tokenizer.text_cleaning import (
    CHINESE,
    LATER_CAPITALS,
    LATER_COMPOSED,
    LATER_LETTERS,
    CharacterTable,
    character_table,
    locate_words,
    split_words,
)

CHARACTERS = [chr(code_point) for code_point in range(sys.maxunicode + 1) if not 0xD800 <= code_point < 0xE000]
# Every fiftieth, and where rules change: the first pages of Unicode, and both ends of each of our ranges.
SPECIAL = {
    *range(0x3000),
    *(bound + step for pair in (*CHINESE, *LATER_LETTERS) for bound in pair for step in (-1, 0, 1)),
    *(letter + step for first, last, _ in LATER_CAPITALS for letter in range(first, last + 1) for step in (-1, 0, 1)),
    *LATER_COMPOSED,
}
SOME = [character for number, character in enumerate(CHARACTERS) if number % 50 == 0 or ord(character) in SPECIAL]
unicode = pytest.mark.parametrize("characters", [
    pytest.param(SOME, id="every fiftieth and all special ones"),
    pytest.param(CHARACTERS, id="all", marks=pytest.mark.slow),
])  # fmt: skip


def their_words(text: str, lower_case: bool) -> list[str]:
    normalized = BertNormalizer(lowercase=lower_case).normalize_str(text)
    return [word for word, _ in BertPreTokenizer().pre_tokenize_str(normalized)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t\n\r\u00a0\u2028\u3000", []),  # white space of all kinds
        ("a\u0000b\u0007c\u200bd\ufeffe\ufffdf\ue000g\ud800h", ["abcdefgh"]),  # control, format, private, surrogate
        ("Don't stop…now!?", ["don", "'", "t", "stop", "…", "now", "!", "?"]),
        ("1+1=2 $5 a^b ~x `y`", ["1", "+", "1", "=", "2", "$", "5", "a", "^", "b", "~", "x", "`", "y", "`"]),
        ("5€ 3×4", ["5€", "3×4"]),  # a symbol outside ASCII is no punctuation
        ("天使love愛", ["天", "使", "love", "愛"]),
        ("ひらがな 한국", ["ひらかな", unicodedata.normalize("NFD", "한국")]),
        ("ÉCOLE école E\u0301cole", ["ecole", "ecole", "ecole"]),
        ("ΟΔΥΣΣΕΥΣ", ["οδυσσευσ"]),  # letter by letter: no special sigma at the end of a word
        ("İstanbul ISPARTA ıspata", ["istanbul", "isparta", "ıspata"]),
        ("Straße ẞ ﬁlm", ["straße", "ß", "ﬁlm"]),
        ("≠", ["="]),  # an equals sign and a stroke through it
        ("\u037e", [";"]),  # the Greek question mark
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_case_and_accents_are_kept_where_they_count() -> None:
    assert split_words("ÉCOLE, İ 한국", lower_case=False) == ["ÉCOLE", ",", "İ", "한국"]


@unicode
def test_every_character_is_treated_as_in_the_tokenizers_library(as_a_reader: None, characters: list[str]) -> None:
    """With case: word by word the same, in every Python."""
    for start in range(0, len(characters), 20_000):
        text = "\n".join(f"a{character}b" for character in characters[start : start + 20_000])
        assert split_words(text, lower_case=False) == their_words(text, lower_case=False)


@unicode
def test_without_case_every_character_is_treated_so_too(as_a_reader: None, characters: list[str]) -> None:
    """Also the letters that are younger than this Python, or than the tables of the library."""
    for start in range(0, len(characters), 20_000):
        text = "\n".join(f"a{character}b" for character in characters[start : start + 20_000])
        assert split_words(text) == their_words(text, lower_case=True)


def test_ranges_are_in_order_and_apart() -> None:
    for ranges in (CHINESE, LATER_LETTERS):
        bounds = [bound for pair in ranges for bound in pair]
        assert bounds == sorted(bounds)


def test_the_table_remembers() -> None:
    table = CharacterTable(lower_case=True)
    assert table[ord("É")] == "e"
    assert dict(table) == {ord("É"): "e"}
    assert character_table(True) is character_table(True)
    assert character_table(True) is not character_table(False)


@given(st.text(), st.booleans())
def test_words_are_found_where_they_stand(text: str, lower_case: bool) -> None:
    words = list(locate_words(text, lower_case))
    assert [word for word, _ in words] == split_words(text, lower_case)
    assert all(len(word) == len(origins) for word, origins in words)
    every_origin = [origin for _, origins in words for origin in origins]
    assert every_origin == sorted(every_origin)
    for word, origins in words:
        for letter, origin in zip(word, origins, strict=True):
            assert letter in split_words(text[origin], lower_case)[0]


@pytest.mark.parametrize("text", ["a", "\u0301", " ", "天", "!", "É ", "\u0316\u0301"])
def test_time_grows_with_the_text_and_not_faster(text: str) -> None:
    """Four times the text in about four times the time; a quadratic step would take sixteen times."""

    def seconds(n_times: int) -> float:
        runs: list[float] = []
        for _ in range(3):
            start = time.process_time()
            split_words(text * n_times)
            runs.append(time.process_time() - start)
        return min(runs)

    assert seconds(400_000) < 10 * seconds(100_000) + 0.01
