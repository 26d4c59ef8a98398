"""Fused heads: all heads of a layer in one matrix product, the same numbers, faster.

A list of heads is easy to read, and makes many small matrix products. Real libraries stack the weights of all heads on
top of each other, and make three products or one of them. What follows, softmax(Q Kᵀ / √d_head) V, is one call into
PyTorch, which need not keep the whole matrix of attention weights in memory (Dao et al., 2022, "FlashAttention",
https://arxiv.org/abs/2205.14135; the version for processors came with PyTorch 2.2).

`fuse` puts a fused encoder in the place of the clear one, and keeps the clear one aside; `unfuse` puts it back. All
parts but the heads are the same objects in both.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from nano_bert.attention import BertSelfAttention
from nano_bert.encoder import BertEncoder, BertLayer
from nano_bert.fast.fusible import check_fusible, linears_of
from nano_bert.model import NanoBERT, NanoBertForClassification


class FusedSelfAttention(nn.Module):
    """The same as `BertSelfAttention`, with the weights of all heads in one matrix: all queries, keys, then values.

    Args:
        attention: The list of heads whose weights are copied.

    Examples:
        >>> import torch
        >>> from nano_bert import BertConfig
        >>> from nano_bert.attention import BertSelfAttention
        >>> from nano_bert.fast.fused import FusedSelfAttention
        >>> attention = BertSelfAttention(BertConfig(vocab_size=10, n_embed=4, n_heads=2)).eval()
        >>> fused = FusedSelfAttention(attention).eval()
        >>> fused.query_key_value.weight.shape  # three parts, two heads, two rows each
        torch.Size([12, 4])
        >>> x, mask = torch.randn(3, 6, 4), torch.ones(3, 6, dtype=torch.bool)
        >>> torch.allclose(fused(x, mask), attention(x, mask)[0], atol=1e-6)
        True
    """

    def __init__(self, attention: BertSelfAttention) -> None:
        super().__init__()
        linears = linears_of(attention)
        weight, bias = linears[0].weight, linears[0].bias
        n_embed, self.head_size = weight.shape[1], weight.shape[0]
        self.n_heads, self.dropout = len(attention.heads), nn.Dropout(attention.heads[0].dropout.p)
        # "meta": no memory is taken and no random number drawn for weights that are replaced at once.
        self.query_key_value = nn.Linear(n_embed, 3 * self.n_heads * self.head_size, device="meta")
        with torch.no_grad():
            weights, biases = torch.cat([part.weight for part in linears]), torch.cat([part.bias for part in linears])
        self.query_key_value.weight = nn.Parameter(weights, weight.requires_grad)
        self.query_key_value.bias = nn.Parameter(biases, bias.requires_grad)
        self.output = attention.output
        self.training = attention.training
        self.dropout.training = attention.heads[0].dropout.training

    def forward(
        self,
        x: Float[Tensor, "*batch seq embed"],
        attention_mask: Bool[Tensor, "*batch seq"],
        n_read: int | None = None,
    ) -> Float[Tensor, "*batch read embed"]:
        """Mix the tokens of each text.

        Args:
            x: One vector a token.
            attention_mask: True where a token may be looked at, False where it is padding.
            n_read: How many tokens, from the first on, to answer for. By default all.

        Returns:
            The joined vectors, as wide as `x`.
        """
        n_embed = self.n_heads * self.head_size
        weight, bias = self.query_key_value.weight, self.query_key_value.bias
        if n_read is None:
            query, key, value = self.query_key_value(x).chunk(3, dim=-1)  # each (*batch, seq, embed)
        else:  # fewer questions, but everything that may answer them
            query = linear(x[..., :n_read, :], weight[:n_embed], bias[:n_embed])
            key, value = linear(x, weight[n_embed:], bias[n_embed:]).chunk(2, dim=-1)
        # Where all is hidden, a softmax has nothing to share out: let it see everything, and set the answer to zero.
        something = attention_mask.any(dim=-1)[..., None, None, None]  # (*batch, 1, 1, 1)
        visible = attention_mask[..., None, None, :] | ~something  # (*batch, 1, 1, key)
        dropout = self.dropout.p if self.dropout.training else 0.0
        query, key, value = self._by_head(query), self._by_head(key), self._by_head(value)
        mixed = scaled_dot_product_attention(query, key, value, visible, dropout) * something
        # (*batch, head, read, head_size) -> (*batch, read, embed): heads side by side
        return self.output(mixed.transpose(-2, -3).flatten(-2))

    def _by_head(self, x: Tensor) -> Tensor:
        # (*batch, seq, embed) -> (*batch, seq, head, head_size) -> (*batch, head, seq, head_size)
        return x.unflatten(-1, (self.n_heads, self.head_size)).transpose(-2, -3)

    @torch.no_grad()
    def give_back(self, attention: BertSelfAttention) -> None:
        """Write the weights, and what else may have changed meanwhile, into the list of heads that they came from."""
        for name in ("weight", "bias"):
            fused: nn.Parameter = getattr(self.query_key_value, name)
            for part, rows in zip(linears_of(attention), fused.split(self.head_size), strict=True):
                own: nn.Parameter = getattr(part, name)
                own.data, own.grad = rows.clone(), None
                own.requires_grad_(fused.requires_grad)
        for part in attention.modules():
            part.training = self.training
        for head in attention.heads:
            head.dropout.p, head.dropout.training = self.dropout.p, self.dropout.training
        attention.output = self.output


class FusedLayer(BertLayer):
    """A layer whose heads are fused. It takes over the other parts of a `BertLayer`, and gives no attention weights.

    Args:
        layer: The layer.
        n_read: How many tokens, from the first on, to answer for. By default all.
    """

    def __init__(self, layer: BertLayer, n_read: int | None = None) -> None:
        nn.Module.__init__(self)  # not BertLayer's own: nothing is drawn here
        self.norm_first, self.n_read = layer.norm_first, n_read
        self.attention: Any = FusedSelfAttention(layer.attention)
        share_parts(layer, self)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride] (there are no weights to give)
        self, x: Float[Tensor, "*batch seq embed"], attention_mask: Bool[Tensor, "*batch seq"]
    ) -> Float[Tensor, "*batch read embed"]:
        """Return the tokens' new vectors, of the first `n_read` or of all."""
        looked_at = self.attention_norm(x) if self.norm_first else x
        found = self.attention(looked_at, attention_mask, self.n_read)
        return self.after_attention(x[..., : self.n_read, :], found)


