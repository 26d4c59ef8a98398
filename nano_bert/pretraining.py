"""Pretraining: the two riddles from which BERT learns a language, without a single label.

Riddle one: some words are hidden; which were they? Riddle two: does the second sentence follow the first, or was it
drawn at random? Any text is full of answers, so there is no end of exercises.

Source: Devlin et al. (2019), section 3.1 and appendix A (https://arxiv.org/abs/1810.04805), and the code published with
it (https://github.com/google-research/bert/blob/master/create_pretraining_data.py), whose later versions can hide whole
words instead of single pieces.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from nano_bert.encoding import Tokenizer

IGNORED = -100  # the label of a token that is not to be guessed: it counts in no loss


def mask_words(
    input_ids: Int[Tensor, "*batch seq"],
    tokenizer: Tokenizer,
    generator: torch.Generator,
    share: float = 0.15,
    whole_words: bool = False,
) -> tuple[Int[Tensor, "*batch seq"], Int[Tensor, "*batch seq"]]:
    """Choose tokens to be guessed, and hide most of them.

    Of the chosen tokens 80 % become `[MASK]`, 10 % a word drawn from the vocabulary, and 10 % stay what they are. For
    later, in use, there is no `[MASK]`, and the model must not rely on it to know where it is asked. These shares are
    kept to within one token, and on average exactly, over the tokens that are given together; but at least one is
    chosen.

    Args:
        input_ids: Ids of one text or of a batch. They are not changed; special tokens are never chosen.
        tokenizer: Knows the special tokens and the words to draw from. A special token is never drawn.
        generator: The source of all randomness.
        share: Share of the tokens to choose.
        whole_words: Choose all pieces of a word, or none of them. A piece that goes on with a word starts with "##".

    Returns:
        The ids with some hidden, and the labels: the true id of each chosen token, and `IGNORED` elsewhere.

    Raises:
        ValueError: If the share is not above 0 and at most 1, or the ids are none of the tokenizer's.

    Examples:
        >>> import torch
        >>> from nano_bert import WordTokenizer
        >>> from nano_bert.pretraining import mask_words
        >>> tokenizer = WordTokenizer(["the", "film", "was", "good", "not", "bad"])
        >>> input_ids = torch.tensor(tokenizer.encode("the film was good not bad"))
        >>> hidden, labels = mask_words(input_ids, tokenizer, torch.Generator().manual_seed(3), share=0.3)
        >>> tokenizer.decode(hidden)
        'the film was [MASK] not bad'
        >>> labels.tolist()
        [-100, -100, 6, -100, 8, -100, -100, -100]
    """
    check_share(share)
    if input_ids.numel() == 0:
        raise ValueError("There is no token to hide: give at least one text of at least one token.")
    for index in input_ids.aminmax():
        tokenizer.check_id(int(index))
    ordinary = torch.ones(len(tokenizer), dtype=torch.bool)
    ordinary[tokenizer.special_ids] = False
    can_hide = ordinary[input_ids]
    starts_word = torch.ones_like(can_hide)
    if whole_words:
        starts_word = torch.tensor([not token.startswith("##") for token in tokenizer.id_to_token])[input_ids]
    word = starts_word.flatten().cumsum(0) - starts_word.flatten()[0].long()  # the number of each token's word

    # The words stand in a queue, shuffled; the first ones are chosen, until there are tokens enough.
    sizes = torch.bincount(word, weights=can_hide.flatten().float())
    queue = torch.randperm(len(sizes), generator=generator)
    before = torch.empty_like(sizes)
    before[queue] = sizes[queue].cumsum(0) - sizes[queue]  # tokens in the queue before each word
    enough = max(1, int(share * int(can_hide.sum()) + _draw(generator)))
    chosen = (before < enough)[word].view_as(can_hide) & can_hide

    # The chosen tokens stand in a queue, too: the first 80 % are hidden, the next 10 % replaced.
    places = chosen.flatten().nonzero().squeeze(-1)
    places = places[torch.randperm(len(places), generator=generator)]
    fate = (torch.arange(len(places)) + _draw(generator)) / max(1, len(places))  # from 0 to 1, evenly
    masked, replaced = places[fate < 0.8], places[(fate >= 0.8) & (fate < 0.9)]
    hidden = input_ids.flatten().clone()
    hidden[masked] = tokenizer.mask_id
    words = ordinary.nonzero().squeeze(-1)
    drawn = words[torch.randint(max(1, len(words)), (len(replaced),), generator=generator)]
    hidden[replaced] = drawn.to(hidden.dtype)
    return hidden.view_as(input_ids), input_ids.long().masked_fill(~chosen, IGNORED)


def check_share(share: float) -> None:
    """Refuse a share that is none, or nothing."""
    if not 0 < share <= 1:  # written so that it refuses NaN, too
        raise ValueError(f"share is a part of the tokens: above 0 and at most 1, but it is {share}.")


def _draw(generator: torch.Generator) -> float:
    """Return a random number from 0 up to 1."""
    return torch.rand((), generator=generator).item()


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
    """Cut each document in two between sentences; give every other one the second half of a stranger.

    The halves meet at the cut: of the first its end is kept, of the second its beginning. What a stranger brings is
    never what really follows, nor its beginning, even if the same text stands in two documents.

    Args:
        documents: A list of sentences each; a sentence is a list of ids. One of a single sentence gives no pair, and
            an empty sentence does not count.
        n_tokens: Most tokens in both halves together.
        generator: The source of all randomness.

    Raises:
        ValueError: If no other document holds anything else to draw, or there is no room for two tokens.

    Examples:
        >>> import torch
        >>> from nano_bert.pretraining import sentence_pairs
        >>> documents = [[[5, 6], [7, 8]], [[9], [10, 11]]]
        >>> for pair in sentence_pairs(documents, 4, torch.Generator().manual_seed(0)):
        ...     print(pair.first, pair.second, pair.is_random)
        ...
        [5, 6] [10, 11] 1
        [9] [10, 11] 0
    """
    if n_tokens < 2:
        raise ValueError(f"The two halves need at least two tokens, but n_tokens is {n_tokens}.")
    spoken = [[sentence for sentence in document if len(sentence) > 0] for document in documents]
    long_enough = [document for document in spoken if len(document) > 1]
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
            stranger = number + int(torch.randint(1, n, (), generator=generator))
            second = cut(long_enough[stranger % n])[1]
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


def masked_word_loss(logits: Float[Tensor, "*places vocab"], labels: Int[Tensor, "*places"]) -> Float[Tensor, ""]:
    """Return the mean cross-entropy over the tokens that are to be guessed; 0 if there are none.

    Examples:
        >>> import torch
        >>> from nano_bert.pretraining import IGNORED, masked_word_loss
        >>> logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0]])  # two places, four words
        >>> masked_word_loss(logits, torch.tensor([2, IGNORED]))  # one word of four, not known: log 4
        tensor(1.3863)
    """
    return _mean_cross_entropy(logits, labels, f"an id of the vocabulary (0 to {logits.shape[-1] - 1})")


def next_sentence_loss(logits: Float[Tensor, "*batch 2"], is_random: Int[Tensor, "*batch"]) -> Float[Tensor, ""]:
    """Return the mean cross-entropy over the pairs; one with the label `IGNORED` does not count.

    Examples:
        >>> import torch
        >>> from nano_bert.pretraining import next_sentence_loss
        >>> next_sentence_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))  # a coin, not looked at: log 2
        tensor(0.6931)
    """
    return _mean_cross_entropy(logits, is_random, "0 (it follows) or 1 (it is random)")


def _mean_cross_entropy(logits: Tensor, labels: Tensor, known: str) -> Tensor:
    wrong = (labels != IGNORED) & ((labels < 0) | (labels >= logits.shape[-1]))
    if not torch.compiler.is_compiling() and wrong.any():
        raise ValueError(f"A label is {known}, or {IGNORED} for none, but one is {int(labels[wrong][0])}.")
    total = cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=IGNORED, reduction="sum")
    return total / (labels != IGNORED).sum().clamp(min=1)
