"""Masking: the shares are kept by counts, whole words stay whole, and special tokens are never hidden."""

from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nano_bert import WordPieceTokenizer, WordTokenizer
from nano_bert.task_heads import IGNORED
from nano_bert.tokenizer.base import SPECIAL_TOKENS, Tokenizer
from nano_bert.training.masking import Masking, mask_words

WORDS = WordTokenizer([f"w{number}" for number in range(40)])
FIRST = len(SPECIAL_TOKENS)  # the lowest id of an ordinary word
LONG = 1e-9  # what is lost by adding up floating-point numbers


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def published() -> Tokenizer:
    """A vocabulary in the order of the published ones: special tokens have the ids 0 and 100 to 103."""
    unused = [f"[unused{number}]" for number in range(99)]
    vocab = ["[PAD]", *unused, "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{n}" for n in range(20)), "##s", "##ing"]
    return WordPieceTokenizer(vocab)


def extra() -> Tokenizer:
    return WordTokenizer([f"w{n}" for n in range(10)], special_tokens=[*SPECIAL_TOKENS, "[A]", "[B]"])


def rows(n_rows: int, n_words: int, tokenizer: Tokenizer = WORDS, seed: int = 0) -> Tensor:
    """Random texts, `[CLS]` before and `[SEP]` behind, some filled up with `[PAD]`."""
    ordinary = torch.tensor([index for index in range(len(tokenizer)) if index not in tokenizer.special_ids])
    ids = ordinary[torch.randint(len(ordinary), (n_rows, n_words + 2), generator=source(seed))]
    ids[:, 0], ids[:, -1] = tokenizer.cls_id, tokenizer.sep_id
    ids[::3, n_words // 2] = tokenizer.sep_id
    ids[::3, n_words // 2 + 1 :] = tokenizer.pad_id
    return ids


def ordinary(ids: Tensor, tokenizer: Tokenizer = WORDS) -> Tensor:
    return ~torch.isin(ids, torch.tensor(tokenizer.special_ids))


# Hidden words, by counts


@pytest.mark.parametrize("share", [0.01, 0.15, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_the_shares_hold_to_within_one_token_in_every_call(seed: int, share: float) -> None:
    ids = rows(30, 61, seed=seed)
    hidden, labels = mask_words(ids, WORDS, source(seed), share)
    chosen = labels != IGNORED
    n = int(chosen.sum())
    assert abs(n - share * int(ordinary(ids).sum())) < 1
    masked = int((hidden[chosen] == WORDS.mask_id).sum())
    changed = int(((hidden != labels) & (hidden != WORDS.mask_id))[chosen].sum())
    assert abs(masked - 0.8 * n) <= 1
    assert changed <= 0.1 * n + 1, "a word can also be drawn for itself, so there can be fewer"
    assert int((hidden[chosen] == labels[chosen]).sum()) >= 0.1 * n - 1


def fates(ids: Tensor, tokenizer: Tokenizer, n_draws: int, **settings: Any) -> tuple[Counter[str], Tensor]:
    """Mask the same ids again and again: how often each fate was met, and how often each place was chosen."""
    generator = source(1)
    counts: Counter[str] = Counter()
    chosen_at = torch.zeros(ids.shape)
    for _ in range(n_draws):
        hidden, labels = mask_words(ids, tokenizer, generator, **settings)
        chosen = labels != IGNORED
        chosen_at += chosen
        counts["chosen"] += int(chosen.sum())
        counts["masked"] += int((hidden[chosen] == tokenizer.mask_id).sum())
        counts["same"] += int((hidden[chosen] == labels[chosen]).sum())
    return counts, chosen_at


def test_many_short_texts_together_keep_the_shares() -> None:
    """Seven words, of which 1.05 are to be guessed: now one, now two; and of these 80, 10 and 10 % in the long run."""
    ids = torch.tensor([WORDS.cls_id, *range(FIRST, FIRST + 7), WORDS.sep_id])
    n = 5_000
    counts, chosen_at = fates(ids, WORDS, n)
    # Four standard deviations; those of independent draws are the larger ones.
    assert abs(counts["chosen"] / n - 1.05) < 4 * (0.05 * 0.95 / n) ** 0.5
    assert abs(counts["masked"] / counts["chosen"] - 0.8) < 4 * (0.8 * 0.2 / n) ** 0.5
    same = 0.1 + 0.1 / 40  # left as they are, or drawn for themselves
    assert abs(counts["same"] / counts["chosen"] - same) < 4 * (same * (1 - same) / n) ** 0.5
    # Every place is as good as any other: chi-square with 6 degrees of freedom, 27.9 in one of 10,000 cases.
    expected = counts["chosen"] / 7
    assert ((chosen_at[1:-1] - expected) ** 2 / expected).sum() < 27.9
    assert chosen_at[0] == chosen_at[-1] == 0


def test_what_happens_to_a_word_does_not_depend_on_its_place() -> None:
    ids = torch.arange(FIRST, FIRST + 10)
    generator = source()
    masked = torch.zeros(10)
    n = 2_000
    for _ in range(n):
        masked += mask_words(ids, WORDS, generator, share=1.0)[0] == WORDS.mask_id
    assert (masked / n - 0.8).abs().max() < 4.5 * (0.16 / n) ** 0.5


@pytest.mark.parametrize("tokenizer", [WORDS, extra(), published()], ids=["words", "more special", "published"])
def test_a_replacement_is_any_ordinary_word_and_never_a_special_token(tokenizer: Tokenizer) -> None:
    n_ordinary = len(tokenizer) - len(tokenizer.special_ids)
    word = max(set(range(len(tokenizer))) - set(tokenizer.special_ids))
    ids = torch.full((300, 1000), word)
    hidden, _ = mask_words(ids, tokenizer, source(), share=1.0)
    counts = torch.bincount(hidden[(hidden != word) & (hidden != tokenizer.mask_id)], minlength=len(tokenizer))
    assert counts[tokenizer.special_ids].sum() == 0
    drawn = counts[[index for index in range(len(tokenizer)) if index not in [*tokenizer.special_ids, word]]]
    expected = 30_000 / n_ordinary
    chi_square = ((drawn - expected) ** 2 / expected).sum()
    freedom = n_ordinary - 1
    assert chi_square < freedom + 4 * (2 * freedom) ** 0.5 + 6, "all are drawn equally often"
    assert drawn.min() > 0


@pytest.mark.parametrize("tokenizer", [WORDS, extra(), published()], ids=["words", "more special", "published"])
@pytest.mark.parametrize("whole_words", [False, True])
def test_special_tokens_are_never_chosen(tokenizer: Tokenizer, whole_words: bool) -> None:
    ids = rows(20, 30, tokenizer)
    ids[:, 3:10] = torch.tensor(tokenizer.special_ids).repeat(7)[:7]
    for share in (0.15, 1.0):
        hidden, labels = mask_words(ids, tokenizer, source(), share, whole_words)
        special = ~ordinary(ids, tokenizer)
        assert (labels[special] == IGNORED).all()
        assert torch.equal(hidden[special], ids[special])


def test_all_words_can_be_chosen() -> None:
    ids = rows(20, 30)
    _, labels = mask_words(ids, WORDS, source(), share=1.0)
    assert torch.equal(labels != IGNORED, ordinary(ids))


@given(
    ids=st.lists(st.integers(0, len(WORDS) - 1), min_size=1, max_size=40),
    n_rows=st.integers(0, 3),
    share=st.floats(0, 1, exclude_min=True),
    whole_words=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_whatever_the_text(ids: list[int], n_rows: int, share: float, whole_words: bool, seed: int) -> None:
    """The input stays, the shapes too; labels are the true ids; only chosen places change; some word is chosen."""
    given = torch.tensor([ids] * n_rows if n_rows else ids)
    before = given.clone()
    hidden, labels = mask_words(given, WORDS, source(seed), share, whole_words)
    assert torch.equal(given, before)
    assert hidden.data_ptr() != given.data_ptr()
    assert labels.data_ptr() != given.data_ptr()
    assert hidden.shape == labels.shape == given.shape
    assert hidden.dtype == labels.dtype == torch.long
    chosen = labels != IGNORED
    assert torch.equal(labels[chosen], given[chosen])
    assert torch.equal(hidden[~chosen], given[~chosen])
    assert ordinary(given)[chosen].all()
    assert (ordinary(hidden) | (hidden == WORDS.mask_id))[chosen].all()
    n = int(ordinary(given).sum())
    assert chosen.any() == (n > 0), "at least one word is chosen, if there is any"
    assert int(chosen.sum()) == 1 or n == 0 or abs(int(chosen.sum()) - share * n) < 1 + LONG


def test_the_seed_decides_and_nothing_else() -> None:
    ids = rows(10, 30)
    torch.manual_seed(1)
    first = mask_words(ids, WORDS, source(5))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    again = mask_words(ids, WORDS, source(5))
    other = mask_words(ids, WORDS, source(6))
    assert torch.equal(torch.get_rng_state(), state), "torch's own random numbers are left alone"
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[1], other[1])
    generator = source(5)
    mask_words(ids, WORDS, generator)
    assert not torch.equal(mask_words(ids, WORDS, generator)[1], first[1]), "the next epoch hides other words"


def test_a_text_alone_is_a_batch_of_one() -> None:
    ids = rows(1, 50, seed=3)
    alone, batch = mask_words(ids[0], WORDS, source()), mask_words(ids, WORDS, source())
    assert torch.equal(alone[0], batch[0][0])
    assert torch.equal(alone[1], batch[1][0])


@pytest.mark.parametrize("whole_words", [False, True])
@pytest.mark.parametrize("tokenizer", [WORDS, WordTokenizer([])], ids=["words", "not even a vocabulary"])
def test_nothing_to_hide(tokenizer: Tokenizer, whole_words: bool) -> None:
    ids = torch.tensor([[1, 3, 4, 2], [1, 2, 0, 0]])
    hidden, labels = mask_words(ids, tokenizer, source(), share=1.0, whole_words=whole_words)
    assert torch.equal(hidden, ids)
    assert (labels == IGNORED).all()


def test_a_single_word_is_always_asked_for() -> None:
    ids = torch.tensor([1, 9, 2])
    counts, chosen_at = fates(ids, WORDS, 2000)
    assert chosen_at.tolist() == [0, 2000, 0]
    assert abs(counts["masked"] / 2000 - 0.8) < 4 * (0.16 / 2000) ** 0.5


def test_small_whole_numbers_do_as_well() -> None:
    ids = rows(10, 30)
    hidden, labels = mask_words(ids.int(), WORDS, source(), share=1.0)
    expected = mask_words(ids, WORDS, source(), share=1.0)
    assert torch.equal(hidden.long(), expected[0])
    assert torch.equal(labels, expected[1])
    assert labels.dtype == torch.long, "the losses want it so"


@pytest.mark.parametrize("share", [0, -0.1, 1.0001, 15, float("nan"), float("inf")])
def test_a_share_that_is_none(as_a_reader: None, share: float) -> None:
    for refuse in (lambda: mask_words(torch.tensor([1, 9, 2]), WORDS, source(), share), lambda: Masking(share)):
        with pytest.raises(
            ValueError, match=f"share is a part of the tokens: above 0 and at most 1, but it is {share}"
        ):
            refuse()


@pytest.mark.parametrize("wrong", [-1, 45, 10**9])
def test_ids_of_another_vocabulary(wrong: int) -> None:
    with pytest.raises(ValueError, match=f"{wrong} is not an id of this vocabulary: ids go from 0 to 44"):
        mask_words(torch.tensor([1, wrong, 2]), WORDS, source())


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)], ids=str)
def test_no_token_at_all(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no token to hide"):
        mask_words(torch.zeros(shape, dtype=torch.long), WORDS, source())


# Whole words


def words_of(ids: list[int], tokenizer: Tokenizer) -> list[list[int]]:
    """The places of each word of a row, by the letter of the definition."""
    words: list[list[int]] = []
    for place, index in enumerate(ids):
        if index in tokenizer.special_ids:
            words.append([])  # a piece behind it is a word of its own
        elif tokenizer.id_to_token[index].startswith("##") and words:
            words[-1].append(place)
        else:
            words.append([place])
    return [word for word in words if word]


@pytest.mark.parametrize("seed", range(10))
def test_all_pieces_of_a_word_or_none(seed: int) -> None:
    tokenizer = published()
    s, ing = tokenizer.vocab["##s"], tokenizer.vocab["##ing"]
    ids = rows(40, 60, tokenizer, seed)
    pieces = torch.rand(ids.shape, generator=source(seed)) < 0.4
    ids[pieces & ordinary(ids, tokenizer)] = torch.tensor([s, ing])[seed % 2]
    ids[5, 1] = s  # a row can start in the midst of a word
    hidden, labels = mask_words(ids, tokenizer, source(seed), whole_words=True)
    for row, row_labels in zip(ids.tolist(), labels.tolist(), strict=True):
        for word in words_of(row, tokenizer):
            assert len({row_labels[place] == IGNORED for place in word}) == 1
    n, n_chosen = int(ordinary(ids, tokenizer).sum()), int((labels != IGNORED).sum())
    longest = max(len(word) for row in ids.tolist() for word in words_of(row, tokenizer))
    assert 0.15 * n - 1 < n_chosen < 0.15 * n + longest, "the last word may be one too long"
    masked = int((hidden == tokenizer.mask_id).sum())
    assert abs(masked - 0.8 * n_chosen) <= 1


def test_long_words_and_short_ones_are_hidden_equally_often() -> None:
    """A word of three pieces and three words of one, many times over: each word has the same chance."""
    tokenizer = published()
    w, s = tokenizer.vocab["w0"], tokenizer.vocab["##s"]
    ids = torch.tensor([[tokenizer.cls_id, *[w, s, s, w, w, w] * 20, tokenizer.sep_id]] * 10)
    _, chosen_at = fates(ids, tokenizer, 100, whole_words=True)
    rates = (chosen_at[:, 1:-1] / 100).view(10, 20, 6).mean(dim=(0, 1))
    assert rates[0] == rates[1] == rates[2]
    assert (rates - 0.15).abs().max() < 0.01


def test_a_row_that_starts_with_a_piece_is_no_part_of_the_row_before() -> None:
    tokenizer = published()
    w, s = tokenizer.vocab["w0"], tokenizer.vocab["##s"]
    ids = torch.tensor([[tokenizer.cls_id, w, s], [tokenizer.cls_id, s, s]])
    seen = {
        tuple((mask_words(ids, tokenizer, source(seed), 0.3, True)[1] != IGNORED)[:, 2].tolist()) for seed in range(50)
    }
    assert seen == {(True, False), (False, True)}


def test_without_pieces_whole_words_are_words() -> None:
    ids = rows(10, 40)
    for first, second in zip(
        mask_words(ids, WORDS, source()), mask_words(ids, WORDS, source(), whole_words=True), strict=True
    ):
        assert torch.equal(first, second)
