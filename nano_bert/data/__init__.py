"""Texts to learn from and to be measured on (chapters 1 and 12).

corpus      texts and labels in three splits
imdb        50,000 film reviews
hatexplain  19,229 posts that may hurt
phrases     phrases that the project made itself, in which only the order of the words decides
documents   plain text to learn a language from
download    where the official files come from, and where they are kept
receive     how they come: within bounds, of bytes and of time
archive     how an archive is read, within bounds
"""

from nano_bert.data.corpus import Corpus, Split
from nano_bert.data.hatexplain import load_hatexplain
from nano_bert.data.imdb import load_imdb
from nano_bert.data.phrases import load_phrases

__all__ = ["Corpus", "Split", "load_hatexplain", "load_imdb", "load_phrases"]
