"""Sentence pairs: does the second sentence follow the first, or was it drawn at random?

Source: Devlin et al. (2019), section 3.1 (https://arxiv.org/abs/1810.04805), and the code published with it
(https://github.com/google-research/bert/blob/master/create_pretraining_data.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class SentencePair:
    """Two pieces of text, and whether the second was drawn at random.

    Attributes:
        first: Ids of the first piece.
        second: Ids of the second.
        is_random: 0 if the second follows the first in its document, 1 if it comes from elsewhere: BERT's labels.
    """

    first: Sequence[int]
    second: Sequence[int]
    is_random: int


def sentence_pairs(
    documents: Sequence[Sequence[Sequence[int]]], n_tokens: int, generator: torch.Generator
) -> list[SentencePair]:
    """Cut each document in two between sentences; give every other one the second half of another document.

    The halves meet at the cut: of the first its end is kept, of the second its beginning. What another
    document brings is never what really follows, nor its beginning, even if the same text stands in two documents.

    Args:
        documents: A list of sentences each; a sentence is a list of ids. One of a single sentence gives no pair, and
            an empty sentence does not count.
        n_tokens: Most tokens in both halves together.
        generator: The source of all randomness.

    Raises:
        ValueError: If no other document holds anything else to draw, or there is no room for two tokens.

    Examples:
        >>> import torch
        >>> from nano_bert.training.sentence_pairs import sentence_pairs
        >>> documents = [[[5, 6], [7, 8]], [[9], [10, 11]]]
        >>> for pair in sentence_pairs(documents, 4, torch.Generator().manual_seed(0)):
        ...     print(pair.first, pair.second, pair.is_random)
        ...
        [5, 6] [10, 11] 1
        [9] [10, 11] 0
    """
    if n_tokens < 2:
        raise ValueError(f"The two halves need at least two tokens, but n_tokens is {n_tokens}.")
    not_empty = [[sentence for sentence in document if len(sentence) > 0] for document in documents]
    long_enough = [document for document in not_empty if len(document) > 1]
    n = len(long_enough)
    # Exactly half of the pairs are random, whichever they are.
    is_random: list[int] = (torch.randperm(n, generator=generator) < n / 2).long().tolist()

    def cut(document: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
        place = int(torch.randint(1, len(document), (), generator=generator))
        before = [index for sentence in document[:place] for index in sentence]
        behind = [index for sentence in document[place:] for index in sentence]
        return before, behind

    pairs: list[SentencePair] = []
    for number, document in enumerate(long_enough):
        first, follows = cut(document)
        second, tries = follows, 0
        while is_random[number] and _begin_alike(_kept(first, second, n_tokens)[1], follows):
            tries += 1
            if n < 2 or tries > 100:
                raise ValueError(
                    "A random second half must not be the true one, but the documents are too few or too alike: "
                    f"there are {n} of two sentences or more. Give more of them."
                )
            other = number + int(torch.randint(1, n, (), generator=generator))
            second = cut(long_enough[other % n])[1]
        pairs.append(SentencePair(*_kept(first, second, n_tokens), is_random[number]))
    return pairs


def _kept(first: Sequence[int], second: Sequence[int], n_tokens: int) -> tuple[Sequence[int], Sequence[int]]:
    """Keep the end of the first and the beginning of the second, about half of the room for each."""
    n_first = min(len(first), max(n_tokens // 2, n_tokens - len(second)))
    return first[len(first) - n_first :], second[: n_tokens - n_first]


def _begin_alike(first: Sequence[int], second: Sequence[int]) -> bool:
    """Say whether the shorter one is the beginning of the longer one."""
    n_both = min(len(first), len(second))
    return first[:n_both] == second[:n_both]
