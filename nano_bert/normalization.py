"""Normalization: before anything is cut into pieces, a text is cleaned and cut into words, as BERT's authors did it.

Published weights know a word only by the spelling that they were trained with, so every step must be theirs
(`BasicTokenizer` in https://github.com/google-research/bert/blob/master/tokenization.py):

1. control characters go, and every kind of white space becomes a space;
2. Chinese characters, which are written without spaces, become words of their own;
3. where case does not count, "É" is taken apart into "E" and its accent, the accent goes, and "e" remains;
4. every mark of punctuation becomes a word of its own.

All four look at one character at a time. So they fit in one table, which says for each character what becomes of it.
"""

import re
import unicodedata
from functools import cache

# The blocks of Chinese characters. In the fifth, Google's code starts at 2B820 and Hugging Face's at 2B920 (a slip of
# the pen, about rare characters that no published vocabulary holds): here it is the second, whose ids we want.
CHINESE = (
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2B81F), (0x2B920, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)  # fmt: skip

# Unicode grows every year, and each Python comes with the Unicode of its year. The tables that published vocabularies
# are read with stand still at Unicode 8 of 2015: what was added later is to them a letter like any other. Between these
# bounds stand all later accents, marks of punctuation and control characters (those up to Unicode 18).
LATER_LETTERS = (
    (0x5C8, 0x5C9), (0x61D, 0x61D), (0x7FD, 0x7FD), (0x890, 0x8E2), (0x9FD, 0x9FE), (0xA76, 0xA76), (0xAFA, 0xAFF),
    (0xB53, 0xB55), (0xC04, 0xC04), (0xC3C, 0xC3C), (0xC77, 0xC77), (0xC84, 0xC84), (0xD00, 0xD00), (0xD3B, 0xD3C),
)  # fmt: skip

# And a few characters have changed their category since: these are the old ones.
OLD_CATEGORIES = {0x166D: "Po", 0x1734: "Mn", 0x1171E: "Mn", 0x111C9: "Po"}
