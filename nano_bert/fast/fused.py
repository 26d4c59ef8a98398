"""Fused heads: all heads of a layer in one matrix product, the same numbers, faster.

A list of heads is easy to read, and makes many small matrix products. Real libraries stack the weights of all heads on
top of each other, and make three products or one of them. What follows, softmax(Q Kᵀ / √d_head) V, is one call into
PyTorch, which need not keep the whole matrix of attention weights in memory (Dao et al., 2022, "FlashAttention",
https://arxiv.org/abs/2205.14135; the version for processors came with PyTorch 2.2).

`fuse` puts a fused encoder in the place of the clear one, and keeps the clear one aside; `unfuse` puts it back. All
parts but the heads are the same objects in both. What is done to a fused model in between is honoured or refused: a
layer that is taken out is gone, but heads, and hooks on what will be thrown away, are for the clear form.
"""

import copy
import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from nano_bert.attention import BertSelfAttention, check_mask
from nano_bert.encoder import BertEncoder, BertLayer
from nano_bert.fast.fusible import check_fusible, does_more, hooks_of, linears_of, reads_first
from nano_bert.fast.packing import Packing, find_packing
from nano_bert.model import NanoBERT

Model = TypeVar("Model", bound=nn.Module)


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
        self.clear = tuple(attention.modules())  # in a tuple, where PyTorch finds no part of this model
        self.versions = {id(weight): weight._version for part in linears for weight in part.parameters()}

    def __getattr__(self, name: str) -> Any:
        if name == "heads":
            raise AttributeError(
                "Fused heads are one matrix. After model.unfuse() they are objects of their own again."
            )
        return super().__getattr__(name)

    def forward(
        self,
        x: Float[Tensor, "*places embed"],
        attention_mask: Bool[Tensor, "*batch seq"],
        packing: Packing | None = None,
    ) -> Float[Tensor, "*places embed"]:
        """Mix the tokens of each text; return the joined vectors, as wide as `x`, and packed where it is."""
        packed: Tensor = self.query_key_value(x)
        block: Tensor = packed if packing is None else packing.unpack(packed)
        attention_mask = check_mask(attention_mask, block.shape[:-1])
        query, key, value = (
            part.view(*part.shape[:-1], *self.by_head).transpose(-2, -3)  # (*batch, head, seq, head_size)
            for part in block.chunk(3, dim=-1)
        )
        # Where all is hidden, a softmax has nothing to share out: let it see everything, and set the answer to zero.
        something = attention_mask.any(dim=-1)[..., None, None, None]  # (*batch, 1, 1, 1)
        visible = attention_mask[..., None, None, :] | ~something  # (*batch, 1, 1, key)
        dropout = self.dropout.p if self.dropout.training else 0.0
        mixed = attend(query, key, value, visible, dropout) * something
        joined = mixed.transpose(-2, -3).flatten(-2)  # heads side by side: (*batch, seq, embed)
        return self.output(joined if packing is None else packing.pack(joined))

    def answer_first(
        self, x: Float[Tensor, "*batch seq embed"], attention_mask: Bool[Tensor, "*batch seq"]
    ) -> Float[Tensor, "*batch 1 embed"]:
        """Mix the tokens of each text for its first one alone, with no key and no value of any token.

        A score is q · (K x), which is (q K) · x: for one question it is far less work to turn the question than to make
        the keys of all tokens. So, too, Σ w (V x) is V (Σ w x). The keys' bias adds the same to all scores of a text,
        and a softmax does not see that; the values' bias counts as often as there are weights to share out.
        """
        attention_mask = check_mask(attention_mask, x.shape[:-1])
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

    def check_can_go_back(self) -> None:
        """Refuse to go back to heads that are others now, or from a matrix that is none any more.

        Raises:
            ValueError: If either was changed in a way of which the other knows nothing.
        """
        attention: Any = self.clear[0]
        rows, columns = 3 * math.prod(self.by_head), attention.output.in_features
        sizes = {name: tuple(weight.shape) for name, weight in self.query_key_value.named_parameters()}
        if sizes != {"weight": (rows, columns), "bias": (rows,)}:
            raise ValueError(
                f"In place of the one matrix of all heads stands a {type(self.query_key_value).__name__}, of which no "
                f"heads can be made: put the matrix back, and change the heads after model.unfuse()."
            )
        # A copy of a fused model has other weights than these, and nobody can hold them since before.
        written = any(self.versions.get(id(one), one._version) != one._version for one in attention.heads.parameters())
        if written or list(map(id, attention.modules())) != list(map(id, self.clear)):
            raise ValueError(
                "Heads that fuse() has put aside were changed or replaced since, of which the fused ones know nothing: "
                "do it before fuse() or after unfuse(). (What is fused can still be saved.)"
            )

    @torch.no_grad()
    def give_back(self) -> BertSelfAttention:
        """Return the list of heads that they came from, with the weights of now, and what else may have changed."""
        attention: Any = self.clear[0]
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
        return attention


