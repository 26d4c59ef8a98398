"""Training WordPiece: every merge as if all pairs were counted anew, and pieces that spell well."""

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import BertWordPieceTokenizer

from nano_bert.tokenizer.base import SPECIAL_TOKENS
from nano_bert.tokenizer.learn_vocabulary import Merge, join, learn_merges, learn_vocabulary, spell
from nano_bert.tokenizer.text_cleaning import split_words
from nano_bert.tokenizer.wordpiece import WordPieceTokenizer

HUGS = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}  # the example of the Hugging Face course
PAGES = [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parents[2] / "docs").glob("*.md"))]

words = st.dictionaries(st.text("abc", min_size=1, max_size=6), st.integers(1, 9), max_size=12)


# A score of a pair, from its count, the counts of its two pieces, and that of all pieces.
def by_count(pair: int, left: int, right: int, total: int) -> float:
    return pair


def by_ratio(pair: int, left: int, right: int, total: int) -> float:
    return pair / (left * right)


def by_likelihood(pair: int, left: int, right: int, total: int) -> float:
    return pair * math.log(pair * total / (left * right))


def merges_counted_anew(
    counts: Mapping[str, int], score: Callable[[int, int, int, int], float], min_freq: int = 2
) -> Iterator[Merge]:
    """Training as a page of a book would have it: count all, join the best pair, count all."""
    spelt = {word: spell(word) for word in counts}
    while True:
        pieces, pairs = Counter[str](), Counter[tuple[str, str]]()
        for word, count in counts.items():
            for piece in spelt[word]:
                pieces[piece] += count
            for pair in pairwise(spelt[word]):
                pairs[pair] += count
        scores = {
            (left, right): score(count, pieces[left], pieces[right], pieces.total())
            for (left, right), count in pairs.items()
            if count >= min_freq
        }
        if not scores:
            return
        best = min(scores, key=lambda pair: (-scores[pair], pair))
        merge = Merge(*best, pairs[best])
        yield merge
        spelt = {word: join(spelt[word], merge) for word in counts}


def pieces_per_word(vocab: list[str], texts: list[str]) -> float:
    """Count pieces; a word that is unknown as a whole counts as many as it has letters."""
    tokenizer = WordPieceTokenizer(vocab)
    found = [word for text in texts for word in split_words(text)]
    pieces = [tokenizer.split_word(word) for word in found]
    return sum(len(word) if cut == ["[UNK]"] else len(cut) for word, cut in zip(found, pieces, strict=True)) / len(
        found
    )


@given(words, st.integers(1, 4))
def test_merges_are_those_of_counting_anew(counts: dict[str, int], min_freq: int) -> None:
    assert list(learn_merges(counts, min_freq)) == list(merges_counted_anew(counts, by_count, min_freq))


def test_first_merges_by_hand() -> None:
    assert list(islice(learn_merges(HUGS), 3)) == [
        Merge("##u", "##g", 20),
        Merge("##u", "##n", 16),
        Merge("h", "##ug", 15),
    ]
    assert next(merges_counted_anew(HUGS, by_ratio)).piece == "##gs"  # as the course has it


def test_no_frequency_means_any_pair_that_occurs() -> None:
    assert list(learn_merges({"abc": 1}, min_freq=0)) == [Merge("##b", "##c", 1), Merge("a", "##bc", 1)]


def test_the_vocabulary_is_special_tokens_letters_and_merges() -> None:
    assert learn_vocabulary(["Hug hug, hugs"], vocab_size=100) == [
        *SPECIAL_TOKENS, ",", "h", "##g", "##s", "##u", "##ug", "hug",
    ]  # fmt: skip
    assert learn_vocabulary(["Hug hug"], 100, min_freq=1, lower_case=False, special_tokens=["<a>"]) == [
        "<a>", "H", "h", "##g", "##u", "##ug", "Hug", "hug",
    ]  # fmt: skip


@given(st.lists(st.text("abc é,")), st.integers(1, 8))
def test_the_vocabulary_is_no_larger_than_asked_and_holds_nothing_twice(texts: list[str], more: int) -> None:
    letters = learn_vocabulary(texts, vocab_size=100, min_freq=1000)
    vocab = learn_vocabulary(texts, vocab_size=len(letters) + more)
    assert vocab[: len(letters)] == letters
    assert len(set(vocab)) == len(vocab) <= len(letters) + more
    assert learn_vocabulary(texts[::-1], vocab_size=len(letters) + more) == vocab  # the order of the texts is nothing
    tokenizer = WordPieceTokenizer(vocab)
    assert all(tokenizer.unk_id not in tokenizer.token_ids(text) for text in texts)


