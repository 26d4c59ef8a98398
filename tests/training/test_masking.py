"""The two riddles: hidden words by counts, next sentences that are never wrongly called random, losses as published."""

from collections import Counter
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nano_bert import NanoBertForPreTraining, WordTokenizer
from nano_bert.tokenizer.base import SPECIAL_TOKENS, Tokenizer
from nano_bert.training.masking import (
    IGNORED,
    SentencePair,
    mask_words,
    masked_word_loss,
    next_sentence_loss,
    sentence_pairs,
)
from tests.oracles import PRECISIONS, SEEDS, assert_same, gradients, hugging_face, random_batch, random_config
from tests.oracles import random_weights as drawn_weights

WORDS = WordTokenizer([f"w{number}" for number in range(40)])
FIRST = len(SPECIAL_TOKENS)  # the lowest id of an ordinary word
LONG = 1e-9  # what is lost by adding up floating-point numbers


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def published() -> Tokenizer:
    """A vocabulary in the order of the published ones: special tokens have the ids 0 and 100 to 103."""
    from nano_bert.tokenizer.wordpiece import WordPieceTokenizer

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
    n = 20_000
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
    n = 4_000
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


@pytest.mark.parametrize("share", [0, -0.1, 1.0001, 2, 15, float("nan"), float("inf")])
def test_a_share_that_is_none(as_a_reader: None, share: float) -> None:
    with pytest.raises(ValueError, match=f"share is a part of the tokens: above 0 and at most 1, but it is {share}."):
        mask_words(torch.tensor([1, 9, 2]), WORDS, source(), share)


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


# Next sentences


def library(n: int, seed: int = 0, n_sentences: tuple[int, int] = (1, 6)) -> list[list[list[int]]]:
    """Documents in which every token occurs once: 1000 x document + 10 x sentence + token."""

    def number(low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=generator))

    generator = source(seed)
    return [
        [[1000 * d + 10 * s + t for t in range(number(1, 5))] for s in range(number(*n_sentences))] for d in range(n)
    ]


def flat(document: list[list[int]]) -> list[int]:
    return [index for sentence in document for index in sentence]


def cuts_between(pair: SentencePair, documents: list[list[list[int]]]) -> bool:
    """Say whether the pair are neighbours: in some document the first ends, and the second starts, at a cut."""
    first, second = list(pair.first), list(pair.second)
    for document in documents:
        for place in range(1, len(document)):
            before, behind = flat(document[:place]), flat(document[place:])
            if before[len(before) - len(first) :] == first and behind[: len(second)] == second:
                return True
    return False


