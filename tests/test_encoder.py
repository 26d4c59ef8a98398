"""The encoder: a layer against torch's own, post-norm and pre-norm, and a stack of them."""

import pytest
import torch
from torch import nn

from nano_bert import BertConfig
from nano_bert.encoder import BertEncoder, BertLayer, FeedForward
from tests.oracles import (
    PRECISIONS,
    SEEDS,
    assert_same,
    gradient_of,
    packed_layer,
    random_config,
    random_mask,
    random_weights,
    torch_layer,
)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS.items())
@pytest.mark.parametrize("seed", SEEDS)
def test_a_layer_is_torch_transformer_encoder_layer(
    seed: int, dtype: torch.dtype, tolerance: float, norm_first: bool
) -> None:
    """With the same weights: the output and all gradients."""
    config = random_config(seed, norm_first=norm_first, layer_norm_eps=[1e-12, 1e-5, 0.1][seed % 3])
    layer = random_weights(BertLayer(config).to(dtype), seed).eval()
    oracle = torch_layer(layer, config)
    x = torch.randn(3, 5 + seed, config.n_embed, dtype=dtype).requires_grad_()
    same_x = x.detach().clone().requires_grad_()
    mask = random_mask(*x.shape[:2], seed)

    ours, _ = layer(x, mask)
    theirs = oracle(same_x, src_key_padding_mask=~mask)
    goal = torch.randn_like(ours)
    (ours - goal).square().mean().backward()
    (theirs - goal).square().mean().backward()

    assert_same({"out": ours, "x": x.grad}, {"out": theirs, "x": same_x.grad}, tolerance)
    gradients = {name: weight.grad for name, weight in oracle.named_parameters()}
    assert_same(packed_layer(layer, gradient_of), gradients, tolerance)


def test_the_feed_forward_network_bends_with_the_exact_gelu() -> None:
    """That is x times the share of a normal distribution below x; not the tanh that comes near it."""
    network = FeedForward(BertConfig(vocab_size=10, n_embed=1, n_feed_forward=1))
    for linear in (network.expand, network.contract):
        nn.init.ones_(linear.weight)
        nn.init.zeros_(linear.bias)
    x = torch.linspace(-4, 4, 50)[:, None]
    torch.testing.assert_close(network(x), x * torch.distributions.Normal(0, 1).cdf(x))


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_layer_that_finds_nothing_adds_nothing(norm_first: bool) -> None:
    """The residual: with silent sub-layers a pre-norm layer is the identity, a post-norm layer just normalises."""
    layer = BertLayer(BertConfig(vocab_size=10, n_embed=4, norm_first=norm_first)).eval()
    for silent in (layer.attention.output, layer.feed_forward.contract):
        nn.init.zeros_(silent.weight)
        nn.init.zeros_(silent.bias)
    x = torch.randn(6, 4)
    y, _ = layer(x, torch.ones(6, dtype=torch.bool))
    torch.testing.assert_close(y, x if norm_first else nn.functional.layer_norm(x, (4,), eps=1e-12))


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_each_layer_reads_what_the_one_below_wrote(seed: int, norm_first: bool) -> None:
    config = random_config(seed, norm_first=norm_first)
    encoder = random_weights(BertEncoder(config), seed).eval()
    x = torch.randn(2, 7, config.n_embed)
    mask = random_mask(2, 7, seed)
    hidden_states, attentions = encoder(x, mask)
    assert len(encoder.layers) == len(attentions) == len(hidden_states) - 1 == config.n_layers
    assert hidden_states[0] is x
    for index, layer in enumerate(encoder.layers):
        y, weights = layer(hidden_states[index], mask)
        top = index == config.n_layers - 1
        assert torch.equal(hidden_states[index + 1], encoder.final_norm(y) if top else y)
        assert torch.equal(attentions[index], weights)


def test_only_pre_norm_ends_with_a_norm_of_its_own() -> None:
    last = BertEncoder(BertConfig(vocab_size=10, norm_first=True, layer_norm_eps=0.25)).final_norm
    assert isinstance(last, nn.LayerNorm)
    assert last.eps == 0.25
    assert not list(BertEncoder(BertConfig(vocab_size=10)).final_norm.parameters())


@pytest.mark.parametrize("norm_first", [False, True])
def test_dropout_stands_before_each_residual_sum(norm_first: bool) -> None:
    """If all that is found is dropped, the input is left, and its norms: the input itself is never dropped."""
    layer = random_weights(BertLayer(BertConfig(vocab_size=10, n_embed=4, norm_first=norm_first)), 0)
    layer.dropout.p = 1.0
    x = torch.randn(6, 4)
    y, _ = layer.train()(x, torch.ones(6, dtype=torch.bool))
    assert torch.equal(y, x if norm_first else layer.feed_forward_norm(layer.attention_norm(x)))
