"""Packing: the tokens of all texts one below the other, and no padding between them.

A linear layer, a LayerNorm and a GELU do the same to every token, whatever stands beside it. So for texts of unlike
length no block with holes is needed, only a table with a row for each token, and the holes are not computed. Attention
alone asks which text a token belongs to: for that moment it gets its block back. (PyTorch's `nn.TransformerEncoder`
does so while it reads, by "nested tensors", https://docs.pytorch.org/docs/stable/nested.html.)
"""

import math

from jaxtyping import Bool, Float
from torch import Tensor, nn

from nano_bert.embeddings import has_values
from nano_bert.encoder import FeedForward
from nano_bert.fast.fusible import does_more, reads_tokens

WORTH_IT = 1 / 8  # share of padding from which on there is more to save than the way there and back costs

# What treats each token by itself. A part of another kind, or with a hook, might ask what stands where.
TOKEN_BY_TOKEN = (nn.Linear, nn.LayerNorm, nn.GELU, nn.Dropout, nn.Identity, FeedForward, nn.ModuleList)


class Packing:
    """Where the tokens of a batch stand.

    Padding is what the mask hides behind the last token of a text. The first place of each text stays, since a pooler
    reads it, whatever the mask says.

    Args:
        attention_mask: True for a token, False for padding.

    Examples:
        >>> import torch
        >>> from nano_bert.fast.packing import Packing
        >>> packing = Packing(torch.tensor([[True, True, True], [True, False, False]]))
        >>> rows = packing.pack(torch.tensor([[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]]]))
        >>> rows.flatten()
        tensor([1., 2., 3., 4.])
        >>> packing.unpack(rows).squeeze(-1)
        tensor([[1., 2., 3.],
                [4., 0., 0.]])
    """

    def __init__(self, attention_mask: Bool[Tensor, "*batch seq"]) -> None:
        self.shape = attention_mask.shape
        stays = attention_mask.flip(-1).cummax(-1).values.flip(-1)  # from the last token of a text to its start
        stays[..., 0] = True
        self.places = stays.flatten().nonzero().squeeze(-1)

    def pack(self, block: Float[Tensor, "*batch seq width"]) -> Float[Tensor, "token width"]:
        """Return the rows of the tokens."""
        return block.flatten(0, -2).index_select(0, self.places)

    def unpack(self, rows: Float[Tensor, "token width"]) -> Float[Tensor, "*batch seq width"]:
        """Return a block in which each token stands in its place; where padding is, zeros."""
        block = rows.new_zeros(math.prod(self.shape), rows.shape[-1])
        return block.index_copy(0, self.places, rows).unflatten(0, self.shape)


def find_packing(
    attention_mask: Bool[Tensor, "*batch seq"],
    model: nn.Module,
    encoder: nn.Module,
    fused: tuple[type[nn.Module], ...],
) -> Packing | None:
    """Return how to pack a batch; None where it is not worth it, or somebody could see a difference.

    Args:
        attention_mask: True for a token, False for padding.
        model: What reads the answers of the encoder: it must not read padding.
        encoder: The encoder. Its parts must treat each token by itself, or be of those that know about packing.
        fused: The kinds of parts that do.
    """
    # In training texts of like length travel together, and the random numbers of dropout are those of whole batches.
    if model.training or not has_values(attention_mask) or not reads_tokens(model):
        return None
    packing = Packing(attention_mask)
    if len(packing.places) > (1 - WORTH_IT) * attention_mask.numel():
        return None
    known = all(type(part) in (*TOKEN_BY_TOKEN, *fused) and not does_more(part) for part in encoder.modules())
    return packing if known else None