@pytest.mark.parametrize("n_tokens", [2, 3, 7, 8, 100])
@pytest.mark.parametrize("seed", range(4))
def test_pairs_are_what_they_say(seed: int, n_tokens: int) -> None:
    documents = library(60, seed)
    pairs = sentence_pairs(documents, n_tokens, source(seed))
    long_enough = [document for document in documents if len(document) > 1]
    n = len(long_enough)
    assert len(pairs) == n
    assert sum(pair.is_random for pair in pairs) in (n // 2, (n + 1) // 2)
    for document, pair in zip(long_enough, pairs, strict=True):
        assert 2 <= len(pair.first) + len(pair.second) <= n_tokens
        assert len(pair.first) > 0
        assert len(pair.second) > 0
        number = flat(document)[0] // 1000
        assert {index // 1000 for index in pair.first} == {number}
        assert cuts_between(pair, documents) != pair.is_random
        if pair.is_random:
            [stranger] = {index // 1000 for index in pair.second}
            assert stranger != number
            # It, too, begins behind a cut.
            assert any(flat(documents[stranger][place:])[: len(pair.second)] == pair.second
                       for place in range(1, len(documents[stranger])))  # fmt: skip


def test_the_room_is_used() -> None:
    """Half of it for each; what one does not need, the other gets."""
    documents = [[list(range(100)), list(range(100, 200))], [[201], [202]], [[301], list(range(310, 400))]]
    seen: set[tuple[int, int]] = set()
    for seed in range(30):
        for pair in sentence_pairs(documents, 11, source(seed)):
            seen.add((len(pair.first), len(pair.second)))
            if pair.first[-1] == 99:
                assert pair.first == list(range(100 - len(pair.first), 100)), "of the first half its end"
            if len(pair.second) > 1:
                assert pair.second[0] in (100, 310), "of the second its beginning"
    assert seen == {(5, 6), (10, 1), (1, 10), (1, 1)}


def test_which_pairs_are_random_is_drawn_and_seeded() -> None:
    documents = library(40, n_sentences=(2, 6))
    first, again, other = (sentence_pairs(documents, 20, source(seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    times = torch.zeros(40)
    for seed in range(400):
        times += torch.tensor([pair.is_random for pair in sentence_pairs(documents, 20, source(seed))])
    assert (times / 400 - 0.5).abs().max() < 4.5 * (0.25 / 400) ** 0.5


def test_every_cut_and_every_stranger_is_met() -> None:
    documents = [[[10 * d + s] for s in range(4)] for d in range(1, 5)]
    firsts: set[int] = set()
    strangers: set[int] = set()
    for seed in range(300):
        pair = sentence_pairs(documents, 50, source(seed))[0]
        firsts.add(pair.first[-1])
        strangers |= {pair.second[0]} if pair.is_random else set()
    assert firsts == {10, 11, 12}
    assert strangers == {21, 22, 23, 31, 32, 33, 41, 42, 43}


def begins_alike(first: list[int], second: list[int]) -> bool:
    n = min(len(first), len(second))
    return first[:n] == second[:n]


@pytest.mark.parametrize("n_tokens", [4, 9, 50])
def test_a_stranger_never_brings_what_follows(n_tokens: int) -> None:
    """Documents twice, documents cut off, and sentences that everybody writes: no true neighbour is called random.

    What follows in truth is known from the first half, since here each document's sentences are its own but for the
    last ones.
    """
    own = library(30, n_sentences=(3, 6))
    documents = [*own, *own, *([*document[:-1]] for document in own), *([*document, [7]] for document in own)]
    n_random = 0
    for seed in range(10):
        for pair in sentence_pairs(documents, n_tokens, source(seed)):
            if pair.is_random:
                n_random += 1
                assert not cuts_between(pair, documents)
    assert n_random == 10 * len(documents) // 2


def test_not_even_the_beginning_of_what_follows_counts_as_random() -> None:
    """1 2 3 in the one, 9 2 in the other: the pair (1, 2) is no random one, though the document went on with 3."""
    for seed in range(50):
        for pair in sentence_pairs([[[1], [2], [3]], [[9], [2]], [[8], [4]]], 20, source(seed)):
            assert (pair.first, pair.second, pair.is_random) != ([1], [2], 1)
            assert (pair.first, pair.second, pair.is_random) != ([9], [2, 3], 1)


def test_a_sentence_alone_and_empty_ones_give_no_pair() -> None:
    assert sentence_pairs([], 10, source()) == []
    assert sentence_pairs([[], [[1, 2]], [[]]], 10, source()) == []
    for seed in range(20):
        pairs = sentence_pairs([[[1], []], [[], [2], [3]], [[4], [], [5]]], 10, source(seed))
        assert len(pairs) == 2, "an empty sentence does not count"
        assert all(len(pair.first) == len(pair.second) == 1 for pair in pairs)


@pytest.mark.parametrize("documents", [[[[1], [2]]], [[[1], [2]]] * 5, [[[1]], [[1], [2]]]], ids=str)
def test_too_few_documents_or_all_alike(documents: list[list[list[int]]]) -> None:
    n = sum(len(document) > 1 for document in documents)
    with pytest.raises(ValueError, match=f"too few or too alike: there are {n} of two sentences or more. Give more"):
        sentence_pairs(documents, 10, source())


@pytest.mark.parametrize("n_tokens", [1, 0, -3])
def test_no_room_for_two_halves(n_tokens: int) -> None:
    with pytest.raises(ValueError, match=f"two halves need at least two tokens, but n_tokens is {n_tokens}"):
        sentence_pairs(library(10), n_tokens, source())


# Losses, as transformers has them


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS.items())
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("pooler", [True, False], ids=["both heads", "words only"])
def test_losses_and_gradients_are_those_of_transformers(
    seed: int, dtype: torch.dtype, tolerance: float, pooler: bool
) -> None:
    config = random_config(seed, dropout=0.0, pooler=pooler)
    model = drawn_weights(NanoBertForPreTraining(config), seed).to(dtype)
    oracle = hugging_face(model, transformers.BertForPreTraining if pooler else transformers.BertForMaskedLM)
    batch = random_batch(config, seed)
    batch["labels"] = batch["input_ids"].masked_fill(torch.rand(batch["input_ids"].shape) < 0.7, IGNORED)
    batch["labels"][0, 0] = 3
    if pooler:
        batch["next_sentence_label"] = torch.tensor([0, 1, seed % 2])
    ours, theirs = model(**batch), oracle(**batch)
    assert_same({"loss": ours.loss}, {"loss": theirs.loss}, tolerance)
    ours.loss.backward()
    theirs.loss.backward()
    from nano_bert.pretrained.names import to_hugging_face

    found = to_hugging_face(gradients(model))
    expected = {name: weight.grad for name, weight in oracle.named_parameters() if weight.grad is not None}
    assert_same({name: found[name] for name in expected}, expected, tolerance)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_loss_is_torch_s_own(seed: int) -> None:
    torch.manual_seed(seed)
    logits, labels = torch.randn(4, 7, 9), torch.randint(9, (4, 7))
    labels[torch.rand(4, 7) < 0.5] = IGNORED
    expected = torch.nn.functional.cross_entropy(logits.view(-1, 9), labels.view(-1))
    torch.testing.assert_close(masked_word_loss(logits, labels), expected)
    follows, is_random = torch.randn(4, 2), torch.tensor([0, 1, IGNORED, 1])
    torch.testing.assert_close(
        next_sentence_loss(follows, is_random), torch.nn.functional.cross_entropy(follows, is_random)
    )


def test_no_word_to_guess_costs_nothing() -> None:
    logits = torch.randn(2, 3, 5, requires_grad=True)
    loss = masked_word_loss(logits, torch.full((2, 3), IGNORED))
    loss.backward()
    assert loss == 0
    assert (logits.grad == 0).all(), "and teaches nothing, not even NaN"
    assert masked_word_loss(torch.zeros(0, 5), torch.zeros(0, dtype=torch.long)) == 0
    assert next_sentence_loss(torch.zeros(2, 2), torch.full((2,), IGNORED)) == 0


def test_tokens_that_are_not_asked_for_teach_nothing() -> None:
    logits = torch.randn(6, 5, requires_grad=True)
    masked_word_loss(logits, torch.tensor([IGNORED, 2, IGNORED, 4, IGNORED, 0])).backward()
    assert (logits.grad != 0).any(dim=1).tolist() == [False, True, False, True, False, True]


@pytest.mark.parametrize("wrong", [-1, -99, 5, 1000])
def test_a_label_that_is_no_word(wrong: int) -> None:
    with pytest.raises(ValueError, match=rf"id of the vocabulary \(0 to 4\), or -100 for none, but one is {wrong}\."):
        masked_word_loss(torch.zeros(3, 5), torch.tensor([0, IGNORED, wrong]))


@pytest.mark.parametrize("wrong", [-1, 2])
def test_a_label_that_is_no_answer(wrong: int) -> None:
    with pytest.raises(ValueError, match=rf"0 \(it follows\) or 1 \(it is random\), or -100 .*, but one is {wrong}\."):
        next_sentence_loss(torch.zeros(1, 2), torch.tensor([wrong]))


def test_a_model_without_the_head_takes_no_label_for_it() -> None:
    model = NanoBertForPreTraining(vocab_size=10, pooler=False)
    with pytest.raises(ValueError, match="no head for next sentences"):
        model(torch.tensor([[1, 7, 2]]), next_sentence_label=torch.tensor([1]))
