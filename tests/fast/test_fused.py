"""Fused heads: the numbers of the clear ones, there and back."""

import copy
import math
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nano_bert import BertConfig, NanoBERT, NanoBertForClassification, NanoBertForPreTraining
from nano_bert.attention import BertSelfAttention
from nano_bert.fast.fused import FusedSelfAttention, fused_meanwhile, is_fused
from tests.oracles import (
    PRECISIONS,
    SEEDS,
    assert_same,
    gradients,
    hugging_face,
    packed_attention,
    random_batch,
    random_config,
    random_labels,
    random_mask,
    random_weights,
    torch_attention,
)

# How near the two must come. bfloat16 keeps 8 binary digits, and each way of computing rounds at steps of its own.
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-12, torch.bfloat16: 4 * torch.finfo(torch.bfloat16).eps}
MODELS = {
    "bert": NanoBERT,
    "cls": NanoBertForClassification,
    "mean": NanoBertForClassification,
    "words": NanoBertForPreTraining,
}


def direction(like: Tensor) -> Tensor:
    """Return a random direction of length 1, the same for tensors of the same shape."""
    way = torch.randn(like.shape, generator=torch.Generator().manual_seed(like.numel()))
    return (way / way.norm()).to(like.dtype)


def random_model(kind: str, seed: int, dtype: torch.dtype = torch.float64) -> tuple[Any, dict[str, Tensor]]:
    """Return a model of some kind and a batch with labels, in which one text is all padding."""
    config = random_config(seed, pooling="mean" if kind == "mean" else "cls", norm_first=seed % 2 == 1)
    model = random_weights(MODELS[kind](config).to(dtype), seed).eval()
    batch = random_batch(config, seed)
    batch["attention_mask"][1] = 0
    if kind in ("cls", "mean"):
        batch["labels"] = torch.randint(len(config.labels), (3,))
    elif kind == "words":
        batch |= random_labels(config, batch, seed)
    return model, batch


