"""The answers: fused heads give no attention weights, and say how to get them."""

import pytest
import torch

from nano_bert import NanoBERT, NanoBertForClassification, NanoBertForPreTraining

IDS = torch.tensor([[1, 7, 8, 2], [1, 9, 2, 0]])
KINDS = [NanoBERT, NanoBertForClassification, NanoBertForPreTraining]


@pytest.mark.parametrize("kind", KINDS)
def test_fused_heads_say_how_to_get_attentions(kind: type) -> None:
    out = kind(vocab_size=10, n_heads=2, n_embed=4).fuse()(IDS)
    assert out.attention_weights is None
    with pytest.raises(AttributeError, match=r"give no attention weights. Ask the model again after model.unfuse\(\)"):
        _ = out.attentions


@pytest.mark.parametrize("kind", KINDS)
def test_that_advice_is_good(kind: type) -> None:
    model = kind(vocab_size=10, n_heads=2, n_embed=4, n_layers=3).eval()
    expected = model(IDS).attentions
    found = model.fuse().unfuse()(IDS).attentions
    assert len(found) == 3
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == (2, 2, 4, 4)
        torch.testing.assert_close(ours, theirs)


def test_attentions_are_the_attention_weights() -> None:
    out = NanoBERT(vocab_size=10)(IDS)
    assert out.attentions is out.attention_weights
