"""Batches: texts travel in groups of like length, filled up only to the longest of their group.

Padding is wasted work. So the shuffled texts are cut into pools of some fifty batches, each pool is sorted by
length and cut into batches, and the batches are shuffled again (after Vaswani et al., 2017, section 5.1: "sentence
pairs were batched together by approximate sequence length").

Words can be dropped at random on the way. A model that meets a review with a tenth of its words missing, and
others missing the next time, cannot lean on any single one (Iyyer et al., 2015, section 3.1, "word dropout",
https://aclanthology.org/P15-1162). The word is taken out; it is not replaced by `[UNK]`.
"""

from collections.abc import Iterator, Sequence
from itertools import compress

import torch
from jaxtyping import Int
from torch import Tensor

from nano_bert.tokenizer.base import Tokenizer

POOL = 50  # batches that are sorted by length together: more would save little, and shuffle less

Inputs = dict[str, Int[Tensor, "batch seq"]]


def training_batches(
    word_ids: Sequence[Sequence[int]],
    labels: Sequence[int],
    tokenizer: Tokenizer,
    batch_size: int,
    generator: torch.Generator,
    word_dropout: float = 0.0,
) -> Iterator[tuple[Inputs, Int[Tensor, "batch"]]]:
    """Yield every text once, in batches of like length, shuffled.

    Args:
        word_ids: The ids of the words of each text, from `tokenizer.token_ids`: not cut, no special tokens.
        labels: The class of each text.
        tokenizer: Cuts, adds `[CLS]` and `[SEP]`, and fills up.
        batch_size: Texts in a batch; one batch of a pool may hold fewer, what is left.
        generator: The source of all randomness: the same seed gives the same batches.
        word_dropout: Share of the words to take out, before the text is cut.

    Yields:
        The inputs of the model, `input_ids` and `attention_mask`, and the labels.

    Examples:
        >>> import torch
        >>> from nano_bert import WordTokenizer
        >>> from nano_bert.training.batches import training_batches
        >>> tokenizer = WordTokenizer(["good", "not", "bad"])
        >>> texts = [tokenizer.token_ids(text) for text in ["good", "not bad", "bad"]]
        >>> generator = torch.Generator().manual_seed(0)
        >>> for inputs, labels in training_batches(texts, [1, 1, 0], tokenizer, 2, generator):
        ...     print(inputs["input_ids"].tolist(), labels.tolist())
        ...
        [[1, 6, 7, 2]] [1]
        [[1, 7, 2], [1, 5, 2]] [0, 1]
    """
    for chosen in like_lengths([len(ids) for ids in word_ids], batch_size, generator):
        rows = drop_words([word_ids[index] for index in chosen], word_dropout, generator)
        inputs = tokenizer.pad([tokenizer.add_special_tokens(row) for row in rows])
        yield inputs, torch.tensor([labels[index] for index in chosen])


def like_lengths(lengths: Sequence[int], batch_size: int, generator: torch.Generator) -> Iterator[list[int]]:
    """Yield the numbers of all texts in batches of like length, shuffled."""
    order: list[int] = torch.randperm(len(lengths), generator=generator).tolist()
    batches: list[list[int]] = []
    for pool_start in range(0, len(order), POOL * batch_size):
        pool = sorted(order[pool_start : pool_start + POOL * batch_size], key=lambda index: lengths[index])
        batches += [pool[start : start + batch_size] for start in range(0, len(pool), batch_size)]
    for number in torch.randperm(len(batches), generator=generator):
        yield batches[int(number)]


def drop_words(texts: Sequence[Sequence[int]], share: float, generator: torch.Generator) -> Sequence[Sequence[int]]:
    """Take each word out of its text with probability `share`."""
    if share == 0:
        return texts
    chance = torch.rand(sum(len(ids) for ids in texts), generator=generator)
    kept = iter((chance >= share).numpy().tobytes())  # a byte for each word of all texts: 1 where it stays
    return [list(compress(ids, kept)) for ids in texts]