def numbers(model: Any, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return what a model says of a batch, but its attention weights, and send a gradient through all of it."""
    model.zero_grad()
    found = {name: value for name, value in vars(model(**batch)).items() if isinstance(value, Tensor)}
    loss = found["loss"] if "loss" in found else sum((direction(tensor) * tensor).sum() for tensor in found.values())
    loss.backward()
    return found


def packed_gradients(model: Any) -> dict[str, Tensor]:
    """Return all gradients, those of clear heads stacked and named as those of fused ones."""
    found = {name: grad for name, grad in gradients(model).items() if ".heads." not in name}
    for layer, attention in model.named_modules():
        if isinstance(attention, BertSelfAttention):
            packed = packed_attention(attention, lambda weight: weight.grad)
            found |= {f"{layer}.query_key_value.{name}": packed[f"in_proj_{name}"] for name in ("weight", "bias")}
    return found


# One layer of attention


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES.items())
@given(
    by_head=st.tuples(st.integers(1, 6), st.integers(1, 8)),
    shape=st.sampled_from([(), (1,), (3,), (2, 2)]).flatmap(
        lambda batch: st.integers(1, 12).map(lambda n_tokens: (*batch, n_tokens))
    ),
    visible=st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=40)
def test_fused_attention_gives_the_numbers_of_the_heads(
    dtype: torch.dtype, tolerance: float, by_head: tuple[int, int], shape: tuple[int, ...], visible: float, seed: int
) -> None:
    """For any sizes and masks: vectors and gradients, of all tokens or of the first alone, and never a NaN."""
    torch.manual_seed(seed)
    config = BertConfig(vocab_size=1, n_heads=by_head[0], n_embed=math.prod(by_head))
    attention = BertSelfAttention(config).to(dtype).eval()
    x, mask = torch.randn(*shape, config.n_embed).to(dtype), torch.rand(shape) < visible
    fused = FusedSelfAttention(attention)

    def learn(part: nn.Module, way: Callable[..., Tensor]) -> dict[str, Tensor]:
        part.zero_grad()
        own_x = x.clone().requires_grad_()
        out = way(own_x, mask)
        (direction(out) * out).sum().backward()
        return {"out": out, "x": own_x.grad, **packed_gradients(nn.ModuleDict({"attention": part}))}

    for ours, theirs in (
        (fused, lambda x, mask: attention(x, mask)[0]),
        (fused.answer_first, lambda x, mask: attention(x, mask)[0][..., :1, :]),
    ):
        found = learn(fused, ours)
        assert_same(found, learn(attention, theirs), tolerance)
        assert all(tensor.isfinite().all() and tensor.dtype == dtype for tensor in found.values())


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS.items())
@pytest.mark.parametrize("seed", SEEDS[:3])
def test_fused_attention_is_torch_multihead_attention(seed: int, dtype: torch.dtype, tolerance: float) -> None:
    """Which packs its weights in the same way, so they go straight from one to the other."""
    config = random_config(seed)
    attention = random_weights(BertSelfAttention(config).to(dtype), seed).eval()
    fused, oracle = FusedSelfAttention(attention), torch_attention(attention, config)
    assert torch.equal(fused.query_key_value.weight, oracle.in_proj_weight)
    assert torch.equal(fused.query_key_value.bias, oracle.in_proj_bias)
    x, mask = torch.randn(3, 4 + seed, config.n_embed, dtype=dtype), random_mask(3, 4 + seed, seed)
    assert_same({"out": fused(x, mask)}, {"out": oracle(x, x, x, key_padding_mask=~mask)[0]}, tolerance)


@pytest.mark.parametrize("way", ["forward", "answer_first"])
@pytest.mark.parametrize("dtype", [*TOLERANCES, torch.float16])
def test_a_text_that_is_all_padding_mixes_nothing(dtype: torch.dtype, way: str) -> None:
    """Exactly zero before the output layer, exactly zero as gradient, in every precision; others are not touched."""
    attention = random_weights(BertSelfAttention(BertConfig(vocab_size=1, n_heads=2, n_embed=8)), 0).to(dtype).eval()
    fused, x = FusedSelfAttention(attention), torch.randn(2, 5, 8).to(dtype).requires_grad_()
    with torch.autograd.set_detect_anomaly(True):  # torch itself looks for NaN in every step back
        out = getattr(fused, way)(x, torch.tensor([[False], [True]]).expand(2, 5))
        out.square().sum().backward()
    assert torch.equal(out[0], fused.output.bias.expand_as(out[0]))
    assert (x.grad[0] == 0).all()
    assert (x.grad[1] != 0).any()


@pytest.mark.parametrize("way", ["forward", "answer_first"])
def test_dropout_drops_weights_alike(way: str) -> None:
    """A share `p` of them, each by itself in every head; the others grow by 1 / (1 - p), so that the mean stays.

    Chance is no surprise here: the bounds are five standard deviations wide, and the seed is set.
    """
    p, n_heads, n_tokens, n_texts = 0.3, 3, 4, 2000
    config = BertConfig(vocab_size=1, n_heads=n_heads, n_embed=n_heads * n_tokens, dropout=p)
    attention = random_weights(BertSelfAttention(config), 0)
    # In every head the content of token i is the unit vector i: what is mixed is then the weights themselves.
    x = torch.eye(n_tokens, config.n_embed).expand(n_texts, -1, -1)
    for linear in (*(head.value for head in attention.heads), attention.output):
        nn.init.eye_(linear.weight)
        nn.init.zeros_(linear.bias)
    fused, mask = FusedSelfAttention(attention), torch.ones(n_texts, n_tokens, dtype=torch.bool)
    torch.manual_seed(0)
    with torch.no_grad():
        whole, left = (
            getattr(fused.train(mode), way)(x, mask).unflatten(-1, (n_heads, n_tokens)) for mode in (False, True)
        )
    gone = left == 0
    torch.testing.assert_close(left, whole.masked_fill(gone, 0) / (1 - p))
    assert abs(gone.float().mean().item() - p) < 5 * math.sqrt(p * (1 - p) / gone.numel())
    links = torch.corrcoef(gone.flatten(1).T.float()).fill_diagonal_(0)  # of each place with each other one
    assert links.abs().max() < 5.5 / math.sqrt(n_texts)


# Whole models


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS.items())
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("seed", SEEDS[:2])
def test_a_fused_model_gives_the_same_numbers(seed: int, kind: str, dtype: torch.dtype, tolerance: float) -> None:
    model, batch = random_model(kind, seed, dtype)
    clear, grads = numbers(model, batch), packed_gradients(model)
    fused = numbers(model.fuse(), batch)
    assert is_fused(model)
    assert_same(fused | packed_gradients(model), clear | grads, tolerance)
    assert_same(numbers(model.unfuse(), batch) | packed_gradients(model), clear | grads, tolerance)


def test_a_fused_classifier_is_berts() -> None:
    model, batch = random_model("cls", 0, torch.float32)
    del batch["labels"]
    batch["attention_mask"][1] = 1  # transformers lets a text of nothing but padding look at everything
    oracle = hugging_face(model, transformers.BertForSequenceClassification)
    assert_same({"logits": model.fuse()(**batch).logits}, {"logits": oracle(**batch).logits}, 1e-5)


@pytest.mark.parametrize("kind", MODELS)
def test_what_is_learnt_fused_the_heads_know(kind: str) -> None:
    """Three steps with AdamW, without dropout: the weights that the clear form learns, to rounding."""
    learnt: list[dict[str, Tensor]] = []
    for fused in (False, True):
        model, batch = random_model(kind, 1)
        with fused_meanwhile(model, fused):
            optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
            for _ in range(3):
                numbers(model, batch)
                optimizer.step()
        # A key's bias has no gradient but rounding, of which Adam makes a step.
        weights = model.state_dict().items()
        learnt.append({name: weight for name, weight in weights if not name.endswith("key.bias")})
    assert_same(learnt[1], learnt[0], 1e-8)
    first = random_model(kind, 1)[0].state_dict()
    assert not any(torch.equal(weight, first[name]) for name, weight in learnt[1].items() if ".heads." in name)


def test_in_mixed_precision_they_agree_too() -> None:
    model, batch = random_model("cls", 2, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        clear, fused = model(**batch), model.fuse()(**batch)
    assert fused.logits.dtype == clear.logits.dtype == torch.bfloat16
    assert_same({"logits": fused.logits}, {"logits": clear.logits}, 0.05)


def test_what_is_learnt_in_mixed_precision_is_what_is_learnt_in_full() -> None:
    """The way back goes through the softmax in 32 bits: no gradient is further off than the clear form's."""
    gradients: dict[str, dict[str, Tensor]] = {}
    for name, fused, in_16_bits in (("full", False, False), ("clear", False, True), ("fused", True, True)):
        model, batch = random_model("mean", 3, torch.float32)
        with torch.autocast("cpu", torch.bfloat16, in_16_bits), fused_meanwhile(model, fused):
            loss = model(**batch).loss
            loss.backward()
            tables = model.bert.embedding.named_parameters()
            gradients[name] = {part: weight.grad.clone() for part, weight in tables if weight.grad is not None}

    def furthest(name: str) -> float:
        return max((gradients[name][part] - right).norm() / right.norm() for part, right in gradients["full"].items())

    assert 0 < furthest("fused") < max(0.02, 1.5 * furthest("clear"))


def test_weights_of_16_bits_stay_so_when_they_learn() -> None:
    model, batch = random_model("bert", 3, torch.bfloat16)
    model.fuse()(**batch).last_hidden_state.sum().backward()
    assert {weight.grad.dtype for weight in model.parameters() if weight.grad is not None} == {torch.bfloat16}


def test_fused_heads_give_no_attention_weights_and_say_how_to_get_them() -> None:
    model, batch = random_model("bert", 0)
    wanted = model(**batch).attentions
    out = model.fuse()(**batch)
    assert out.attention_weights is None
    with pytest.raises(AttributeError, match=r"no attention weights.*model\.unfuse\(\)"):
        _ = out.attentions
    assert all(torch.equal(ours, other) for ours, other in zip(model.unfuse()(**batch).attentions, wanted, strict=True))


def test_a_fused_model_keeps_the_last_hidden_state_alone_and_says_how_to_get_the_others() -> None:
    """Without gradients, what a layer has answered is gone as soon as the next one has read it."""
    model, batch = random_model("bert", 2)
    wanted = model(**batch)
    alive: list[weakref.ref[Tensor]] = []
    for layer in model.fuse().encoder.layers:
        layer.register_forward_hook(lambda _, __, answer: alive.append(weakref.ref(answer)))
    with torch.no_grad():
        out = model(**batch)
    assert [one() is not None for one in alive] == [False] * (model.config.n_layers - 1) + [not model.config.norm_first]
    assert out.keys() == ["last_hidden_state", "pooler_output"]
    for ask in (lambda: out.hidden_states, lambda: out["hidden_states"]):
        with pytest.raises(AttributeError, match=r"the last hidden state alone.*after model\.unfuse\(\)"):
            ask()
    assert torch.allclose(out.last_hidden_state, wanted.last_hidden_state)


def test_where_no_weight_of_attention_is_dropped_both_forms_drop_the_same_features() -> None:
    config = random_config(1, n_layers=3, dropout=0.3, attention_dropout=0.0)
    model = random_weights(NanoBERT(config), 1).train()
    batch, found = random_batch(config, 1), list[Tensor]()
    for _ in range(2):
        torch.manual_seed(0)
        found.append(model(**batch).last_hidden_state)
        model.fuse()
    torch.testing.assert_close(*found)


# There and back


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_a_model_comes_back_the_same_objects_bit_for_bit(dtype: torch.dtype) -> None:
    """However often it is fused and unfused: weights, their order, modes, what learns, and chance."""
    model, _ = random_model("cls", 0, dtype)
    model.bert.encoder.layers[0].requires_grad_(False)
    modules, weights, chance = list(model.modules()), list(model.parameters()), torch.get_rng_state()
    before = copy.deepcopy(model.state_dict())
    learns = [weight.requires_grad for weight in weights]
    assert model.unfuse() is model.fuse() is model.fuse() is model.unfuse() is model.unfuse()
    assert not is_fused(model)
    assert all(ours is other for ours, other in zip(model.modules(), modules, strict=True))
    assert all(ours is other for ours, other in zip(model.parameters(), weights, strict=True))
    assert list(model.state_dict()) == list(before)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert [weight.requires_grad for weight in model.parameters()] == learns
    assert torch.equal(torch.get_rng_state(), chance)  # no weight was drawn


def test_what_happens_to_a_fused_model_has_happened_to_its_heads() -> None:
    """It went to another dtype and into another mode, and got a new dropout and a new norm; then all was frozen."""
    model, _ = random_model("cls", 0)
    norm, heads = nn.LayerNorm(model.config.n_embed), model.bert.encoder.layers[0].attention.heads
    model.train().fuse()
    model.bert.encoder.layers[0].attention_norm = norm
    model.bert.encoder.layers[0].attention.dropout.p = 0.7
    model.eval().to(torch.bfloat16).requires_grad_(False).unfuse()
    assert model.bert.encoder.layers[0].attention_norm is norm
    assert {weight.dtype for weight in heads.parameters()} == {torch.bfloat16}
    assert not any(weight.requires_grad for weight in heads.parameters())
    assert not any(module.training for module in model.modules())
    assert {head.dropout.p for head in heads} == {0.7}


def test_nothing_is_shared_with_the_heads_that_wait() -> None:
    model = NanoBERT(vocab_size=10, n_heads=2, n_embed=4)
    key = model.encoder.layers[0].attention.heads[1].key
    before = key.weight.clone()
    nn.init.zeros_(model.fuse().encoder.layers[0].attention.query_key_value.weight)
    assert torch.equal(key.weight, before)
    assert (model.unfuse().encoder.layers[0].attention.heads[1].key.weight == 0).all()


@pytest.mark.parametrize("frozen", ["", "heads", "biases of heads", "output"])
def test_what_is_frozen_stays_frozen(frozen: str) -> None:
    model = NanoBERT(vocab_size=10, n_heads=3, n_embed=12)
    attention = model.encoder.layers[0].attention
    for name, weight in attention.named_parameters():
        chosen = name.startswith("heads") if "heads" in frozen else name.startswith("output")
        weight.requires_grad_(not (frozen and chosen and ("biases" not in frozen or name.endswith("bias"))))
    learns = {name: weight.requires_grad for name, weight in model.named_parameters()}
    fused = model.fuse().encoder.layers[0].attention
    assert fused.query_key_value.weight.requires_grad == (frozen != "heads")
    assert fused.query_key_value.bias.requires_grad == ("heads" not in frozen)
    assert fused.output.weight.requires_grad == (frozen != "output")
    assert {name: weight.requires_grad for name, weight in model.unfuse().named_parameters()} == learns


def test_a_copy_of_a_fused_model_is_another_model() -> None:
    model, batch = random_model("cls", 0)
    wanted = numbers(model.fuse(), batch)
    other = copy.deepcopy(model)
    for weight in model.parameters():
        nn.init.zeros_(weight)
    assert_same(numbers(other, batch), wanted, 1e-12)
    assert_same(numbers(other.unfuse(), batch), wanted, 1e-10)
    assert not any(weight.any() for weight in model.unfuse().parameters())


def test_a_fused_model_takes_the_weights_of_another_fused_one() -> None:
    model, batch = random_model("cls", 0)
    other = random_weights(copy.deepcopy(model), 7)
    model.fuse().load_state_dict(other.fuse().state_dict())
    assert_same(numbers(model.unfuse(), batch), numbers(other.unfuse(), batch), 1e-12)


@pytest.mark.parametrize("kind", MODELS)
def test_a_fused_model_is_saved_as_its_heads(kind: str, tmp_path: Path) -> None:
    """The same files, byte for byte, and the model goes on fused."""
    model, _ = random_model(kind, 3, torch.float32)
    model.save_pretrained(tmp_path / "clear")
    model.fuse().save_pretrained(tmp_path / "fused")
    assert is_fused(model)
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "clear" / name).read_bytes() == (tmp_path / "fused" / name).read_bytes()
    assert not is_fused(type(model).from_pretrained(tmp_path / "fused"))


@pytest.mark.parametrize("before", [False, True])
def test_fused_meanwhile_leaves_a_model_as_it_was(before: bool) -> None:
    model = NanoBERT(vocab_size=10)
    if before:
        model.fuse()
    for wanted in (True, False):
        with fused_meanwhile(model, wanted):
            assert is_fused(model) == (wanted or before)
        assert is_fused(model) == before
