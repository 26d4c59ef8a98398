"""Fused heads: all heads of a layer in one matrix product, the same numbers, faster.

A list of heads is easy to read, and makes many small matrix products. Real libraries stack the weights of all heads on
top of each other, and make three products or one of them. What follows, softmax(Q Kᵀ / √d_head) V, is one call into
PyTorch, which need not keep the whole matrix of attention weights in memory (Dao et al., 2022, "FlashAttention",
https://arxiv.org/abs/2205.14135; the version for processors came with PyTorch 2.2).

`fuse` puts a fused encoder in the place of the clear one, and keeps the clear one aside; `unfuse` puts it back. All
parts but the heads are the same objects in both.
"""

import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from nano_bert.attention import BertSelfAttention
from nano_bert.encoder import BertEncoder, BertLayer
from nano_bert.fast.fusible import check_fusible, linears_of, reads_first
from nano_bert.model import NanoBERT


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
        >>> fused = FusedSelfAttention(attention)
        >>> fused.query_key_value.weight.shape  # three parts, two heads, two rows each
        torch.Size([12, 4])
        >>> x, mask = torch.randn(3, 6, 4), torch.ones(3, 6, dtype=torch.bool)
        >>> torch.allclose(fused(x, mask), attention(x, mask)[0], atol=1e-6)
        True
    """

    def __init__(self, attention: BertSelfAttention) -> None:
        super().__init__()
        linears, dropout = linears_of(attention), attention.heads[0].dropout
        self.by_head = (len(attention.heads), linears[0].out_features)  # heads, and features of each
        # "meta": no memory is taken and no random number drawn for weights that are replaced at once.
        self.query_key_value = nn.Linear(linears[0].in_features, 3 * math.prod(self.by_head), device="meta")
        for name in ("weight", "bias"):
            own: list[Tensor] = [getattr(part, name) for part in linears]
            setattr(self.query_key_value, name, nn.Parameter(torch.cat(own).detach(), own[0].requires_grad))
        self.dropout, self.output = nn.Dropout(dropout.p), attention.output
        self.dropout.training, self.training = dropout.training, attention.training

    def forward(
        self, x: Float[Tensor, "*batch seq embed"], attention_mask: Bool[Tensor, "*batch seq"]
    ) -> Float[Tensor, "*batch seq embed"]:
        """Mix the tokens of each text; return the joined vectors, as wide as `x`."""
        query, key, value = (
            part.unflatten(-1, self.by_head).transpose(-2, -3)  # (*batch, head, seq, head_size)
            for part in self.query_key_value(x).chunk(3, dim=-1)
        )
        # Where all is hidden, a softmax has nothing to share out: let it see everything, and set the answer to zero.
        something = attention_mask.any(dim=-1)[..., None, None, None]  # (*batch, 1, 1, 1)
        visible = attention_mask[..., None, None, :] | ~something  # (*batch, 1, 1, key)
        dropout = self.dropout.p if self.dropout.training else 0.0
        mixed = scaled_dot_product_attention(query, key, value, visible, dropout) * something
        return self.output(mixed.transpose(-2, -3).flatten(-2))  # heads side by side: (*batch, seq, embed)

    def answer_first(
        self, x: Float[Tensor, "*batch seq embed"], attention_mask: Bool[Tensor, "*batch seq"]
    ) -> Float[Tensor, "*batch 1 embed"]:
        """Mix the tokens of each text for its first one alone, with no key and no value of any token.

        A score is q · (K x), which is (q K) · x: for one question it is far less work to turn the question than to make
        the keys of all tokens. So, too, Σ w (V x) is V (Σ w x). The keys' bias adds the same to all scores of a text,
        and a softmax does not see that; the values' bias counts as often as there are weights to share out.
        """
        texts, hidden = x.reshape(-1, *x.shape[-2:]), ~attention_mask.reshape(-1, 1, attention_mask.shape[-1])
        of_query, of_key, of_value = self.query_key_value.weight.chunk(3)
        query_bias, _, value_bias = self.query_key_value.bias.chunk(3)
        query = linear(texts[:, 0], of_query, query_bias).view(-1, *self.by_head) / math.sqrt(self.by_head[1])
        turned = (query.transpose(0, 1) @ of_key.view(*self.by_head, -1)).transpose(0, 1)  # (batch, head, embed)
        scores = turned @ texts.transpose(-2, -1)  # (batch, head, token)
        shares = scores.masked_fill(hidden, torch.finfo(scores.dtype).min).softmax(dim=-1).masked_fill(hidden, 0.0)
        shares = self.dropout(shares)
        mixed = (shares @ texts).transpose(0, 1) @ of_value.view(*self.by_head, -1).transpose(-2, -1)
        mixed = mixed.transpose(0, 1) + shares.sum(dim=-1, keepdim=True) * value_bias.view(self.by_head)
        return self.output(mixed.flatten(-2)).view(*x.shape[:-2], 1, -1)

    @torch.no_grad()
    def give_back(self, attention: BertSelfAttention) -> None:
        """Write the weights, and what else may have changed meanwhile, into the list of heads that they came from."""
        for name in ("weight", "bias"):
            fused: nn.Parameter = getattr(self.query_key_value, name)
            each = fused.view(-1, self.by_head[1], *fused.shape[1:])  # the rows of one linear layer after another's
            for part, rows in zip(linears_of(attention), each, strict=True):
                own: nn.Parameter = getattr(part, name)
                own.data, own.grad, own.requires_grad = rows.clone(), None, fused.requires_grad
        attention.output = self.output
        for module in attention.modules():
            module.training = self.training
        for head in attention.heads:
            head.dropout.p, head.dropout.training = self.dropout.p, self.dropout.training


class FusedLayer(BertLayer):
    """A layer whose heads are fused. It takes over the other parts of a `BertLayer`, and gives no attention weights.

    Args:
        layer: The layer.
        first_only: Whether nobody will read more than its first token.
    """

    def __init__(self, layer: BertLayer, first_only: bool) -> None:
        nn.Module.__init__(self)  # not BertLayer's own: nothing is drawn here
        self.norm_first, self.first_only = layer.norm_first, first_only
        self.attention: Any = FusedSelfAttention(layer.attention)
        share_parts(layer, self)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride] (there are no weights to give)
        self, x: Float[Tensor, "*batch seq embed"], attention_mask: Bool[Tensor, "*batch seq"]
    ) -> Float[Tensor, "*batch answered embed"]:
        """Return the new vectors of all tokens, or of the first alone."""
        looked_at = self.attention_norm(x) if self.norm_first else x
        if self.first_only:
            return self.after_attention(x[..., :1, :], self.attention.answer_first(looked_at, attention_mask))
        return self.after_attention(x, self.attention(looked_at, attention_mask))


class FusedEncoder(nn.Module):
    """A stack of fused layers.

    Args:
        encoder: The clear encoder that it stands for.
        first_only: Whether nobody will read more of the result than its first token. The layers below the last answer
            for every token all the same, since the layer above looks at them all.
    """

    def __init__(self, encoder: BertEncoder, first_only: bool) -> None:
        super().__init__()
        last = encoder.layers[-1]
        self.layers: Any = nn.ModuleList(FusedLayer(layer, first_only and layer is last) for layer in encoder.layers)
        self.final_norm = encoder.final_norm
        self.training = self.layers.training = encoder.training
        self.clear = (encoder,)  # in a tuple, where PyTorch finds no part of this model

    def forward(
        self, x: Float[Tensor, "*batch seq embed"], attention_mask: Bool[Tensor, "*batch seq"]
    ) -> tuple[tuple[Float[Tensor, "*batch _ embed"], ...], None]:
        """Run all layers; return the hidden states, and no attention weights."""
        hidden_states = [x]
        for layer in self.layers:
            hidden_states.append(layer(hidden_states[-1], attention_mask))
        hidden_states[-1] = self.final_norm(hidden_states[-1])
        return tuple(hidden_states), None

    def give_back(self) -> BertEncoder:
        """Return the clear encoder, with the weights of this one."""
        [encoder] = self.clear
        encoder.final_norm = self.final_norm
        for module in (encoder, encoder.layers):  # the list of layers is a module, too
            module.training = self.training  # pyright: ignore[reportAttributeAccessIssue]
        for fused, layer in zip(self.layers, encoder.layers, strict=True):
            fused.attention.give_back(layer.attention)
            share_parts(fused, layer)
        return encoder


def share_parts(source: BertLayer, target: BertLayer) -> None:
    """Let a layer use the parts of another one that are not fused."""
    for name in ("attention_norm", "feed_forward", "feed_forward_norm", "dropout", "training"):
        setattr(target, name, getattr(source, name))


def fuse(model: nn.Module) -> None:
    """Put a fused encoder in the place of every clear one; where one cannot be fused, none is.

    Raises:
        ValueError: If an encoder cannot be fused; the message says why.
    """
    clear = [part for part in model.modules() if isinstance(part, NanoBERT) and not is_fused(part)]
    for bert in clear:
        check_fusible(bert.encoder, model)
    for bert in clear:
        bert.encoder = FusedEncoder(bert.encoder, reads_first(model))  # pyright: ignore[reportAttributeAccessIssue]


def unfuse(model: nn.Module) -> None:
    """Put the clear encoder back in the place of every fused one."""
    for part in model.modules():
        if isinstance(part, NanoBERT) and is_fused(part):
            part.encoder = part.encoder.give_back()  # pyright: ignore


@contextmanager
def fused_meanwhile(model: nn.Module, wanted: bool) -> Generator[None, None, None]:
    """Let the heads of a model be fused for a while, where that is wanted; afterwards they are what they were."""
    if not wanted or is_fused(model):
        yield
        return
    fuse(model)
    try:
        yield
    finally:
        unfuse(model)


def is_fused(model: nn.Module) -> bool:
    """Say whether heads of a model are fused."""
    return any(isinstance(part, FusedEncoder) for part in model.modules())
