"""What can be fused: an encoder of which one matrix product does exactly the same, and nothing is lost on the way.

A reader may have put a head of a new kind into a model, shared heads between layers, frozen some of them, or set a hook
that looks at what a head says. One product for all heads would do none of this, so such an encoder is refused.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeGuard

from torch import nn

from nano_bert.attention import BertAttentionHead, BertSelfAttention
from nano_bert.encoder import BertEncoder, BertLayer
from nano_bert.model import NanoBERT, NanoBertForClassification
from nano_bert.task_heads import BertPooler

PARTS = ("query", "key", "value")  # the order in which the fused matrix holds them


def linears_of(attention: BertSelfAttention) -> list[Any]:
    """Return the linear layers of all heads in the order of the fused matrix."""
    return [getattr(head, part) for part in PARTS for head in attention.heads]


def reads_tokens(model: nn.Module) -> TypeGuard[NanoBertForClassification]:
    """Say whether a model reads nothing of its last layer but tokens, and so no padding: our classifier does."""
    return (
        isinstance(model, NanoBertForClassification)
        and type(model).forward is NanoBertForClassification.forward
        and all(
            type(part) is kind and not does_more(part)
            for part, kind in ((model.bert, NanoBERT), (model.bert.pooler, BertPooler))
            if part is not None
        )
    )


def reads_first(model: nn.Module) -> bool:
    """Say whether a model reads nothing of its last layer but the first token: our classifier does, by `[CLS]`."""
    return reads_tokens(model) and model.config.pooling == "cls"


def check_fusible(encoder: BertEncoder, model: nn.Module) -> None:
    """Refuse an encoder whose heads cannot stand in one matrix.

    Args:
        encoder: The encoder.
        model: The model that it is part of, where others may use its heads.

    Raises:
        ValueError: If a part is of another class than ours, or has a hook; if weights are shared; or if the heads of a
            layer differ in what cannot differ in one matrix.
    """
    _check_ours([encoder], BertEncoder)
    _check_ours(encoder.layers, BertLayer)
    attentions = [layer.attention for layer in encoder.layers]
    _check_ours(attentions, BertSelfAttention)
    _check_ours([head for attention in attentions for head in attention.heads], BertAttentionHead)
    _check_ours([head.dropout for attention in attentions for head in attention.heads], nn.Dropout)
    _check_ours([linear for attention in attentions for linear in linears_of(attention)], nn.Linear)
    uses = Counter(id(weight) for _, weight in model.named_parameters(remove_duplicate=False))
    for number, attention in enumerate(attentions):
        for name in ("weight", "bias"):
            own = [getattr(linear, name) for linear in linears_of(attention)]
            if any(uses[id(weight)] != 1 for weight in own):
                raise ValueError("Heads that share weights, or have no bias, cannot be fused: each needs all its own.")
            if len({(weight.shape, weight.dtype, weight.device, weight.requires_grad) for weight in own}) > 1:
                raise ValueError(
                    f"In one matrix all heads learn or none does, and all have the same size and dtype, but those of "
                    f"layer {number} differ ({name})."
                )
        if len({(head.dropout.p, head.dropout.training) for head in attention.heads}) > 1:
            raise ValueError(f"In one matrix all heads have the same dropout, but those of layer {number} differ.")


def hooks_of(part: nn.Module) -> list[dict[int, Any]]:
    """Return what holds the hooks of a part, one for each kind: each is filled when a hook is set."""
    return [value for name, value in vars(part).items() if name.endswith("_hooks")]


def does_more(part: object) -> bool:
    """Say whether a part does more than its class does: it has a hook, or a `forward` of its own."""
    return any(value for name, value in vars(part).items() if name.endswith("_hooks") or name == "forward")


def _check_ours(parts: Iterable[nn.Module], kind: type[nn.Module]) -> None:
    for part in parts:
        if type(part) is not kind:
            raise ValueError(
                f"A {type(part).__name__} stands where a {kind.__name__} was expected, so the heads cannot be fused: "
                f"one matrix product would not do what yours do. Use the model as it is (in training: fused=False)."
            )
        if does_more(part):
            raise ValueError(
                f"A {kind.__name__} has a hook, or a forward of its own, of which fused heads know nothing: remove it "
                f"first, or use the model as it is (in training: fused=False)."
            )
