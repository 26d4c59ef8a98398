"""Tokenizers: a text becomes a list of ids.

base              what every tokenizer does with its tokens once it has them
words             whole words (chapter 2)
wordpiece         pieces of words, as BERT has them (chapter 10)
learn_vocabulary  which pieces should a vocabulary hold?
text_cleaning     what is done to a text before it is cut into pieces
check_given       what is given is what was asked for, or a sentence says so
"""

from nano_bert.tokenizer.base import SPECIAL_TOKENS, Tokenizer
from nano_bert.tokenizer.wordpiece import WordPieceTokenizer
from nano_bert.tokenizer.words import WordTokenizer

__all__ = ["SPECIAL_TOKENS", "Tokenizer", "WordPieceTokenizer", "WordTokenizer"]
