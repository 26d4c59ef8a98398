"""What is done to a model while it is fused: it is honoured, before and after `unfuse()`, or refused in a sentence."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nano_bert import BertConfig, NanoBertForClassification
from nano_bert.attention import BertAttentionHead, BertSelfAttention
from nano_bert.encoder import BertLayer
from nano_bert.fast.fused import FusedSelfAttention, is_fused
from tests.fast.test_fusible import MeanPooler, tokens_answered
from tests.oracles import assert_same, random_weights

CONFIG = BertConfig(vocab_size=10, n_layers=3, n_heads=2, n_embed=4, dropout=0.0)
IDS = torch.tensor([[1, 7, 8, 2], [1, 9, 2, 0]])
pytestmark = pytest.mark.usefixtures("as_a_reader")


def new_model() -> Any:
    return random_weights(NanoBertForClassification(CONFIG), 0).eval()


def same_fused_and_clear(model: Any) -> None:
    """A fused model gives the numbers that it gives after `unfuse()`."""
    assert is_fused(model)
    fused = model(IDS).logits
    assert_same({"logits": model.unfuse()(IDS).logits}, {"logits": fused}, 1e-6)


# Honoured


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_layer_that_is_taken_out_is_gone(number: int) -> None:
    wanted, model = new_model(), new_model().fuse()
    del wanted.bert.encoder.layers[number], model.bert.encoder.layers[number]
    assert_same({"logits": model(IDS).logits}, {"logits": wanted(IDS).logits}, 1e-6)
    same_fused_and_clear(model)
    assert len(model.bert.encoder.layers) == 2


def test_layers_in_another_order_are_in_that_order() -> None:
    model = new_model().fuse()
    model.bert.encoder.layers = nn.ModuleList(reversed(model.bert.encoder.layers))
    same_fused_and_clear(model)


def test_a_pooler_that_reads_all_tokens_gets_all_tokens() -> None:
    model = new_model().fuse()
    assert tokens_answered(model)[-1] == 1
    model.bert.pooler = random_weights(MeanPooler(CONFIG), 1)
    assert tokens_answered(model)[-1] == 5
    same_fused_and_clear(model)


def test_who_looks_at_the_answers_of_bert_sees_those_of_all_tokens() -> None:
    model = new_model().fuse()
    seen: list[int] = []
    model.bert.register_forward_hook(lambda _, __, out: seen.append(out.last_hidden_state.shape[1]))
    model(IDS)
    assert seen == [4]


def test_a_hook_on_a_part_that_stays_stays() -> None:
    model = new_model().fuse()
    seen: list[int] = []
    model.bert.encoder.layers[0].feed_forward.register_forward_hook(lambda *_: seen.append(1))
    model(IDS)
    model.unfuse()(IDS)
    assert seen == [1, 1]


# Refused when it is used

PUT_IN: dict[str, tuple[str, Callable[[Any], object]]] = {
    "a clear layer": ("BertLayer", lambda layers: layers.__setitem__(1, BertLayer(CONFIG))),
    "one more layer": ("BertLayer", lambda layers: layers.append(BertLayer(CONFIG))),
    "clear attention": ("BertSelfAttention", lambda layers: setattr(layers[2], "attention", BertSelfAttention(CONFIG))),
    "nothing": ("Identity", lambda layers: layers.__setitem__(0, nn.Identity())),
}


@pytest.mark.parametrize("what", PUT_IN)
def test_a_clear_part_in_a_fused_model_is_named_and_comes_back_as_it_is(what: str) -> None:
    kind, put_in = PUT_IN[what]
    model = new_model().fuse()
    put_in(model.bert.encoder.layers)
    with pytest.raises(ValueError, match=rf"In a fused model a {kind} stands .* call model\.unfuse\(\) before"):
        model(IDS)
    model.unfuse()
    assert any(type(part).__name__ == kind for part in model.modules())
    if what != "nothing":
        same_fused_and_clear(model.fuse())


def test_fused_heads_cannot_be_taken_away() -> None:
    attention = new_model().fuse().bert.encoder.layers[0].attention
    with pytest.raises(AttributeError, match=r"Fused heads are one matrix\. After model\.unfuse\(\)"):
        del attention.heads[1]
    assert not hasattr(attention, "no_such_part")


@pytest.mark.parametrize("way", ["forward", "answer_first"])
@pytest.mark.parametrize("shape", [(3, 1), (1, 4), (4,), (3, 1, 4), (3, 3)])
def test_a_mask_is_not_spread_over_texts_that_it_was_not_made_for(way: str, shape: tuple[int, ...]) -> None:
    fused = FusedSelfAttention(BertSelfAttention(CONFIG))
    with pytest.raises(ValueError, match=r"^attention_mask .* needs the shape \(3, 4\), but it has"):
        getattr(fused, way)(torch.randn(3, 4, 4), torch.ones(shape, dtype=torch.bool))


def test_a_mask_of_numbers_is_a_mask() -> None:
    fused, x = FusedSelfAttention(BertSelfAttention(CONFIG)), torch.randn(2, 3, 4)
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    for way in (fused, fused.answer_first):
        assert torch.equal(way(x, mask), way(x, mask.bool()))
        with pytest.raises(ValueError, match="holds 1 for a token and 0 for padding"):
            way(x, mask * 2)


PUT_ASIDE: dict[str, Callable[[Any], Any]] = {
    "encoder": lambda bert: bert.encoder,
    "layer": lambda bert: bert.encoder.layers[1],
    "attention": lambda bert: bert.encoder.layers[1].attention,
    "head": lambda bert: bert.encoder.layers[1].attention.heads[0],
    "key": lambda bert: bert.encoder.layers[1].attention.heads[1].key,
    "dropout": lambda bert: bert.encoder.layers[1].attention.heads[1].dropout,
}


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize("part", PUT_ASIDE)
def test_a_hook_on_what_is_put_aside_is_not_silent(part: str, copied: bool) -> None:
    """It is refused when the model is asked; after `unfuse()` it is called."""
    model, seen = new_model(), list[int]()
    held = PUT_ASIDE[part](model.bert)
    model.fuse()
    if copied:
        model, held = copy.deepcopy((model, held))
    model(IDS)
    handles = [held.register_forward_hook(lambda *_: seen.append(1)), held.register_full_backward_hook(lambda *_: None)]
    with pytest.raises(ValueError, match=r"^A hook was set on a layer or head that fuse\(\) has put aside"):
        model(IDS)
    handles.pop(0).remove()
    with pytest.raises(ValueError, match="put aside"):
        model(IDS)
    handles.pop().remove()
    model(IDS)
    assert not seen
    held.register_forward_pre_hook(lambda *_: seen.append(2))
    model.unfuse()(IDS)
    assert seen == [2]


# Refused when it would be lost

HOOKED: dict[str, Callable[[Any], Any]] = {
    "encoder": lambda bert: bert.encoder,
    "layer": lambda bert: bert.encoder.layers[1],
    "attention": lambda bert: bert.encoder.layers[1].attention,
    "matrix": lambda bert: bert.encoder.layers[1].attention.query_key_value,
    "dropout": lambda bert: bert.encoder.layers[1].attention.dropout,
}


@pytest.mark.parametrize("part", HOOKED)
def test_a_hook_on_what_goes_is_not_lost_silently(part: str, tmp_path: Path) -> None:
    model = new_model().fuse()
    handle = HOOKED[part](model.bert).register_forward_hook(lambda *_: None)
    with pytest.raises(ValueError, match=r"has a hook, or a forward of its own, .* set it anew after model\.unfuse"):
        model.unfuse()
    assert is_fused(model)
    model.save_pretrained(tmp_path)  # of which nothing is lost
    handle.remove()
    assert not is_fused(model.unfuse())


def zero(head: BertAttentionHead) -> None:
    nn.init.zeros_(head.value.weight)


CHANGED: dict[str, Callable[[Any], object]] = {
    "zeroed": lambda attention: zero(attention.heads[1]),
    "taken away": lambda attention: attention.heads.__delitem__(1),
    "replaced": lambda attention: attention.heads.__setitem__(1, BertAttentionHead(CONFIG)),
    "another key": lambda attention: setattr(attention.heads[1], "key", nn.Linear(4, 2)),
    "one more": lambda attention: attention.heads.append(BertAttentionHead(CONFIG)),
    "nothing left": lambda attention: attention.heads.__setitem__(0, nn.Identity()),
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_change_of_the_heads_that_wait_is_not_lost_silently(change: str, tmp_path: Path) -> None:
    model = new_model()
    wanted, attention = model(IDS).logits, model.bert.encoder.layers[1].attention
    model.fuse()
    CHANGED[change](attention)
    with pytest.raises(ValueError, match=r"Heads that fuse\(\) has put aside were changed or replaced since"):
        model.unfuse()
    assert is_fused(model)
    if change == "zeroed":
        model.save_pretrained(tmp_path)
        assert_same({"logits": type(model).from_pretrained(tmp_path)(IDS).logits}, {"logits": wanted}, 1e-6)


@pytest.mark.parametrize("other", [nn.Linear(4, 12, bias=False), nn.Linear(4, 8), nn.Sequential(nn.Linear(4, 12))])
def test_a_matrix_that_is_none_any_more_makes_no_heads(other: nn.Module) -> None:
    model = new_model().fuse()
    model.bert.encoder.layers[1].attention.query_key_value = other
    with pytest.raises(ValueError, match=r"In place of the one matrix of all heads stands a (Linear|Sequential)"):
        model.unfuse()


# What a model is saved as


@pytest.mark.parametrize("fused", [False, True])
def test_a_model_with_a_layer_less_than_it_says_is_not_saved(fused: bool, tmp_path: Path) -> None:
    """The folder could not be opened again, so what was there before stays."""
    model = new_model()
    model.save_pretrained(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    if fused:
        model.fuse()
    del model.bert.encoder.layers[0]
    with pytest.raises(ValueError, match=r"^This model holds 2 layers, but config\.json speaks of 3"):
        model.save_pretrained(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_model_with_other_heads_or_words_than_it_says_is_not_saved(tmp_path: Path) -> None:
    fewer, wider, longer = new_model(), new_model(), new_model()
    del fewer.bert.encoder.layers[1].attention.heads[0]
    wider.bert.encoder.layers[0].attention.heads.append(BertAttentionHead(CONFIG))
    longer.bert.embedding.words = nn.Embedding(11, 4)
    for model, sentence in (
        (fewer, r"2 heads of 2 features make queries of the shape \(4, 4\), but these have \[\(2, 4\)\]"),
        (wider, r"but these have \[\(6, 4\)\]"),
        (longer, r"the table of words has the shape \[\(11, 4\)\], but these settings make it \(10, 4\)"),
    ):
        with pytest.raises(ValueError, match=f"^This model does not fit its config.json: .*{sentence}"):
            model.save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())
