"""What can be fused: an encoder of which one matrix product does exactly the same, and nothing is lost on the way.

A reader may have put a head of a new kind into a model, shared heads between layers, frozen some of them, or set a hook
that looks at what a head says. One product for all heads would do none of this, so such an encoder is refused.
"""

from collections.abc import Iterable

from torch import nn

from nano_bert.attention import BertAttentionHead, BertSelfAttention
from nano_bert.encoder import BertEncoder, BertLayer

PARTS = ("query", "key", "value")  # the order in which the fused matrix holds them


def linears_of(attention: BertSelfAttention) -> list[nn.Linear]:
    """Return the linear layers of all heads in the order of the fused matrix."""
    return [getattr(head, part) for part in PARTS for head in attention.heads]


def check_fusible(encoder: BertEncoder) -> None:
    """Refuse an encoder whose heads cannot stand in one matrix.

    Raises:
        ValueError: If a part is of another class than ours, or has a hook; if weights are shared; or if the heads of a
            layer differ in what cannot differ in one matrix.
    """
    _check_ours([encoder], BertEncoder)
    _check_ours(encoder.layers, BertLayer)
    attentions = [layer.attention for layer in encoder.layers]
    _check_ours(attentions, BertSelfAttention)
    heads = [head for attention in attentions for head in attention.heads]
    _check_ours(heads, BertAttentionHead)
    _check_ours([head.dropout for head in heads], nn.Dropout)
    linears = [linear for attention in attentions for linear in linears_of(attention)]
    _check_ours(linears, nn.Linear)
    weights = [weight for linear in linears for weight in linear.parameters()]
    if len({id(weight) for weight in weights}) < 2 * len(linears):
        raise ValueError("Heads that share weights, or have no bias, cannot be fused: each needs all of its own.")
    for number, attention in enumerate(attentions):
        for name in ("weight", "bias"):
            own = [getattr(linear, name) for linear in linears_of(attention)]
            if len({(weight.shape, weight.dtype, weight.device, weight.requires_grad) for weight in own}) > 1:
                raise ValueError(
                    f"In one matrix all heads learn or none does, and all have the same size and dtype, but those of "
                    f"layer {number} differ ({name})."
                )
        if len({(head.dropout.p, head.dropout.training) for head in attention.heads}) > 1:
            raise ValueError(f"In one matrix all heads have the same dropout, but those of layer {number} differ.")


def _check_ours(parts: Iterable[nn.Module], kind: type[nn.Module]) -> None:
    for part in parts:
        if type(part) is not kind:
            raise ValueError(
                f"A {type(part).__name__} stands where a {kind.__name__} was expected, so the heads cannot be fused: "
                f"one matrix product would not do what yours do. Use the model as it is (in training: fused=False)."
            )
        if any(getattr(part, name) for name in vars(part) if name.endswith("_hooks")):
            raise ValueError(f"A {kind.__name__} has a hook, which would see nothing of fused heads: remove it first.")