class FusedLayer(BertLayer):
    """A layer whose heads are fused. It takes over the other parts of a `BertLayer`, and gives no attention weights.

    Args:
        layer: The layer.
    """

    def __init__(self, layer: BertLayer) -> None:
        nn.Module.__init__(self)  # not BertLayer's own: nothing is drawn here
        self.norm_first, self.clear = layer.norm_first, (layer,)
        self.attention: Any = FusedSelfAttention(layer.attention)
        share_parts(layer, self)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride] (there are no weights to give)
        self,
        x: Float[Tensor, "*places embed"],
        attention_mask: Bool[Tensor, "*batch seq"],
        first_only: bool = False,
        packing: Packing | None = None,
    ) -> Float[Tensor, "*answered embed"]:
        """Return the new vectors of all tokens, or of the first of each text alone."""
        check_fused(self.attention, FusedSelfAttention)
        looked_at = self.attention_norm(x) if self.norm_first else x
        if first_only:
            found = self.attention.answer_first(looked_at, attention_mask)
            return self.after_attention(x[..., :1, :] + self.dropout(found))
        return self.after_attention(x + self.dropout(self.attention(looked_at, attention_mask, packing)))

    def give_back(self) -> BertLayer:
        """Return the clear layer, with the parts and weights of this one."""
        [layer] = self.clear
        own = self.attention
        layer.attention = own.give_back() if isinstance(own, FusedSelfAttention) else own
        share_parts(self, layer)
        return layer


class FusedEncoder(nn.Module):
    """A stack of fused layers.

    Args:
        encoder: The clear encoder that it stands for.
        model: The model that it is a part of. While nobody there reads more of the result than its first token, the
            last layer answers for it alone. (Those below answer for every token, since the layer above looks at all.)
            While nobody there reads padding, and much of a batch is padding, that is not computed, but left at zero.
    """

    def __init__(self, encoder: BertEncoder, model: nn.Module) -> None:
        super().__init__()
        self.layers: Any = nn.ModuleList(FusedLayer(layer) for layer in encoder.layers)
        self.final_norm = encoder.final_norm
        self.training = self.layers.training = encoder.training
        self.clear, self.reader, self.first_only = (encoder,), (model,), reads_first(model)
        kept = set(self.modules())
        self.hooks_put_aside = [hooks for part in encoder.modules() if part not in kept for hooks in hooks_of(part)]

    def forward(
        self, x: Float[Tensor, "*batch seq embed"], attention_mask: Bool[Tensor, "*batch seq"]
    ) -> tuple[tuple[Float[Tensor, "*batch _ embed"]], None]:
        """Run all layers; return the last hidden state alone, and no attention weights.

        Raises:
            ValueError: If a part has come in that is not fused, or a hook was set on one that is put aside.
        """
        if not torch.compiler.is_compiling() and any(self.hooks_put_aside):
            raise ValueError(
                "A hook was set on a layer or head that fuse() has put aside, where nobody calls it: set it before "
                "fuse(), which says whether it can be kept, or after unfuse(). (The hook's handle.remove() takes it "
                "away.)"
            )
        # Somebody may have put in another pooler since. (What is compiled was looked at when it was.)
        first_only = self.first_only and (torch.compiler.is_compiling() or reads_first(self.reader[0]))
        packing = find_packing(attention_mask, self.reader[0], self, (FusedEncoder, FusedLayer, FusedSelfAttention))
        x = x if packing is None else packing.pack(x)
        for place, layer in enumerate(self.layers, start=1):
            check_fused(layer, FusedLayer)
            first = first_only and place == len(self.layers)
            if first and packing is not None:
                x, packing = packing.unpack(x), None
            x = layer(x, attention_mask, first, packing)
        x = self.final_norm(x)
        return (x if packing is None else packing.unpack(x),), None

    def give_back(self) -> BertEncoder:
        """Return the clear encoder: the layers that are left here, with their weights, and those that came since."""
        [encoder] = self.clear
        encoder.final_norm = self.final_norm
        layers = [layer.give_back() if isinstance(layer, FusedLayer) else layer for layer in self.layers]
        clear: Any = encoder.layers
        del clear[:]
        clear.extend(layers)
        encoder.training = clear.training = self.training  # the list of layers is a module, too
        return encoder


