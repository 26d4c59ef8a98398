"""Normalization: before a text is cut into pieces it is cleaned and cut into words, just as BERT's authors did it.

Published weights know a word by the spelling that they were trained with, so every step must be theirs
(`BasicTokenizer` in https://github.com/google-research/bert/blob/master/tokenization.py):

1. Control characters go, and every kind of white space becomes a space.
2. Chinese characters, which are written without spaces, become words of their own.
3. Where case does not matter, "É" is taken apart into "E" and its accent, the accent goes, and "e" remains.
4. Every mark of punctuation becomes a word of its own.

Each step looks at one character at a time. So one table can hold them all: what becomes of each character.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

# Where the Chinese characters stand in Unicode. The sixth block begins at 0x2B820 in Google's code and at 0x2B920 in
# Hugging Face's. No published vocabulary holds one of these rare characters; ours follows the ids of Hugging Face.
CHINESE = (
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2B81F), (0x2B920, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)  # fmt: skip

# Unicode grows every year, and each Python knows the Unicode of its own year. The tables of Hugging Face stand still
# at Unicode 8, of 2015: an accent, a control character or a mark of punctuation that came later is a letter to them.
# These ranges hold all that came up to Unicode 18, and of the older characters only letters, so that ids do not hang
# on the Python that makes them.
LATER_LETTERS = (
    (0x5C8, 0x5C9), (0x61D, 0x61D), (0x7FD, 0x7FD), (0x890, 0x8E2), (0x9FD, 0x9FE), (0xA76, 0xA76), (0xAFA, 0xAFF),
    (0xB53, 0xB55), (0xC04, 0xC3C), (0xC77, 0xC77), (0xC84, 0xC84), (0xD00, 0xD00), (0xD3B, 0xD3C), (0xD81, 0xD81),
    (0xEBA, 0xEBA), (0xECE, 0xECE), (0x180F, 0x1886), (0x1ABF, 0x1AF0), (0x1B4E, 0x1B4F), (0x1B7D, 0x1B7F),
    (0x1DF6, 0x1DFB), (0x2E43, 0x2E63), (0xA82C, 0xA82C), (0xA8C5, 0xA8C5), (0xA8FF, 0xA8FF), (0xA9BD, 0xA9BD),
    (0x10D24, 0x10F89), (0x11070, 0x11074), (0x110C2, 0x110CD), (0x111CF, 0x111CF), (0x1123E, 0x11241),
    (0x1133B, 0x1133B), (0x113BB, 0x1145E), (0x11660, 0x1166C), (0x116B9, 0x116B9), (0x1182F, 0x11FFF),
    (0x12FF1, 0x1612F), (0x16D6D, 0x16F4F), (0x16FE2, 0x16FE4), (0x1CF00, 0x1D128), (0x1D25B, 0x1D25C),
    (0x1E000, 0x1E6F5), (0x1E944, 0x1E95F),
)  # fmt: skip
_LATER_LETTERS = frozenset(code_point for first, last in LATER_LETTERS for code_point in range(first, last + 1))

# Four characters have moved since: they were punctuation (Po) and marks without width (Mn).
OLD_CATEGORIES = {0x166D: "Po", 0x1734: "Mn", 0x1171E: "Mn", 0x111C9: "Po"}

# The same holds for small letters. Hugging Face knows those of Unicode 17, Python 3.10 those of Unicode 13. What came
# in between: the first capital of a range, the last, and how far from a capital its small letter stands.
LATER_CAPITALS = (
    (0x1C89, 0x1C89, 1), (0x2C2F, 0x2C2F, 48), (0xA7C0, 0xA7C0, 1), (0xA7CB, 0xA7CB, -42343), (0xA7CC, 0xA7CC, 1),
    (0xA7CE, 0xA7CE, 1), (0xA7D0, 0xA7D0, 1), (0xA7D2, 0xA7D2, 1), (0xA7D4, 0xA7D4, 1), (0xA7D6, 0xA7D6, 1),
    (0xA7D8, 0xA7D8, 1), (0xA7DA, 0xA7DA, 1), (0xA7DC, 0xA7DC, -42561), (0x10570, 0x1057A, 39),
    (0x1057C, 0x1058A, 39), (0x1058C, 0x10592, 39), (0x10594, 0x10595, 39), (0x10D50, 0x10D65, 32),
    (0x16EA0, 0x16EB8, 27),
)  # fmt: skip
_LATER_CAPITALS = {
    capital: capital + step for first, last, step in LATER_CAPITALS for capital in range(first, last + 1)
}

# Letters that Hugging Face does not take apart, since they came later than its tables.
LATER_COMPOSED = (
    *(0x105C9, 0x105E4, 0x11383, 0x11385, 0x1138E, 0x11391, 0x113C5, 0x113C7, 0x113C8, 0x11938),
    *range(0x16121, 0x16129),
    *range(0x16D68, 0x16D6B),
)


def split_words(text: str, lower_case: bool = True) -> list[str]:
    """Return the words of a text, cleaned.

    Args:
        text: Any text.
        lower_case: Whether "É" becomes "e".

    Examples:
        >>> from nano_bert.tokenizer.text_cleaning import split_words
        >>> split_words("Amélie isn't    dull: 天使!")
        ['amelie', 'isn', "'", 't', 'dull', ':', '天', '使', '!']
        >>> split_words("Amélie", lower_case=False)
        ['Amélie']
    """
    return text.translate(character_table(lower_case)).split()


def locate_words(text: str, lower_case: bool = True) -> Iterator[tuple[str, list[int]]]:
    """Yield the words of a text, cleaned, and where in the text each of their characters comes from.

    Examples:
        >>> from nano_bert.tokenizer.text_cleaning import locate_words
        >>> list(locate_words("Oh, Zoë"))
        [('oh', [0, 1]), (',', [2]), ('zoe', [4, 5, 6])]
    """
    table = character_table(lower_case)
    origins = [index for index, character in enumerate(text) for _ in table[ord(character)]]
    for word in re.finditer(r"\S+", text.translate(table)):
        yield word.group(), origins[word.start() : word.end()]


class CharacterTable(dict[int, str]):
    r"""What becomes of each character: nothing, a space, a letter or several, or a word of its own between spaces.

    The table fills itself: a character is looked into when it is met for the first time.

    Args:
        lower_case: Whether "É" becomes "e".

    Examples:
        >>> from nano_bert.tokenizer.text_cleaning import CharacterTable
        >>> table = CharacterTable(lower_case=True)
        >>> [table[ord(character)] for character in "É\t!天"]
        ['e', ' ', ' ! ', ' 天 ']
    """

    def __init__(self, lower_case: bool) -> None:
        super().__init__()
        self.lower_case = lower_case

    def __missing__(self, code_point: int) -> str:
        self[code_point] = self._normalize(chr(code_point))
        return self[code_point]

    def _normalize(self, character: str) -> str:
        kind = category(character)
        if character in "\t\n\r" or kind.startswith("Z"):
            return " "
        if kind in ("Cc", "Cf", "Co", "Cs") or character == "\ufffd":
            return ""  # control characters and their like; the last one stands where a text was decoded wrongly
        letters = character
        if self.lower_case:
            # NFD writes a letter and its accents one after the other. An accent is a mark without a width: Mn.
            parts = character if ord(character) in LATER_COMPOSED else unicodedata.normalize("NFD", character)
            letters = "".join(small_letter(part) for part in parts if category(part) != "Mn")
        return "".join(f" {letter} " if stands_alone(letter) else letter for letter in letters)


@cache
def character_table(lower_case: bool) -> CharacterTable:
    """Return the one table for all texts, so that a character is looked into once."""
    return CharacterTable(lower_case)


def stands_alone(character: str) -> bool:
    """Return whether a character is a word of its own: punctuation, any other sign of ASCII, or Chinese."""
    if character.isascii():
        return not character.isalnum()  # "$", "+" and "^" are symbols to Unicode; BERT calls them punctuation
    is_chinese = any(first <= ord(character) <= last for first, last in CHINESE)
    return is_chinese or category(character).startswith("P")


def small_letter(character: str) -> str:
    """Return a character in lower case, in Unicode 17.

    Examples:
        >>> from nano_bert.tokenizer.text_cleaning import small_letter
        >>> small_letter("É"), small_letter("Ⱟ")  # a letter of 2021
        ('é', 'ⱟ')
    """
    return chr(_LATER_CAPITALS[ord(character)]) if ord(character) in _LATER_CAPITALS else character.lower()


def category(character: str) -> str:
    """Return the general category of a character in Unicode 8, such as "Lu", "Mn" or "Po".

    Examples:
        >>> from nano_bert.tokenizer.text_cleaning import category
        >>> category("A"), category("?"), category("⹃")  # a dash of 2016
        ('Lu', 'Po', 'Lo')
    """
    if ord(character) in _LATER_LETTERS:
        return "Lo"
    return OLD_CATEGORIES.get(ord(character)) or unicodedata.category(character)
