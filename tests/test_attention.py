"""Attention: one head and many against torch's own, masks of every kind, and heads that are objects."""

import math

import jaxtyping
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from nano_bert import BertConfig
from nano_bert.attention import BertAttentionHead, BertSelfAttention
from tests.oracles import (
    PRECISIONS,
    SEEDS,
    assert_same,
    gradient_of,
    packed_attention,
    random_config,
    random_mask,
    random_weights,
    torch_attention,
)

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]


def random_input(seed: int, n_embed: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Return two equal tensors: ours, and the oracle's, each with a gradient of its own."""
    torch.manual_seed(seed)
    x = torch.randn(3, 4 + seed, n_embed, dtype=dtype)
    return x.clone().requires_grad_(), x.clone().requires_grad_()


def test_a_head_by_hand() -> None:
    """Two words, one feature: question times label, softmax, a weighted mean of the contents."""
    head = BertAttentionHead(BertConfig(vocab_size=10, n_embed=1)).eval()
    for part, weight in ((head.query, 1.0), (head.key, math.log(3)), (head.value, 10.0)):
        nn.init.constant_(part.weight, weight)
        nn.init.zeros_(part.bias)
    mixed, weights = head(torch.tensor([[1.0], [0.0]]), torch.tensor([True, True]))
    torch.testing.assert_close(weights, torch.tensor([[0.75, 0.25], [0.5, 0.5]]))  # e^ln 3 : e^0 is 3 : 1
    torch.testing.assert_close(mixed, torch.tensor([[7.5], [5.0]]))


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS.items())
@pytest.mark.parametrize("seed", SEEDS)
def test_a_head_is_scaled_dot_product_attention(seed: int, dtype: torch.dtype, tolerance: float) -> None:
    """For heads of any size, output and gradients."""
    config = random_config(seed)
    head = random_weights(BertAttentionHead(config).to(dtype), seed).eval()
    x, same_x = random_input(seed, config.n_embed, dtype)
    mask = random_mask(*x.shape[:2], seed)
    ours, weights = head(x, mask)
    theirs = scaled_dot_product_attention(
        head.query(same_x), head.key(same_x), head.value(same_x), mask[:, None, :].expand(weights.shape)
    )
    ours.square().sum().backward()
    theirs.square().sum().backward()
    assert_same({"out": ours, "x.grad": x.grad}, {"out": theirs, "x.grad": same_x.grad}, tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS.items())
@pytest.mark.parametrize("seed", SEEDS)
def test_a_list_of_heads_is_torch_multihead_attention(seed: int, dtype: torch.dtype, tolerance: float) -> None:
    """With the same weights: output, each head's attention weights, and all gradients."""
    config = random_config(seed)
    attention = random_weights(BertSelfAttention(config).to(dtype), seed).eval()
    oracle = torch_attention(attention, config)
    x, same_x = random_input(seed, config.n_embed, dtype)
    mask = random_mask(*x.shape[:2], seed)

    ours, weights = attention(x, mask)
    theirs, their_weights = oracle(same_x, same_x, same_x, key_padding_mask=~mask, average_attn_weights=False)
    (ours.square().sum() + weights.square().sum()).backward()
    (theirs.square().sum() + their_weights.square().sum()).backward()

    assert_same({"out": ours, "weights": weights}, {"out": theirs, "weights": their_weights}, tolerance)
    assert_same({"x": x.grad}, {"x": same_x.grad}, tolerance)
    gradients = {name: weight.grad for name, weight in oracle.named_parameters()}
    assert_same(packed_attention(attention, gradient_of), gradients, tolerance)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_head_is_torch_multihead_attention_of_one(seed: int) -> None:
    """With an output layer that changes nothing, what is left is the head itself."""
    config = random_config(seed, n_heads=1)
    attention = random_weights(BertSelfAttention(config), seed).eval()
    nn.init.eye_(attention.output.weight)
    nn.init.zeros_(attention.output.bias)
    x, same_x = random_input(seed, config.n_embed)
    mask = random_mask(*x.shape[:2], seed)
    ours, weights = attention.heads[0](x, mask)
    oracle = torch_attention(attention, config)
    theirs, their_weights = oracle(same_x, same_x, same_x, key_padding_mask=~mask)
    assert_same({"out": ours, "weights": weights}, {"out": theirs, "weights": their_weights}, 1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_row_shares_out_1_among_the_visible(seed: int) -> None:
    config = random_config(seed)
    attention = random_weights(BertSelfAttention(config), seed).eval()
    x, _ = random_input(seed, config.n_embed)
    mask = random_mask(*x.shape[:2], seed)
    _, weights = attention(x, mask)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))
    assert (weights.movedim(-1, 1)[~mask] == 0).all()  # exactly nothing from a hidden token


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_hidden_token_says_is_never_heard(seed: int) -> None:
    config = random_config(seed)
    attention = random_weights(BertSelfAttention(config), seed).eval()
    x, other = random_input(seed, config.n_embed)
    mask = random_mask(*x.shape[:2], seed)
    other = other.detach().masked_fill(~mask[..., None], 1e4)
    assert torch.equal(attention(x, mask)[0][mask], attention(other, mask)[0][mask])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_head_that_sees_nothing_gives_zeros_and_never_nan(dtype: torch.dtype) -> None:
    """Forward and backward, in every precision; the text beside it is not touched by this."""
    head = random_weights(BertAttentionHead(BertConfig(vocab_size=10, n_embed=4)).to(dtype), 0)
    x, _ = random_input(0, 4, dtype)
    mask = torch.ones(x.shape[:2], dtype=torch.bool)
    mask[1] = False
    mixed, weights = head.eval()(x, mask)
    assert (mixed[1] == 0).all()
    assert (weights[1] == 0).all()
    torch.testing.assert_close(mixed[2], head(x[2], mask[2])[0])
    with torch.autograd.set_detect_anomaly(True):  # torch itself looks for NaN in every step back
        mixed.square().sum().backward()
    assert (x.grad[1] == 0).all()
    assert all(tensor.isfinite().all() for tensor in (mixed, x.grad, *(p.grad for p in head.parameters())))


