"""The fused twin: all heads of a layer in one matrix product, the same numbers, faster.

A list of heads is easy to read, and makes many small matrix products. Real libraries stack the weights of all heads on
top of each other, and make three products or one of them. What follows, softmax(Q Kᵀ / √d_head) V, is one call into
PyTorch, which need not keep the whole matrix of attention weights in memory (Dao et al., 2022, "FlashAttention",
https://arxiv.org/abs/2205.14135; the version for processors came with PyTorch 2.2).
"""

import copy
import math
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from nano_bert.attention import BertSelfAttention
from nano_bert.config import BertConfig
from nano_bert.encoder import BertLayer

PARTS = ("query", "key", "value")  # the order in which the fused matrix holds them


class FusedSelfAttention(nn.Module):
    """The same as `BertSelfAttention`, with the weights of all heads in one matrix.

    Args:
        config: `n_heads` heads of `n_embed / n_heads` features each.

    Examples:
        >>> import torch
        >>> from nano_bert import BertConfig
        >>> from nano_bert.attention import BertSelfAttention
        >>> from nano_bert.fused import FusedSelfAttention
        >>> attention = BertSelfAttention(BertConfig(vocab_size=10, n_embed=4, n_heads=2)).eval()
        >>> fused = FusedSelfAttention.from_heads(attention)
        >>> fused.query_key_value.weight.shape  # three parts, two heads, two rows each
        torch.Size([12, 4])
        >>> x, mask = torch.randn(3, 6, 4), torch.ones(3, 6, dtype=torch.bool)
        >>> torch.allclose(fused(x, mask)[0], attention(x, mask)[0], atol=1e-6)
        True
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.n_heads, self.head_size, self.dropout = config.n_heads, config.head_size, config.dropout
        self.query_key_value = nn.Linear(config.n_embed, 3 * config.n_embed)
        self.output = nn.Linear(config.n_embed, config.n_embed)

    def forward(
        self,
        x: Float[Tensor, "*batch seq embed"],
        attention_mask: Bool[Tensor, "*batch seq"],
        output_attentions: bool = False,
        n_read: int | None = None,
    ) -> tuple[Float[Tensor, "*batch read embed"], Float[Tensor, "*batch head query=read key=seq"] | None]:
        """Mix the tokens of each text.

        Args:
            x: One vector a token.
            attention_mask: True where a token may be looked at, False where it is padding.
            output_attentions: Whether to return the weights, too. PyTorch's own function does not give them, so they
                are then computed step by step, as a head does.
            n_read: How many tokens, from the first on, to answer for. By default all.

        Returns:
            The joined vectors, as wide as `x`, and the weights of every head, if they were asked for.
        """
        # (*batch, seq, 3 embed) -> (*batch, seq, 3 head, head_size) -> (*batch, 3 head, seq, head_size)
        parts = self.query_key_value(x).unflatten(-1, (3 * self.n_heads, self.head_size)).transpose(-2, -3)
        query, key, value = parts.chunk(3, dim=-3)  # each (*batch, head, seq, head_size)
        query = query[..., :n_read, :]
        # Where all is hidden, a softmax has nothing to share out: let it see everything, and set the answer to zero.
        something = attention_mask.any(dim=-1)[..., None, None, None]  # (*batch, 1, 1, 1)
        visible = attention_mask[..., None, None, :] | ~something  # (*batch, 1, 1, key)
        dropout = self.dropout if self.training else 0.0
        weights = None
        if output_attentions:
            scores = (query / math.sqrt(self.head_size)) @ key.transpose(-2, -1)  # (*batch, head, query, key)
            weights = scores.masked_fill(~visible, float("-inf")).softmax(dim=-1) * something
            mixed = torch.dropout(weights, dropout, self.training) @ value
        else:
            mixed = scaled_dot_product_attention(query, key, value, visible, dropout) * something
        # (*batch, head, read, head_size) -> (*batch, read, embed): heads side by side
        return self.output(mixed.transpose(-2, -3).flatten(-2)), weights

    @classmethod
    @torch.no_grad()
    def from_heads(cls, attention: BertSelfAttention) -> "FusedSelfAttention":
        """Return the twin of a list of heads, its weights copied: first all queries, then all keys, then all values.

        Raises:
            ValueError: If the heads differ in what cannot differ in one matrix: dropout, or whether they learn.
        """
        heads = list(attention.heads)
        n_embed = attention.output.in_features
        if len({(head.dropout.p, weight.requires_grad) for head in heads for weight in head.parameters()}) > 1:
            raise ValueError(
                "In one matrix all heads learn or none does, and all have the same dropout, but these heads differ."
            )
        # "meta": no memory is taken and no random number drawn for weights that are replaced at once.
        with torch.device("meta"):
            twin = cls(BertConfig(vocab_size=1, n_heads=len(heads), n_embed=n_embed, dropout=heads[0].dropout.p))
        linears = [cast(nn.Linear, getattr(head, part)) for part in PARTS for head in heads]
        learns = linears[0].weight.requires_grad
        twin.query_key_value.weight = nn.Parameter(torch.cat([linear.weight for linear in linears]), learns)
        twin.query_key_value.bias = nn.Parameter(torch.cat([linear.bias for linear in linears]), learns)
        twin.output = copy.deepcopy(attention.output)
        return twin.train(attention.training)

    @torch.no_grad()
    def to_heads(self) -> BertSelfAttention:
        """Return the list of heads again, each with its own copy of its weights."""
        with torch.device("meta"):
            config = BertConfig(vocab_size=1, n_heads=self.n_heads, n_embed=self.output.in_features)
            attention = BertSelfAttention(config)
        learns = self.query_key_value.weight.requires_grad
        heads = list(attention.heads)
        linears = [cast(nn.Linear, getattr(head, part)) for part in PARTS for head in heads]
        for number, linear in enumerate(linears):
            rows = slice(number * self.head_size, (number + 1) * self.head_size)
            linear.weight = nn.Parameter(self.query_key_value.weight[rows].clone(), learns)
            linear.bias = nn.Parameter(self.query_key_value.bias[rows].clone(), learns)
        for head in heads:
            head.dropout.p = self.dropout
        attention.output = copy.deepcopy(self.output)
        return attention.train(self.training)


def fuse(model: nn.Module) -> None:
    """Put the fused twin in the place of every list of heads; where one cannot be fused, none is."""
    twins = {
        layer: FusedSelfAttention.from_heads(layer.attention)
        for layer in model.modules()
        if isinstance(layer, BertLayer) and isinstance(layer.attention, BertSelfAttention)  # pyright: ignore
    }
    for layer, twin in twins.items():
        layer.attention = twin  # pyright: ignore (it answers as the heads do)


def unfuse(model: nn.Module) -> None:
    """Put a list of heads in the place of every fused twin."""
    for layer in model.modules():
        if isinstance(layer, BertLayer) and isinstance(layer.attention, FusedSelfAttention):
            layer.attention = layer.attention.to_heads()


def is_fused(model: nn.Module) -> bool:
    """Say whether heads of a model are fused."""
    return any(isinstance(module, FusedSelfAttention) for module in model.modules())
