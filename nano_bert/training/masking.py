"""Masking: some words of a text are hidden, and a model has to guess which they were.

Any text is full of answers, so there is no end of exercises, and no label is needed.

Source: Devlin et al. (2019), section 3.1 and appendix A (https://arxiv.org/abs/1810.04805), and the code published with
it (https://github.com/google-research/bert/blob/master/create_pretraining_data.py), whose later versions can hide whole
words instead of single pieces.
"""

from dataclasses import dataclass
from numbers import Real

import torch
from jaxtyping import Int
from torch import Tensor

from nano_bert.embeddings import check_whole
from nano_bert.task_heads import IGNORED
from nano_bert.tokenizer.base import Tokenizer
from nano_bert.tokenizer.check_given import check_kind


@dataclass(frozen=True)
class Masking:
    """How words are chosen that are to be guessed.

    Args:
        share: Share of the tokens to choose.
        whole_words: Choose all pieces of a word, or none of them. A piece that goes on with a word starts with "##".

    Raises:
        TypeError: If whole_words is neither True nor False.
        ValueError: If the share is not above 0 and at most 1.
    """

    share: float = 0.15
    whole_words: bool = False

    def __post_init__(self) -> None:
        check_share(self.share)
        if not isinstance(self.whole_words, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"whole_words is True or False, but it is {self.whole_words!r:.80}.")


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
        >>> from nano_bert.training.masking import mask_words
        >>> tokenizer = WordTokenizer(["the", "film", "was", "good", "not", "bad"])
        >>> input_ids = torch.tensor(tokenizer.encode("the film was good not bad"))
        >>> hidden, labels = mask_words(input_ids, tokenizer, torch.Generator().manual_seed(3), share=0.3)
        >>> tokenizer.decode(hidden)
        'the film was [MASK] not bad'
        >>> labels.tolist()
        [-100, -100, 6, -100, 8, -100, -100, -100]
    """
    check_share(share)
    check_kind("tokenizer", tokenizer, Tokenizer)
    check_kind("generator", generator, torch.Generator, "torch.Generator().manual_seed(0) makes one.")
    check_whole("input_ids", input_ids)
    if input_ids.ndim == 0 or input_ids.numel() == 0:
        raise ValueError("There is no token to hide: give at least one text of at least one token.")
    for index in input_ids.aminmax():
        tokenizer.check_id(int(index))
    ordinary = torch.ones(len(tokenizer), dtype=torch.bool)
    ordinary[tokenizer.special_ids] = False
    can_hide = ordinary[input_ids]
    starts_word = torch.ones_like(can_hide)
    if whole_words:
        starts_word = torch.tensor([not token.startswith("##") for token in tokenizer.id_to_token])[input_ids]
    starts_word[..., 0] = True  # a piece that opens a row goes on with no word of the row before
    word = starts_word.flatten().cumsum(0) - 1  # the number of each token's word

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
    if isinstance(share, bool) or not isinstance(share, Real) or not 0 < share <= 1:  # it refuses NaN, too
        raise ValueError(f"share is a part of the tokens: above 0 and at most 1, but it is {share!r:.80}.")


def _draw(generator: torch.Generator) -> float:
    """Return a random number from 0 up to 1."""
    return torch.rand((), generator=generator).item()
