"""Encoding: pairs are cut as Hugging Face cuts them, rows are filled up, and every token knows its segment."""

import pytest
import torch
from tokenizers import Tokenizer as HuggingFaceTokenizer
from tokenizers import models, pre_tokenizers, processors

from nano_bert import WordTokenizer

WORDS = [f"w{number}" for number in range(12)]
PAD, CLS, SEP = range(3)


def oracle(max_length: int | None, direction: str = "right") -> HuggingFaceTokenizer:
    """The tokenizer of the `tokenizers` library with our vocabulary, and BERT's rows."""
    tokenizer = HuggingFaceTokenizer(models.WordLevel(WordTokenizer(WORDS).vocab, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", SEP), ("[CLS]", CLS))
    if max_length:
        tokenizer.enable_truncation(max_length, strategy="longest_first", direction=direction)
    return tokenizer


@pytest.mark.parametrize(("truncation", "direction"), [("head", "right"), ("tail", "left")])
@pytest.mark.parametrize("max_seq_len", [None, *range(4, 13)])
def test_pairs_are_cut_as_hugging_face_cuts_them(max_seq_len: int | None, truncation: str, direction: str) -> None:
    """All lengths of both texts up to nine words: ids and segments."""
    ours, theirs = WordTokenizer(WORDS, truncation=truncation), oracle(max_seq_len, direction)
    ours.max_seq_len = max_seq_len
    for n_first in range(10):
        for n_second in range(10):
            first, second = " ".join(WORDS[:n_first]), " ".join(WORDS[-n_second:] if n_second else [])
            expected = theirs.encode(first, second)
            assert ours.join(ours.token_ids(first), ours.token_ids(second)) == (expected.ids, expected.type_ids)
            assert ours.encode(first, second) == expected.ids
            assert ours.encode(first) == theirs.encode(first).ids


def test_the_shortest_row_holds_no_word_of_a_pair() -> None:
    tokenizer = WordTokenizer(WORDS, max_seq_len=3)
    assert tokenizer.encode("w0 w1", "w2") == [CLS, SEP, SEP]
    assert tokenizer.encode("w0 w1") == [CLS, 5, SEP]


def test_both_ends_are_kept_of_each_text() -> None:
    tokenizer = WordTokenizer(WORDS, max_seq_len=15, truncation="both")
    ids, segments = tokenizer.join(list(range(100, 120)), list(range(200, 220)))
    assert ids == [CLS, 100, 101, 116, 117, 118, 119, SEP, 200, 201, 216, 217, 218, 219, SEP]
    assert segments == [0] * 8 + [1] * 7


def test_a_short_text_leaves_its_room_to_the_long_one() -> None:
    tokenizer = WordTokenizer(WORDS, max_seq_len=10)
    for ids, pair in (([100], list(range(200, 220))), (list(range(200, 220)), [100])):
        row, _ = tokenizer.join(ids, pair)
        assert sorted(row) == [CLS, SEP, SEP, 100, *range(200, 206)]


def test_a_batch_of_pairs_knows_its_segments() -> None:
    tokenizer = WordTokenizer(WORDS)
    batch = tokenizer.encode_batch(["w0", "w1 w2"], ["w3 w4", "w5 w6 w7"])
    assert {name: column.tolist() for name, column in batch.items()} == {
        "input_ids": [[CLS, 5, SEP, 8, 9, SEP, PAD, PAD], [CLS, 6, 7, SEP, 10, 11, 12, SEP]],
        "attention_mask": [[1, 1, 1, 1, 1, 1, 0, 0], [1] * 8],
        "token_type_ids": [[0, 0, 0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1]],
    }
    assert all(column.dtype == torch.long for column in batch.values())


def test_a_batch_of_single_texts_has_no_segments() -> None:
    batch = WordTokenizer(WORDS).encode_batch(["w0", "w1 w2"])
    assert batch.keys() == {"input_ids", "attention_mask"}
    assert batch["input_ids"].tolist() == [[CLS, 5, SEP, PAD], [CLS, 6, 7, SEP]]


def test_a_pair_with_an_empty_text_is_still_a_pair() -> None:
    batch = WordTokenizer(WORDS).encode_batch(["", "w0"], ["w1", ""])
    assert batch["input_ids"].tolist() == [[CLS, SEP, 6, SEP], [CLS, 5, SEP, SEP]]
    assert batch["token_type_ids"].tolist() == [[0, 0, 1, 1], [0, 0, 0, 1]]


def test_nothing_is_cut_and_nothing_filled_up_without_a_longest_text() -> None:
    tokenizer = WordTokenizer(WORDS)
    tokenizer.max_seq_len = None
    text = "w1 " * 1000
    assert len(tokenizer.encode(text)) == len(tokenizer(text)) == 1002
    assert len(tokenizer.encode(text, text)) == 2003
    assert tokenizer("w1").tolist() == [CLS, 6, SEP]


def test_rows_of_nothing_are_whole_numbers_too() -> None:
    assert WordTokenizer(WORDS).pad([[], []])["input_ids"].dtype == torch.long


def test_what_cannot_be_a_batch(as_a_reader: None) -> None:
    tokenizer = WordTokenizer(WORDS)
    with pytest.raises(ValueError, match="Each text needs its pair, but there are 2 texts and 1 pairs"):
        tokenizer.encode_batch(["w0", "w1"], ["w2"])
    with pytest.raises(TypeError, match="pairs is a list of texts, but it is one string"):
        tokenizer.encode_batch(["w0", "w1"], "w2")
    with pytest.raises(TypeError, match="texts is a list of texts, but it is one string"):
        tokenizer.encode_batch("w0")
    for pairs in (None, []):
        with pytest.raises(ValueError, match="An empty batch has no ids"):
            tokenizer.encode_batch([], pairs)


@pytest.mark.parametrize("max_seq_len", [2, 0, -1])
def test_no_room_for_a_word(max_seq_len: int) -> None:
    with pytest.raises(ValueError, match=f"max_seq_len={max_seq_len} leaves no room for a word"):
        WordTokenizer(WORDS, max_seq_len=max_seq_len)


def test_ids_that_no_token_has() -> None:
    tokenizer = WordTokenizer(WORDS)
    tokenizer.check_id(0)
    tokenizer.check_id(16)
    for wrong in (-1, 17):
        with pytest.raises(ValueError, match=f"{wrong} is not an id of this vocabulary: ids go from 0 to 16"):
            tokenizer.check_id(wrong)
