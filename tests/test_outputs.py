"""The answers of a model, as users of BERT expect them; and of models without numbers: meta and fake tensors."""

from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils import _pytree as pytree

from nano_bert import BertConfig, NanoBERT, NanoBertForClassification, NanoBertForPreTraining
from tests.oracles import hugging_face, random_weights

CONFIG = BertConfig(vocab_size=12, n_layers=2, n_heads=2, n_embed=4, max_seq_len=8, dropout=0.0)
IDS = torch.tensor([[1, 7, 8, 2], [1, 9, 2, 0], [1, 5, 4, 2]])
LABELS = torch.tensor([0, 1, 1])
ORACLES: dict[Any, Any] = {
    NanoBERT: transformers.BertModel,
    NanoBertForClassification: transformers.BertForSequenceClassification,
    NanoBertForPreTraining: transformers.BertForPreTraining,
}
GIVEN: dict[Any, dict[str, Tensor]] = {
    NanoBERT: {},
    NanoBertForClassification: {"labels": LABELS},
    NanoBertForPreTraining: {"labels": IDS, "next_sentence_label": LABELS},
}


def make(kind: Any, fused: bool = False) -> Any:
    model = random_weights(kind(CONFIG), 0).eval()
    return model.fuse() if fused else model


# Answers


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("kind", ORACLES)
def test_answers_are_indexed_as_in_transformers(kind: Any, labelled: bool) -> None:
    """By name and by place, what is None left out; a loop gives the answers themselves."""
    model = make(kind)
    given = GIVEN[kind] if labelled else {}
    ours = model(IDS, IDS != 0, **given)
    theirs = hugging_face(model, ORACLES[kind])(
        IDS, IDS != 0, **given, output_hidden_states=False, output_attentions=False
    )
    n_theirs = len(theirs)  # ours go on: with hidden states and attention weights
    assert ours.keys()[:n_theirs] == list(theirs.keys())
    for place, name in enumerate(theirs.keys()):
        torch.testing.assert_close(ours[place], theirs[place], atol=1e-5, rtol=1e-4)
        assert ours[name] is ours[place] is getattr(ours, name)
        assert name in ours
    assert len(ours) == len(tuple(ours)) == len(ours.to_tuple()) == len(ours[:])
    assert all(one is other for one, other in zip(ours, ours.to_tuple(), strict=True))
    assert list(dict(ours)) == ours.keys()
    assert ours[-1] is ours["attentions"] is ours.attentions
    assert ("loss" in ours) == (labelled and kind is not NanoBERT)


def test_what_is_not_in_an_answer_is_named() -> None:
    out = make(NanoBertForClassification)(IDS)
    with pytest.raises(KeyError, match="There is no 'loss' in this answer; there are: logits, attentions"):
        _ = out["loss"]
    with pytest.raises(IndexError):
        _ = out[2]
    fused = make(NanoBertForClassification, fused=True)(IDS)
    assert fused.keys() == ["logits"]
    [logits] = fused
    assert logits is fused.logits
    with pytest.raises(AttributeError, match=r"Ask the model again after model.unfuse\(\)"):
        _ = fused["attentions"]


@pytest.mark.parametrize("kind", ORACLES)
def test_fused_heads_say_how_to_get_attentions_and_that_advice_is_good(kind: Any) -> None:
    model = make(kind)
    expected = model(IDS)
    assert expected.attentions is expected.attention_weights
    out = model.fuse()(IDS)
    assert out.attention_weights is None
    with pytest.raises(AttributeError, match=r"give no attention weights. Ask the model again after model.unfuse\(\)"):
        _ = out.attentions
    found = model.unfuse()(IDS).attentions
    for ours, theirs in zip(found, expected.attentions, strict=True):
        assert ours.shape == (3, 2, 4, 4)
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("kind", ORACLES)
def test_pytorch_looks_into_answers(kind: Any, fused: bool) -> None:
    out = make(kind, fused)(IDS)
    doubled: Any = pytree.tree_map(in_double, out)
    assert type(doubled) is type(out)
    assert doubled.keys() == out.keys()
    assert doubled[0].dtype == torch.float64
    assert (doubled.attention_weights is None) == fused
    leaves, shape = pytree.tree_flatten(out)
    assert all(isinstance(leaf, Tensor) or leaf is None for leaf in leaves)
    assert pytree.treespec_loads(pytree.treespec_dumps(shape)) == shape


def in_double(leaf: Tensor | None) -> Tensor | None:
    return None if leaf is None else leaf.double()


# Models without numbers


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("kind", ORACLES)
def test_a_model_on_meta_gives_shapes(kind: Any, fused: bool) -> None:
    expected = make(kind, fused)(IDS, **GIVEN[kind])
    model = make(kind, fused).to("meta")
    given = {name: labels.to("meta") for name, labels in GIVEN[kind].items()}
    for mask in (None, (IDS != 0).to("meta"), (IDS != 0).float().to("meta")):
        out = model(IDS.to("meta"), mask, torch.zeros_like(IDS).to("meta"), **given)
        assert all(one.is_meta for one in pytree.tree_leaves(out) if one is not None)
        assert shapes(out) == shapes(expected)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("kind", ORACLES)
def test_a_model_of_fake_tensors_gives_shapes(as_a_reader: None, kind: Any, fused: bool) -> None:
    """No number is asked for on the way: a fake tensor has none, and says so by an error."""
    expected = make(kind, fused)(IDS, **GIVEN[kind])
    with FakeTensorMode() as mode:
        model = kind(CONFIG).eval()
        model = model.fuse() if fused else model
        given = {name: mode.from_tensor(labels) for name, labels in GIVEN[kind].items()}
        ids = mode.from_tensor(IDS)
        for mask in (None, ids != 0, (ids != 0).float()):
            out = model(ids, mask, torch.zeros_like(ids), **given)
            assert all(isinstance(one, FakeTensor) for one in pytree.tree_leaves(out) if one is not None)
            assert shapes(out) == shapes(expected)


def shapes(out: Any) -> list[Any]:
    return [one if one is None else tuple(one.shape) for one in pytree.tree_leaves(out)]
