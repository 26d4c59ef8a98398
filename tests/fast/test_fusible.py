"""Which models can be fused, and which would lose something; and which read no more than the first token."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from nano_bert import BertConfig, NanoBERT, NanoBertForClassification
from nano_bert.attention import BertAttentionHead, BertSelfAttention
from nano_bert.encoder import BertLayer
from nano_bert.fast.fused import fuse, is_fused
from nano_bert.task_heads import BertPooler

# Only what is read


class Subclass(NanoBertForClassification):
    """Another forward, which may read what it likes."""

    def forward(self, *inputs: Any, **more: Any) -> Any:
        return super().forward(*inputs, **more)


class MeanPooler(BertPooler):
    """A pooler that reads all tokens."""

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(x.mean(dim=-2)).tanh()


def tokens_answered(model: NanoBertForClassification) -> list[int]:
    """Return for how many tokens each layer answers."""
    found: list[int] = []
    hooks = [
        layer.feed_forward_norm.register_forward_hook(lambda _, __, answer: found.append(answer.shape[-2]))
        for layer in model.bert.encoder.layers
    ]
    model.bert(torch.ones(2, 5, dtype=torch.long))
    for hook in hooks:
        hook.remove()
    return found


def test_where_cls_is_read_the_last_layer_answers_for_it_alone() -> None:
    config = BertConfig(vocab_size=10, n_layers=2, pooling="cls")
    assert tokens_answered(NanoBertForClassification(config)) == [5, 5]
    assert tokens_answered(NanoBertForClassification(config).fuse()) == [5, 1]
    assert tokens_answered(NanoBertForClassification(replace(config, pooling="mean")).fuse()) == [5, 5]
    assert tokens_answered(Subclass(config).fuse()) == [5, 5]
    other_pooler, hooked = NanoBertForClassification(config), NanoBertForClassification(config)
    other_pooler.bert.pooler = MeanPooler(config)
    hooked.bert.register_forward_hook(lambda *_: None)
    assert tokens_answered(other_pooler.fuse()) == tokens_answered(hooked.fuse()) == [5, 5]


# What would be lost is refused


class OwnHead(BertAttentionHead):
    """A head of another kind."""


class OwnAttention(BertSelfAttention):
    """Heads put together in another way."""


class OwnLayer(BertLayer):
    """A layer of another kind."""


class OwnLinear(nn.Linear):
    """A linear layer of another kind."""


class Wrapped(nn.Module):
    """A linear layer with something learnt beside it, as LoRA has it."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear, self.beside = linear, nn.Linear(linear.in_features, linear.out_features)


def put(parts: Any, index: int, part: nn.Module) -> None:
    parts[index] = part


CHANGES: dict[str, tuple[str, Callable[[Any, Any, Any], object]]] = {
    # what is done to a model, the upper layer of its two, and the second of that layer's three heads
    "own layer": ("An? OwnLayer", lambda model, layer, head: put(model.bert.encoder.layers, 1, OwnLayer(model.config))),
    "own attention": (
        "An? OwnAttention",
        lambda model, layer, head: setattr(layer, "attention", OwnAttention(model.config)),
    ),
    "own head": ("An? OwnHead", lambda model, layer, head: put(layer.attention.heads, 1, OwnHead(model.config))),
    "own linear": ("An? OwnLinear", lambda model, layer, head: setattr(head, "key", OwnLinear(6, 2))),
    "wrapped linear": ("A Wrapped", lambda model, layer, head: setattr(head, "value", Wrapped(head.value))),
    "parametrised weight": ("A Parametrized", lambda model, layer, head: parametrizations.weight_norm(head.query)),
    "own dropout": ("An? Dropout1d", lambda model, layer, head: setattr(head, "dropout", nn.Dropout1d())),
    "hook": ("a hook", lambda model, layer, head: head.register_forward_hook(lambda *_: None)),
    "hook before": ("a hook", lambda model, layer, head: head.key.register_forward_pre_hook(lambda *_: None)),
    "hook backward": ("a hook", lambda model, layer, head: layer.register_full_backward_hook(lambda *_: None)),
    "own forward": ("a forward of its own", lambda model, layer, head: setattr(head, "forward", lambda x, mask: None)),
    "shared head": ("share", lambda model, layer, head: put(layer.attention.heads, 0, head)),
    "shared layer": ("share", lambda model, layer, head: put(model.bert.encoder.layers, 0, layer)),
    "shared weight": ("share", lambda model, layer, head: setattr(head.key, "weight", head.query.weight)),
    "shared outside": ("share", lambda model, layer, head: setattr(model, "probe", head.key)),
    "no bias": ("have no bias", lambda model, layer, head: setattr(head, "key", nn.Linear(6, 2, bias=False))),
    "frozen head": (r"layer 1 differ \(weight\)", lambda model, layer, head: head.requires_grad_(False)),
    "frozen bias": (r"layer 1 differ \(bias\)", lambda model, layer, head: head.key.bias.requires_grad_(False)),
    "other dtype": (r"layer 1 differ \(weight\)", lambda model, layer, head: head.key.double()),
    "other dropout": ("same dropout", lambda model, layer, head: setattr(head.dropout, "p", 0.9)),
    "other mode": ("same dropout", lambda model, layer, head: head.dropout.eval()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_cannot_be_fused_is_refused_and_nothing_is_changed(change: str) -> None:
    sentence, change_it = CHANGES[change]
    model = NanoBertForClassification(vocab_size=10, n_layers=2, n_heads=3, n_embed=6)
    layer = model.bert.encoder.layers[1]
    change_it(model, layer, layer.attention.heads[1])
    both = nn.ModuleList([NanoBERT(vocab_size=10), model])  # one that could be, and one that cannot
    modules = list(both.modules())
    for refused in (model.fuse, lambda: fuse(both)):
        with pytest.raises(ValueError, match=sentence):
            refused()
    assert all(ours is other for ours, other in zip(both.modules(), modules, strict=True))
    assert not is_fused(both)