def test_rare_characters_become_unknown() -> None:
    texts = ["a a a b b 天"]
    assert learn_vocabulary(texts, 100, max_alphabet=2)[5:] == ["a", "b"]
    tokenizer = WordPieceTokenizer(learn_vocabulary(["ab ab ab aé b"], 100, lower_case=False, max_alphabet=2))
    assert tokenizer.lower_case
    assert tokenizer.id_to_token[5:] == ["a", "b", "##b", "ab"]


def test_settings_reach_a_tokenizer_made_from_texts() -> None:
    special = ("<p>", "<c>", "<s>", "<u>", "<m>")
    tokenizer = WordPieceTokenizer.from_texts(
        ["AB ab ab"], 12, 2, max_seq_len=9, lower_case=False, truncation="tail", special_tokens=special
    )
    assert (tokenizer.max_seq_len, tokenizer.lower_case, tokenizer.truncation) == (9, False, "tail")
    assert tokenizer.id_to_token == [*special, "A", "a", "##B", "##b", "ab"]


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        ({"texts": "the film"}, TypeError, "texts is a list of texts, but it is one string"),
        ({"vocab_size": 7}, ValueError, "vocab_size=7 is too small: the special tokens and the letters .* already 12"),
    ],
)
def test_wrong_settings_are_refused(as_a_reader: None, wrong: dict[str, Any], error: type, sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        learn_vocabulary(**{"texts": ["the film"], "vocab_size": 50, **wrong})


# Good pieces


def test_counts_spell_new_words_with_fewer_pieces_than_the_ratio(as_a_reader: None) -> None:
    """Trained on half the pages of this book, tried on some others; likelihood does about as well as counting."""
    counts = Counter(word for page in PAGES[::2] for word in split_words(page))
    counts = Counter({word: count for word, count in counts.items() if count > 8})  # all are counted anew 300 times
    letters = sorted({letter for word in counts for letter in spell(word)})
    needed: dict[str, float] = {}
    for score in (by_count, by_likelihood, by_ratio):
        merges = islice(merges_counted_anew(counts, score), 100)
        vocab = dict.fromkeys([*SPECIAL_TOKENS, *letters, *(merge.piece for merge in merges)])
        needed[score.__name__] = pieces_per_word(list(vocab), PAGES[1::6])
    assert needed["by_count"] < 0.8 * needed["by_ratio"]
    assert needed["by_count"] < 1.05 * needed["by_likelihood"]


def test_the_vocabulary_is_nearly_that_of_the_tokenizers_library(as_a_reader: None) -> None:
    """Pairs that are equally frequent come in another order, so the last pieces that find room differ."""
    ours = learn_vocabulary(PAGES[::2], vocab_size=1000)
    oracle = BertWordPieceTokenizer(lowercase=True)
    special = list(SPECIAL_TOKENS)
    oracle.train_from_iterator(PAGES[::2], 1000, min_frequency=2, special_tokens=special, show_progress=False)
    theirs = oracle.get_vocab()
    assert len(theirs.keys() & set(ours)) > 800
    assert pieces_per_word(ours, PAGES[1::2]) == pytest.approx(pieces_per_word(list(theirs), PAGES[1::2]), rel=0.02)
    tokenizer = WordPieceTokenizer(sorted(theirs, key=lambda piece: theirs[piece]))
    for page in PAGES:
        assert tokenizer.token_ids(page) == oracle.encode(page, add_special_tokens=False).ids


def test_a_merge_cuts_anew_only_the_words_that_hold_its_pair(
    as_a_reader: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This makes training quick: a thousand merges would cut every word a thousand times."""
    counts = Counter(word for page in PAGES for word in split_words(page))
    changed: list[bool] = []

    def noting(pieces: Sequence[str], merge: Merge) -> list[str]:
        joined = join(pieces, merge)
        changed.append(len(joined) < len(pieces))
        return joined

    monkeypatch.setattr(sys.modules[Merge.__module__], "join", noting)
    assert len(list(islice(learn_merges(counts), 1000))) == 1000
    assert sum(changed) > 0.7 * len(changed), "few words lost the pair to an earlier merge"
    assert len(changed) < 0.01 * 1000 * len(counts)