class FusedEncoder(nn.Module):
    """A stack of fused layers.

    Args:
        encoder: The clear encoder that it stands for.
        n_read: How many tokens of the result, from the first on, will be read. By default all. The layers below the
            last answer for every token, since the layer above looks at them all.
    """

    def __init__(self, encoder: BertEncoder, n_read: int | None = None) -> None:
        super().__init__()
        n_last = len(encoder.layers) - 1
        self.layers: list[FusedLayer] = nn.ModuleList(  # pyright: ignore
            FusedLayer(layer, n_read if number == n_last else None) for number, layer in enumerate(encoder.layers)
        )
        self.final_norm = encoder.final_norm
        self.training = encoder.training
        self.clear = (encoder,)  # in a tuple, where PyTorch finds no part of this model

    def forward(
        self, x: Float[Tensor, "*batch seq embed"], attention_mask: Bool[Tensor, "*batch seq"]
    ) -> tuple[tuple[Float[Tensor, "*batch _ embed"], ...], None]:
        """Run all layers; return the hidden states, and no attention weights."""
        hidden_states = [x]
        for layer in self.layers:
            x = layer(x, attention_mask)
            hidden_states.append(x)
        hidden_states[-1] = self.final_norm(x)
        return tuple(hidden_states), None

    def give_back(self) -> BertEncoder:
        """Return the clear encoder, with the weights of this one."""
        [encoder] = self.clear
        encoder.training, encoder.final_norm = self.training, self.final_norm
        for fused, layer in zip(self.layers, encoder.layers, strict=True):
            fused.attention.give_back(layer.attention)
            share_parts(fused, layer)
        return encoder


def fuse(model: nn.Module) -> None:
    """Put a fused encoder in the place of every clear one; where one cannot be fused, none is.

    Raises:
        ValueError: If an encoder cannot be fused; the message says why.
    """
    reads_first = isinstance(model, NanoBertForClassification) and model.config.pooling == "cls"
    # Somebody else's forward may read more.
    reads_first = reads_first and type(model).forward is NanoBertForClassification.forward
    clear = [part for part in model.modules() if isinstance(part, NanoBERT) and not is_fused(part)]
    for bert in clear:
        check_fusible(bert.encoder)
    for bert in clear:
        bert.encoder = FusedEncoder(bert.encoder, n_read=1 if reads_first else None)  # pyright: ignore


def unfuse(model: nn.Module) -> None:
    """Put the clear encoder back in the place of every fused one."""
    for part in model.modules():
        if isinstance(part, NanoBERT) and isinstance(part.encoder, FusedEncoder):  # pyright: ignore
            part.encoder = part.encoder.give_back()


@contextmanager
def fused_meanwhile(model: nn.Module, wanted: bool) -> Generator[None, None, None]:
    """Let the heads of a model be fused for a while, where that is wanted; afterwards they are what they were."""
    fuses = wanted and not is_fused(model)
    if fuses:
        fuse(model)
    try:
        yield
    finally:
        if fuses:
            unfuse(model)


def is_fused(model: nn.Module) -> bool:
    """Say whether heads of a model are fused."""
    return any(isinstance(module, FusedSelfAttention) for module in model.modules())


def share_parts(source: BertLayer, target: BertLayer) -> None:
    """Let a layer use the parts of another one that are not fused."""
    for name in ("attention_norm", "feed_forward", "feed_forward_norm", "dropout", "training"):
        setattr(target, name, getattr(source, name))
