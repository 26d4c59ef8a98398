"""Neighbours: a model that begins by looking at the words beside each word.

A head whose weights are drawn at random looks at all words of a text alike. Before it can tell "not good" from "good",
it has to find out that words stand in a row, and until then a model guesses hidden words by their frequency alone. In
BERTs that have learnt, some heads look at the word before, or at the next one, and at little else (Clark et al., 2019,
section 3.1, https://arxiv.org/abs/1906.04341). So heads may begin there.

Places begin as waves, after Vaswani et al. (2017), section 3.5 (https://arxiv.org/abs/1706.03762), who chose them since
a step to the side turns each wave by an angle that is the same everywhere: a linear layer can do that. It is here the
query of a head. All of it is a start: everything can be learnt away.
"""

import math
from collections.abc import Sequence

import torch

from nano_bert.config import BertConfig
from nano_bert.model import NanoBERT
from nano_bert.tokenizer.check_given import check_kind, is_whole

OFFSETS = (-1, 1, -2, 2)  # the word before, the next one, and those beyond
N_FEATURES = 16  # of a vector, which the words leave to the places: eight waves, each a sine and a cosine
WAVELENGTHS = (3.0, 200.0)  # in words, the shortest and the longest
SHARE = 0.1  # of the weights that a head has drawn for words is left, so that places decide at first
LEAD = 5.0  # how far the score of the place that is looked for lies above that of the place beside it


def has_room(config: BertConfig) -> bool:
    """Say whether a model's vectors are long enough for words and places, and its heads for a wave."""
    return config.n_embed >= 2 * N_FEATURES and config.head_size >= 2


@torch.no_grad()
def begin_with_neighbours(bert: NanoBERT, offsets: Sequence[int] = OFFSETS) -> None:
    """Let the heads of the first layer begin by looking at a neighbour each; the weights are changed in place.

    The last features of the word vectors are set to zero, and those of the positions hold waves, as large as
    `initializer_range`.

    Args:
        bert: The model, untrained.
        offsets: Where each head looks: -1 is the word before, 1 the next one, 0 the word itself. Heads beyond these
            stay as they were drawn.

    Raises:
        TypeError: If it is another model, such as one with a head on top, or an offset is no whole number.
        ValueError: If the vectors have no room for words and places.

    Examples:
        >>> import torch
        >>> from nano_bert import NanoBERT
        >>> from nano_bert.training.neighbours import begin_with_neighbours
        >>> _ = torch.manual_seed(0)
        >>> model = NanoBERT(vocab_size=100, n_heads=2, n_embed=64, initializer_range=0.05).eval()
        >>> begin_with_neighbours(model, offsets=(-1, 1))
        >>> before, after = model(torch.randint(5, 100, (10,))).attentions[0]
        >>> bool(before.diagonal(-1).mean() > 0.6), bool(after.diagonal(1).mean() > 0.6)
        (True, True)
    """
    check_kind("bert", bert, NanoBERT, "A model with a head on top has one, as model.bert.")
    if not all(map(is_whole, offsets)):
        raise TypeError(f"offsets says in whole numbers where each head looks, as in (-1, 1), not {offsets!r:.80}.")
    heads, (words, positions) = bert.encoder.layers[0].attention.heads, (bert.embedding.words, bert.embedding.positions)
    n_embed, head_size = bert.config.n_embed, bert.config.head_size
    if not has_room(bert.config):
        raise ValueError(
            f"Places take {N_FEATURES} features of a vector, at most half of it, and a head needs two, but "
            f"n_embed={n_embed} and n_heads={len(heads)}: take at least n_embed={max(2 * N_FEATURES, 2 * len(heads))}."
        )
    first = n_embed - N_FEATURES
    shortest, longest = map(math.log10, WAVELENGTHS)
    turns = 2 * math.pi / torch.logspace(shortest, longest, N_FEATURES // 2)  # of each wave, in one step to the side
    angles = torch.arange(positions.num_embeddings)[:, None] * turns  # (place, wave)
    height = bert.config.initializer_range
    positions.weight.zero_()
    positions.weight[:, first::2], positions.weight[:, first + 1 :: 2] = height * angles.sin(), height * angles.cos()
    words.weight[:, first:] = 0
    # LayerNorm brings the sum of a word and a place to a mean square of 1.
    height /= (words.weight.square().mean() + positions.weight.square().mean()).sqrt().item()
    n_waves = min(len(turns), head_size // 2)
    turns = turns[:n_waves]
    gain = math.sqrt(LEAD * math.sqrt(head_size) / (1 - turns.cos()).sum().item()) / height
    for head, offset in zip(heads, offsets, strict=False):
        for linear, angle in ((head.query, offset * turns), (head.key, 0 * turns)):
            linear.weight.mul_(SHARE)[:, first:] = 0
            for wave in range(n_waves):
                cos, sin = gain * angle[wave].cos(), gain * angle[wave].sin()
                place = slice(first + 2 * wave, first + 2 * wave + 2)
                linear.weight[2 * wave, place] = torch.stack([cos, sin])
                linear.weight[2 * wave + 1, place] = torch.stack([-sin, cos])
