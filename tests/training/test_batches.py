"""Batches: every text once, no more padding than needed, and all randomness from one seed."""

import copy
from itertools import pairwise

import pytest
import torch

from nano_bert import WordTokenizer
from nano_bert.training.batches import drop_words, training_batches

TOKENIZER = WordTokenizer([str(number) for number in range(100)], max_seq_len=12)
FIRST = TOKENIZER.vocab["0"]
WORD_IDS = [list(range(FIRST + index, FIRST + index + 1 + index % 7)) for index in range(23)]  # 1 to 7 words
LABELS = [index % 2 for index in range(23)]

Batch = tuple[dict[str, torch.Tensor], torch.Tensor]


def batches(batch_size: int = 4, seed: int = 0, word_dropout: float = 0.0) -> list[Batch]:
    generator = torch.Generator().manual_seed(seed)
    return list(training_batches(WORD_IDS, LABELS, TOKENIZER, batch_size, generator, word_dropout))


def rows(found: list[Batch]) -> list[tuple[list[int], int]]:
    """Return each text, its filling taken away, with its label."""
    return [
        (ids[: int(mask.sum())].tolist(), int(label))
        for inputs, labels in found
        for ids, mask, label in zip(inputs["input_ids"], inputs["attention_mask"], labels, strict=True)
    ]


def share_of_words(word_dropout: float) -> float:
    """Return the share of 10,000 words that is still there."""
    words = list(range(10_000))
    [kept] = drop_words([words], word_dropout, torch.Generator().manual_seed(0))
    assert sorted(set(kept)) == list(kept), "the order stays, and nothing is put in the gaps"
    return len(kept) / len(words)


@pytest.mark.parametrize("batch_size", [1, 4, 23, 100])
def test_every_text_comes_once_with_its_own_label(batch_size: int) -> None:
    expected = [(TOKENIZER.add_special_tokens(ids), label) for ids, label in zip(WORD_IDS, LABELS, strict=True)]
    assert sorted(rows(batches(batch_size))) == sorted(expected)


def test_one_batch_holds_what_is_left() -> None:
    assert sorted(len(labels) for _, labels in batches(batch_size=10)) == [3, 10, 10]


def test_texts_of_like_length_go_together() -> None:
    """Sorted within a pool: no batch of it overlaps in length with another, and the batches come in any order."""
    lengths = [inputs["attention_mask"].sum(dim=1).tolist() for inputs, _ in batches(batch_size=4)]
    in_order = sorted(lengths, key=max)
    assert all(max(shorter) <= min(longer) for shorter, longer in pairwise(in_order))
    assert lengths != in_order


def test_a_batch_is_as_wide_as_its_longest_text() -> None:
    found = batches()
    for inputs, _ in found:
        assert inputs["input_ids"].shape[1] == inputs["attention_mask"].sum(dim=1).max()
        assert torch.equal(inputs["attention_mask"] == 0, inputs["input_ids"] == TOKENIZER.pad_id)
    assert len({inputs["input_ids"].shape[1] for inputs, _ in found}) > 1


def test_the_seed_decides_everything() -> None:
    assert rows(batches(seed=1, word_dropout=0.3)) == rows(batches(seed=1, word_dropout=0.3))
    assert rows(batches(seed=1)) != rows(batches(seed=2))


def test_the_next_epoch_has_another_order() -> None:
    generator = torch.Generator().manual_seed(0)
    epochs = [rows(list(training_batches(WORD_IDS, LABELS, TOKENIZER, 4, generator))) for _ in range(2)]
    assert epochs[0] != epochs[1]


def test_the_global_randomness_is_left_alone() -> None:
    before = torch.get_rng_state()
    batches(word_dropout=0.5)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("word_dropout", [0.0, 0.1, 0.5, 0.9])
def test_the_right_share_of_words_is_dropped(word_dropout: float) -> None:
    assert share_of_words(word_dropout) == pytest.approx(1 - word_dropout, abs=0.015)


def test_a_dropped_word_leaves_no_unk_behind() -> None:
    whole = {ids[1]: ids for ids, _ in rows(batches()) if len(ids) > 2}
    dropped = rows(batches(word_dropout=0.4))
    assert sum(len(ids) for ids, _ in dropped) < sum(len(ids) for ids in whole.values())
    assert all(TOKENIZER.unk_id not in ids for ids, _ in dropped)


def test_a_text_that_loses_all_its_words_is_still_a_text() -> None:
    assert rows(batches(word_dropout=0.999999))[0][0] == [TOKENIZER.cls_id, TOKENIZER.sep_id]


def test_words_are_dropped_before_the_text_is_cut() -> None:
    """So a long text is full after the dropout, too: words from further back move up."""
    long = [list(range(FIRST, FIRST + 60))]
    generator = torch.Generator().manual_seed(0)
    [(inputs, _)] = training_batches(long, [1], TOKENIZER, 1, generator, word_dropout=0.5)
    assert inputs["attention_mask"].sum() == TOKENIZER.max_seq_len
    assert inputs["input_ids"].max() > FIRST + TOKENIZER.max_seq_len


def test_the_texts_are_not_changed() -> None:
    before = copy.deepcopy((WORD_IDS, LABELS))
    batches(word_dropout=0.5)
    assert before == (WORD_IDS, LABELS)