def attend(
    query: Float[Tensor, "*batch head query head_size"],
    key: Float[Tensor, "*batch head key head_size"],
    value: Float[Tensor, "*batch head key head_size"],
    visible: Bool[Tensor, "*batch 1 1 key"],
    dropout: float,
) -> Float[Tensor, "*batch head query head_size"]:
    """Return softmax(Q Kᵀ / √d_head) V in one call, in 32 bits where a processor is to learn from it in 16.

    There PyTorch's way back through it takes, by the sizes, from 1.5 to 15 times as long in 16 bits as in 32 (with
    PyTorch 2.13, of 12 heads of 32 features at 384 tokens, and of 4 heads of 24 at 128).
    """
    if query.device.type != "cpu" or query.dtype != torch.bfloat16 or not query.requires_grad:
        return scaled_dot_product_attention(query, key, value, visible, dropout)
    with torch.autocast("cpu", enabled=False):
        mixed = scaled_dot_product_attention(query.float(), key.float(), value.float(), visible, dropout)
    return mixed.to(query.dtype)


def share_parts(source: BertLayer, target: BertLayer) -> None:
    """Let a layer use the parts of another one that are not fused."""
    for name in ("attention_norm", "feed_forward", "feed_forward_norm", "dropout", "training"):
        setattr(target, name, getattr(source, name))


def check_fused(part: object, kind: type[nn.Module]) -> None:
    """Refuse a part of another kind, which somebody has put into a fused model.

    Raises:
        ValueError: If it is one.
    """
    if type(part) is not kind:
        raise ValueError(
            f"In a fused model a {type(part).__name__} stands where a {kind.__name__} was: call model.unfuse() before "
            f"you change its layers or heads, and model.fuse() afterwards."
        )


def fuse(model: nn.Module) -> None:
    """Put a fused encoder in the place of every clear one; where one cannot be fused, none is.

    Raises:
        ValueError: If an encoder cannot be fused; the message says why.
    """
    clear = [part for part in model.modules() if isinstance(part, NanoBERT) and not is_fused(part)]
    for bert in clear:
        check_fusible(bert.encoder, model)
    for bert in clear:
        bert.encoder = FusedEncoder(bert.encoder, model)  # pyright: ignore[reportAttributeAccessIssue]


def unfuse(model: nn.Module) -> None:
    """Put the clear encoder back in the place of every fused one; where something would be lost, nowhere.

    Raises:
        ValueError: If a fused part has a hook, of which its clear form knows nothing; or if the heads that were put
            aside have been changed.
    """
    for part in model.modules():
        if not isinstance(part, FusedEncoder | FusedLayer | FusedSelfAttention):
            continue
        goes: list[Any] = [part.query_key_value, part.dropout] if isinstance(part, FusedSelfAttention) else []
        if any(map(does_more, (part, *goes))):
            raise ValueError(
                f"A part of a {type(part).__name__} has a hook, or a forward of its own, which would be lost: remove "
                f"it, and set it anew after model.unfuse()."
            )
        if isinstance(part, FusedSelfAttention):
            part.check_can_go_back()
    give_all_back(model)


def give_all_back(model: nn.Module) -> None:
    """Put the clear encoder back in the place of every fused one."""
    for part in list(model.modules()):
        if isinstance(part, NanoBERT) and is_fused(part):
            part.encoder = part.encoder.give_back()  # pyright: ignore


def clear_form(model: Model) -> Model:
    """Return a model that is not fused, to be saved: itself, or a copy without hooks on what is fused."""
    if not is_fused(model):
        return model
    model = copy.deepcopy(model)
    give_all_back(model)
    return model


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
