"""Sentence pairs: what is called random never follows in truth, and what follows stood side by side."""

import pytest
import torch

from nano_bert.training.sentence_pairs import SentencePair, sentence_pairs


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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
            [other] = {index // 1000 for index in pair.second}
            assert other != number
            # It, too, begins behind a cut.
            assert any(flat(documents[other][place:])[: len(pair.second)] == pair.second
                       for place in range(1, len(documents[other])))  # fmt: skip


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
    for seed in range(200):
        times += torch.tensor([pair.is_random for pair in sentence_pairs(documents, 20, source(seed))])
    assert (times / 200 - 0.5).abs().max() < 4.5 * (0.25 / 200) ** 0.5


def test_every_cut_and_every_other_document_is_met() -> None:
    documents = [[[10 * d + s] for s in range(4)] for d in range(1, 5)]
    firsts: set[int] = set()
    drawn: set[int] = set()
    for seed in range(300):
        pair = sentence_pairs(documents, 50, source(seed))[0]
        firsts.add(pair.first[-1])
        drawn |= {pair.second[0]} if pair.is_random else set()
    assert firsts == {10, 11, 12}
    assert drawn == {21, 22, 23, 31, 32, 33, 41, 42, 43}


@pytest.mark.parametrize("n_tokens", [4, 9, 50])
def test_a_random_second_half_never_follows(n_tokens: int) -> None:
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