@pytest.mark.parametrize("seed", SEEDS)
def test_one_sentence_is_the_batch_of_one(seed: int) -> None:
    config = random_config(seed)
    attention = random_weights(BertSelfAttention(config), seed).eval()
    x, _ = random_input(seed, config.n_embed)
    mask = random_mask(*x.shape[:2], seed)
    for batched, single in zip(attention(x, mask), attention(x[0], mask[0]), strict=True):
        torch.testing.assert_close(batched[0], single)


def test_each_head_is_its_own_object() -> None:
    """With matrices of its own, none of them packed or shared."""
    attention = BertSelfAttention(BertConfig(vocab_size=10, n_heads=3, n_embed=12))
    assert [type(head) for head in attention.heads] == [BertAttentionHead] * 3
    weights = [weight for head in attention.heads for weight in head.parameters()]
    assert len({weight.data_ptr() for weight in weights}) == 3 * 6
    assert {tuple(weight.shape) for weight in weights} == {(4, 12), (4,)}


def test_a_head_can_be_taken_away() -> None:
    """A head whose content is nothing adds nothing, and the others go on as before."""
    attention = random_weights(BertSelfAttention(BertConfig(vocab_size=10, n_heads=3, n_embed=12)), 0).eval()
    x, _ = random_input(0, 12)
    mask = torch.ones(x.shape[:2], dtype=torch.bool)
    before = attention(x, mask)[0]
    adds = attention.heads[1](x, mask)[0] @ attention.output.weight[:, 4:8].T  # the columns that read head 1
    nn.init.zeros_(attention.heads[1].value.weight)
    nn.init.zeros_(attention.heads[1].value.bias)
    torch.testing.assert_close(attention(x, mask)[0], before - adds)


def test_dropout_drops_weights_in_training_alone() -> None:
    """And the weights that come out are those before dropout, so that a drawing of them is whole."""
    head = random_weights(BertAttentionHead(BertConfig(vocab_size=10, n_embed=4, dropout=0.5)), 0)
    x, _ = random_input(0, 4)
    mask = torch.ones(x.shape[:2], dtype=torch.bool)
    mixed, weights = head.eval()(x, mask)
    torch.manual_seed(1)
    trained, same_weights = head.train()(x, mask)
    torch.manual_seed(1)
    torch.testing.assert_close(trained, nn.functional.dropout(weights, 0.5) @ head.value(x))
    assert torch.equal(weights, same_weights)
    assert not torch.allclose(trained, mixed)


def test_shapes_are_checked_in_this_test_run() -> None:
    head = BertAttentionHead(BertConfig(vocab_size=10, n_embed=4))
    with pytest.raises(jaxtyping.TypeCheckError, match="attention_mask"):
        head(torch.randn(6, 4), torch.ones(5, dtype=torch.bool))
