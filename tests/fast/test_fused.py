"""The fused twin: the same numbers as the list of heads, there and back, and nothing computed that nobody asked for."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from nano_bert import BertConfig, NanoBERT, NanoBertForClassification, NanoBertForPreTraining
from nano_bert.attention import BertAttentionHead, BertSelfAttention
from nano_bert.base_model import draw
from nano_bert.encoder import BertLayer
from nano_bert.fast.fused import FusedSelfAttention, is_fused
from tests.oracles import (
    PRECISIONS,
    SEEDS,
    Read,
    assert_same,
    gradient_of,
    hugging_face,
    packed_attention,
    random_batch,
    random_config,
    random_mask,
    random_riddles,
    random_weights,
    torch_attention,
    weight_of,
)

# How near the twin must come. bfloat16 keeps 8 binary digits, and each way of computing rounds at steps of its own.
TOLERANCES = {torch.float32: 1e-6, torch.float64: 1e-12, torch.bfloat16: 4 * torch.finfo(torch.bfloat16).eps}
KINDS = ["bert", "cls", "mean", "pretraining", "words"]


def fused_or_not(fused: bool, model: Any) -> Any:
    return model.fuse() if fused else model


def packed(attention: nn.Module, read: Read) -> dict[str, Tensor]:
    """Return the weights (or gradients) of a list of heads or of its twin, those of the heads cut and stacked alike."""
    if isinstance(attention, BertSelfAttention):
        return packed_attention(attention, read)
    return {
        "in_proj_weight": read(attention.query_key_value.weight),
        "in_proj_bias": read(attention.query_key_value.bias),
        "out_proj.weight": read(attention.output.weight),
        "out_proj.bias": read(attention.output.bias),
    }


def packed_gradients(model: nn.Module) -> dict[str, Tensor]:
    """Return all gradients of a whole model, fused or not, under the same names."""
    found = {name: weight.grad for name, weight in model.named_parameters() if ".attention." not in name}
    for layer, module in model.named_modules():
        if isinstance(module, BertLayer):
            found |= {f"{layer}.{name}": grad for name, grad in packed(module.attention, gradient_of).items()}
    return {name: grad for name, grad in found.items() if grad is not None}


def storages(module: nn.Module) -> list[int]:
    return [weight.untyped_storage().data_ptr() for weight in module.parameters()]


# One layer of attention


@dataclass
class Case:
    """A list of heads of some size, and texts to read."""

    seed: int
    n_heads: int
    head_size: int
    batch: tuple[int, ...]
    n_tokens: int
    visible: float
    n_read: int | None

    def draw(self, dtype: torch.dtype) -> tuple[BertSelfAttention, Tensor, Tensor]:
        """Return heads as a model starts with them, but with biases; tokens as a LayerNorm gives them; and a mask."""
        torch.manual_seed(self.seed)
        config = BertConfig(vocab_size=1, n_heads=self.n_heads, n_embed=self.n_heads * self.head_size)
        attention = draw(BertSelfAttention(config))
        for name, weight in attention.named_parameters():
            if name.endswith("bias"):
                nn.init.normal_(weight, std=0.2)
        x = torch.randn(*self.batch, self.n_tokens, config.n_embed)
        mask = torch.rand(*self.batch, self.n_tokens) < self.visible
        if len(self.batch) > 0 and self.batch[0] > 1:
            mask[0] = False  # beside other texts, one that is all padding
        return attention.to(dtype).eval(), x.to(dtype), mask


CASES = st.builds(
    Case,
    seed=st.integers(0, 10**6),
    n_heads=st.integers(1, 6),
    head_size=st.integers(1, 8),
    batch=st.sampled_from([(), (1,), (3,), (2, 2)]),
    n_tokens=st.integers(1, 12),
    visible=st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    n_read=st.sampled_from([None, 1, 2]),
)


def direction(like: Tensor) -> Tensor:
    """Return a random direction of length 1, the same for tensors of the same shape."""
    chance = torch.Generator().manual_seed(like.numel())
    way = torch.randn(like.shape, generator=chance)
    return (way / way.norm()).to(like.dtype)


def numbers(attention: nn.Module, x: Tensor, mask: Tensor, asked: bool, n_read: int | None) -> dict[str, Tensor]:
    """Return all that a layer of attention gives for texts: vectors, weights if asked for, and every gradient."""
    x = x.clone().requires_grad_()
    out, weights = attention(x, mask, asked, n_read)
    answers = {"out": out, "weights": weights} if asked else {"out": out}
    assert asked or weights is None
    attention.zero_grad()
    sum((direction(tensor) * tensor).sum() for tensor in answers.values()).backward()
    return {**answers, "x": x.grad, **packed(attention, gradient_of)}


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES.items())
@given(case=CASES)
@settings(max_examples=60)
def test_the_twin_gives_the_numbers_of_the_heads(dtype: torch.dtype, tolerance: float, case: Case) -> None:
    """For any sizes and masks: vectors, attention weights and gradients, and never a NaN."""
    attention, x, mask = case.draw(dtype)
    fused = FusedSelfAttention.from_heads(attention)
    found: dict[bool, dict[str, Tensor]] = {}
    for asked in (True, False):
        found[asked] = numbers(fused, x, mask, asked, case.n_read)
        assert_same(found[asked], numbers(attention, x, mask, asked, case.n_read), tolerance)
        assert all(tensor.isfinite().all() and tensor.dtype == dtype for tensor in found[asked].values())
    assert_same({"out": found[True]["out"]}, {"out": found[False]["out"]}, tolerance)
    n_rows = case.n_tokens if case.n_read is None else min(case.n_read, case.n_tokens)
    assert found[True]["weights"].shape == (*case.batch, case.n_heads, n_rows, case.n_tokens)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS.items())
@pytest.mark.parametrize("seed", SEEDS)
def test_the_twin_is_torch_multihead_attention(seed: int, dtype: torch.dtype, tolerance: float) -> None:
    """Which packs its weights in the same way: output, weights, and all gradients, straight from one to the other."""
    config = random_config(seed)
    attention = random_weights(BertSelfAttention(config).to(dtype), seed).eval()
    fused, oracle = FusedSelfAttention.from_heads(attention), torch_attention(attention, config)
    x = torch.randn(3, 4 + seed, config.n_embed, dtype=dtype)
    mask = random_mask(*x.shape[:2], seed)
    same_x = x.clone().requires_grad_()
    theirs, their_weights = oracle(same_x, same_x, same_x, key_padding_mask=~mask, average_attn_weights=False)
    (direction(theirs) * theirs).sum().backward()
    gradients = {name: weight.grad for name, weight in oracle.named_parameters()}
    ours = numbers(fused, x, mask, asked=False, n_read=None)
    assert_same(ours, {"out": theirs, "x": same_x.grad, **gradients}, tolerance)
    assert_same({"weights": fused(x, mask, True)[1]}, {"weights": their_weights}, tolerance)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("batch", [(), (3,)])
@pytest.mark.parametrize("dtype", [*TOLERANCES, torch.float16])
def test_a_text_that_is_all_padding_mixes_nothing(dtype: torch.dtype, batch: tuple[int, ...], asked: bool) -> None:
    """Exactly zero before the output layer, exactly zero as weights and gradients, in every precision."""
    attention, x, mask = Case(0, 2, 4, batch, 5, 1.0, None).draw(dtype)
    fused = FusedSelfAttention.from_heads(attention)
    hidden = ~mask.any(dim=-1) if batch else torch.tensor(True)
    mask = mask & ~hidden[..., None]
    mixed: list[Tensor] = []
    fused.output.register_forward_pre_hook(lambda _, inputs: mixed.append(inputs[0]))
    with torch.autograd.set_detect_anomaly(True):  # torch itself looks for NaN in every step back
        found = numbers(fused, x, mask, asked, n_read=None)
    assert (mixed[0][hidden] == 0).all()
    assert torch.equal(found["out"][hidden], fused.output.bias.expand_as(found["out"][hidden]))
    assert (found["x"][hidden] == 0).all()
    assert not asked or (found["weights"][hidden] == 0).all()
    assert all(tensor.isfinite().all() for tensor in found.values())


def test_what_a_hidden_token_says_is_never_heard() -> None:
    """The rows of visible tokens stay the same, bit for bit, and exactly nothing is taken from a hidden one."""
    attention, x, mask = Case(1, 3, 4, (3,), 9, 0.6, None).draw(torch.float32)
    fused = FusedSelfAttention.from_heads(attention)
    other = x.masked_fill(~mask[..., None], 1e4)
    for asked in (True, False):
        assert torch.equal(fused(x, mask, asked)[0][mask], fused(other, mask, asked)[0][mask])
    assert (fused(x, mask, True)[1].movedim(-1, 1)[~mask] == 0).all()


# There and back


@pytest.mark.parametrize("dtype", TOLERANCES)
@given(case=CASES)
@settings(max_examples=30)
def test_back_to_heads_it_is_bit_for_bit_the_same(dtype: torch.dtype, case: Case) -> None:
    attention, _, _ = case.draw(dtype)
    fused = FusedSelfAttention.from_heads(attention)
    back = fused.to_heads()
    before, after = attention.state_dict(), back.state_dict()
    assert list(before) == list(after)  # in the same order, too
    assert all(torch.equal(before[name], after[name]) and after[name].dtype == dtype for name in before)
    assert [type(head) for head in back.heads] == [BertAttentionHead] * case.n_heads
    for name, weight in packed(fused, weight_of).items():  # first all queries, then all keys, then all values
        assert torch.equal(weight, packed(attention, weight_of)[name])


def test_nothing_is_shared_between_the_twins() -> None:
    """Each matrix has memory of its own, and so has each head afterwards: what one learns, no other one hears of."""
    attention = BertSelfAttention(BertConfig(vocab_size=10, n_heads=3, n_embed=12))
    fused = FusedSelfAttention.from_heads(attention)
    back = fused.to_heads()
    found = [storage for twin in (attention, fused, back) for storage in storages(twin)]
    assert len(found) == len(set(found)) == 20 + 4 + 20
    assert len({id(module) for twin in (attention, fused, back) for module in twin.modules()}) == 2 * 18 + 3


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("training", [True, False])
def test_mode_and_dropout_go_there_and_back(training: bool, dropout: float) -> None:
    config = BertConfig(vocab_size=10, n_heads=3, n_embed=12, dropout=dropout)
    attention = BertSelfAttention(config).train(training)
    fused = FusedSelfAttention.from_heads(attention)
    back = fused.to_heads()
    assert fused.dropout == dropout
    assert [head.dropout.p for head in back.heads] == [dropout] * 3
    for twin in (fused, back):
        assert {module.training for module in twin.modules()} == {training}


@pytest.mark.parametrize("parts", ["", "heads", "output", "heads output"])
def test_what_is_frozen_stays_frozen(parts: str) -> None:
    attention = BertSelfAttention(BertConfig(vocab_size=10, n_heads=3, n_embed=12))
    for part in parts.split():
        getattr(attention, part).requires_grad_(False)
    fused = FusedSelfAttention.from_heads(attention)
    assert {weight.requires_grad for weight in fused.query_key_value.parameters()} == {"heads" not in parts}
    assert {weight.requires_grad for weight in fused.output.parameters()} == {"output" not in parts}
    learns = {name: weight.requires_grad for name, weight in attention.named_parameters()}
    assert {name: weight.requires_grad for name, weight in fused.to_heads().named_parameters()} == learns


@pytest.mark.parametrize("change", ["a head", "its keys", "a bias", "dropout"])
def test_heads_that_differ_are_refused_and_left_alone(change: str) -> None:
    """In one matrix all learn or none. A model with such heads stays as it was, the layers below them, too."""
    model = NanoBERT(vocab_size=10, n_layers=2, n_heads=3, n_embed=6)
    head = model.encoder.layers[1].attention.heads[1]
    if change == "a head":
        head.requires_grad_(False)
    elif change == "its keys":
        head.key.requires_grad_(False)
    elif change == "a bias":
        head.value.bias.requires_grad_(False)
    else:
        head.dropout.p = 0.9
    with pytest.raises(ValueError, match=r"all heads learn or none does, .* same dropout, but these heads differ"):
        model.fuse()
    assert not is_fused(model)


# Whole models


def random_model(kind: str, seed: int, dtype: torch.dtype = torch.float64) -> tuple[Any, dict[str, Tensor]]:
    """Return a model of some kind and a batch with labels, in which one text is all padding."""
    fixed = {"pooling": "mean" if kind == "mean" else "cls", "norm_first": seed % 2 == 1, "pooler": kind != "words"}
    config = random_config(seed, **fixed)
    kinds = {"bert": NanoBERT, "cls": NanoBertForClassification, "mean": NanoBertForClassification}
    model = random_weights(kinds.get(kind, NanoBertForPreTraining)(config).to(dtype), seed).eval()
    batch = random_batch(config, seed)
    batch["attention_mask"][1] = 0
    if kind in ("cls", "mean"):
        batch["labels"] = torch.randint(len(config.labels), (3,))
    elif kind != "bert":
        batch |= random_riddles(config, batch, seed)
        if kind == "words":
            del batch["next_sentence_label"]
    return model, batch


def all_numbers(model: Any, batch: dict[str, Tensor], asked: bool | None) -> dict[str, Tensor]:
    """Return all that a model gives for a batch: outputs, hidden states, loss, gradients, and attentions if any."""
    out = model(**batch, output_attentions=asked)
    found: dict[str, Tensor] = {}
    for name, value in vars(out).items():
        if isinstance(value, tuple):
            found |= {f"{name} {index}": tensor for index, tensor in enumerate(value)}
        elif value is not None:
            found[name] = value
    model.zero_grad()
    loss = found["loss"] if "loss" in found else sum((direction(tensor) * tensor).sum() for tensor in found.values())
    loss.backward()
    return found | packed_gradients(model)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS.items())
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_fused_model_gives_the_same_numbers(seed: int, kind: str, dtype: torch.dtype, tolerance: float) -> None:
    """Outputs, hidden states, loss and gradients; with and without attention weights."""
    model, batch = random_model(kind, seed, dtype)
    heads = {asked: all_numbers(model, batch, asked) for asked in (True, False)}
    assert model.fuse() is model
    assert is_fused(model)
    for asked in (True, False):
        assert_same(all_numbers(model, batch, asked), heads[asked], tolerance)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fused_classifier_is_berts(seed: int) -> None:
    config = random_config(seed)
    model = random_weights(NanoBertForClassification(config), seed).eval()
    oracle = hugging_face(model, transformers.BertForSequenceClassification)
    batch = random_batch(config, seed)
    ours, theirs = model.fuse()(**batch, output_attentions=True), oracle(**batch)
    found = {"logits": ours.logits, **{f"attention {n}": weights for n, weights in enumerate(ours.attentions)}}
    wanted = {"logits": theirs.logits, **{f"attention {n}": weights for n, weights in enumerate(theirs.attentions)}}
    assert_same(found, wanted, 1e-5)
    assert_same({"logits": model(**batch).logits}, {"logits": theirs.logits}, 1e-5)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_comes_back_bit_for_bit(kind: str, dtype: torch.dtype) -> None:
    """However often it is fused and unfused: weights, their order, modes, what learns, and chance."""
    model, _ = random_model(kind, 0, dtype)
    model.get_submodule("encoder" if kind == "bert" else "bert.encoder").layers[0].requires_grad_(False)
    model.train()
    before, chance = {name: weight.clone() for name, weight in model.state_dict().items()}, torch.get_rng_state()
    learns = {name: weight.requires_grad for name, weight in model.named_parameters()}
    assert model.unfuse() is model  # of heads already
    model.fuse()
    once = {name: weight.data_ptr() for name, weight in model.named_parameters()}
    model.fuse()
    assert {name: weight.data_ptr() for name, weight in model.named_parameters()} == once  # nothing left to do
    assert model.unfuse().unfuse() is model
    assert not is_fused(model)
    assert list(model.state_dict()) == list(before)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert {weight.dtype for weight in model.parameters()} == {dtype}
    assert {name: weight.requires_grad for name, weight in model.named_parameters()} == learns
    assert {module.training for module in model.modules()} == {True}
    assert torch.equal(torch.get_rng_state(), chance)  # no weight was drawn


def test_a_model_without_memory_can_be_fused_and_unfused() -> None:
    """The weights stay where they are: here nowhere."""
    with torch.device("meta"):
        model = NanoBERT(vocab_size=10, n_heads=2, n_embed=4)
    shapes = {name: weight.shape for name, weight in model.state_dict().items()}
    assert {weight.device.type for weight in model.fuse().parameters()} == {"meta"}
    assert {name: weight.shape for name, weight in model.unfuse().state_dict().items()} == shapes


@pytest.mark.parametrize("kind", ["cls", "mean", "pretraining"])
def test_what_the_twin_learns_the_heads_know(kind: str) -> None:
    """Five steps with AdamW, fused, then unfused: the weights that the heads learn without a twin."""
    learned: list[dict[str, Tensor]] = []
    for fused in (False, True):
        model, batch = random_model(kind, 1)
        model = fused_or_not(fused, model)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        for _ in range(5):
            optimizer.zero_grad()
            model(**batch, output_attentions=False).loss.backward()
            optimizer.step()
        learned.append(model.unfuse().state_dict())
    first = random_model(kind, 1)[0].state_dict()
    keys = [name for name in first if name.endswith("key.bias")]  # no gradient but rounding, which Adam makes a step of
    for weights in (first, *learned):
        for name in keys:
            del weights[name]
    assert_same(learned[1], learned[0], 1e-8)
    assert not any(torch.equal(weight, first[name]) for name, weight in learned[1].items() if ".attention." in name)


@pytest.mark.parametrize("asked", [True, False])
def test_in_mixed_precision_they_agree_too(asked: bool) -> None:
    model, batch = random_model("mean", 2, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        heads = model(**batch, output_attentions=asked)
        fused = model.fuse()(**batch, output_attentions=asked)
    assert fused.logits.dtype == heads.logits.dtype == torch.bfloat16
    assert_same({"logits": fused.logits, "loss": fused.loss}, {"logits": heads.logits, "loss": heads.loss}, 0.05)


# On disk there are heads


@pytest.mark.parametrize("kind", KINDS)
def test_a_fused_model_is_saved_as_its_heads(kind: str, tmp_path: Path) -> None:
    """The same files, byte for byte, and the model goes on fused."""
    model, batch = random_model(kind, 3, torch.float32)
    model.save_pretrained(tmp_path / "heads")
    model.fuse().save_pretrained(tmp_path / "fused")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "heads" / name).read_bytes() == (tmp_path / "fused" / name).read_bytes()
    assert is_fused(model)
    again = type(model).from_pretrained(tmp_path / "fused")
    assert not is_fused(again)
    assert_same(all_numbers(again.fuse(), batch, asked=False), all_numbers(model, batch, asked=False), 1e-6)


# Attention weights, for those who ask


@pytest.mark.parametrize("kind", KINDS)
def test_heads_show_their_weights_and_the_twin_if_asked(kind: str) -> None:
    model, batch = random_model(kind, 1)
    shown = model(**batch).attentions
    for asked in (None, True, False):
        heads = model.unfuse()(**batch, output_attentions=asked).attentions
        fused = model.fuse()(**batch, output_attentions=asked).attentions
        assert (heads is None, fused is None) == (asked is False, asked is not True)
        for weights in (heads, fused):
            if weights is not None:
                assert_same(dict(enumerate(weights)), dict(enumerate(shown)), 1e-12)


# The rows that nobody reads


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_classifier_that_reads_cls_needs_no_other_row(seed: int, fused: bool) -> None:
    """Logits, loss and gradients are those of the model that computes them all."""
    model, batch = random_model("cls", seed)
    model = fused_or_not(fused, model)
    one, all_rows = (all_numbers(model, batch, asked) for asked in (False, True))
    shown = {name: all_rows.pop(name) for name in list(all_rows) if name.startswith("attentions")}
    assert len(shown) == model.config.n_layers
    assert_same(one, all_rows, 1e-10)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("n_read", [1, 2, 100])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_rows_that_are_read_are_the_same(seed: int, n_read: int, fused: bool, asked: bool) -> None:
    """Of the last layer the first rows, of the layers below it all; more than all are all."""
    model, batch = random_model("bert", seed)
    model = fused_or_not(fused, model)
    some, every = model(**batch, output_attentions=asked, n_read=n_read), model(**batch, output_attentions=asked)
    assert_same(
        {"last": some.last_hidden_state, "pooler": some.pooler_output, **dict(enumerate(some.hidden_states[:-1]))},
        {
            "last": every.last_hidden_state[:, :n_read],
            "pooler": every.pooler_output,
            **dict(enumerate(every.hidden_states[:-1])),
        },
        1e-12,
    )
    assert some.hidden_states[-1] is some.last_hidden_state
    if asked:
        *below, last = every.attentions
        assert_same(dict(enumerate(some.attentions)), dict(enumerate([*below, last[:, :, :n_read]])), 1e-12)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("n_read", [0, -1])
def test_no_row_at_all_is_refused(n_read: int, fused: bool) -> None:
    model = fused_or_not(fused, NanoBERT(vocab_size=10))
    with pytest.raises(ValueError, match=rf"n_read counts the tokens .*: 1 or more, but it is {n_read}"):
        model(torch.tensor([1, 7, 2]), n_read=n_read)


# Nothing is computed that nobody asked for

N_TEXTS, N_HEADS, N_TOKENS, WIDE, HEAD_SIZE = 2, 3, 7, 11, 5  # numbers that tell one axis from another


class Watch(TorchDispatchMode):
    """Write down each step that torch takes, forward and backward, and the shapes of what comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[str] = []
        self.shapes: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.steps.append(str(func))
        self.shapes += [tuple(x.shape) for x in (out if isinstance(out, tuple | list) else [out]) if torch.is_tensor(x)]
        return out

    def count(self, *end: int) -> int:
        """Return how many tensors end in this shape."""
        return sum(shape[-len(end) :] == end for shape in self.shapes)


def watch(fused: bool, asked: bool, n_layers: int = 1, dropout: float = 0.0, **fixed: Any) -> Watch:
    """Watch a classifier in a training step."""
    n_embed = N_HEADS * HEAD_SIZE
    settings = BertConfig(4, n_layers, N_HEADS, n_embed, WIDE, dropout=dropout, **fixed)
    model = fused_or_not(fused, NanoBertForClassification(settings))
    ids = torch.randint(1, 4, (N_TEXTS, N_TOKENS))
    with Watch() as watched:
        model(ids, output_attentions=asked, labels=torch.tensor([0, 1])).loss.backward()
    return watched


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_weights_that_nobody_asks_for_are_not_put_side_by_side(pooling: str) -> None:
    """Each head has its own, but the tensor of all heads is made only where somebody wants it."""
    all_heads = (N_TEXTS, N_HEADS, N_TOKENS, N_TOKENS)
    assert watch(fused=False, asked=False, pooling=pooling).count(*all_heads) == 0
    assert watch(fused=False, asked=True, pooling=pooling).count(*all_heads) > 0


@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_the_last_layer_answers_for_cls_alone(fused: bool, norm_first: bool, dropout: float) -> None:
    """Forward and backward: no weights of other tokens' questions, no thinking about the other tokens."""
    fixed: dict[str, Any] = {"norm_first": norm_first, "dropout": dropout, "pooling": "cls"}
    one = watch(fused, asked=False, n_layers=1, **fixed)
    assert one.count(N_TOKENS, N_TOKENS) == one.count(N_TOKENS, WIDE) == one.count(N_TEXTS * N_TOKENS, WIDE) == 0
    assert one.count(N_TEXTS, 1, WIDE) > 0
    two, asked = watch(fused, asked=False, n_layers=2, **fixed), watch(fused, asked=True, n_layers=2, **fixed)
    assert 0 < 2 * two.count(N_TOKENS, WIDE) == asked.count(N_TOKENS, WIDE)  # of two layers the lower one


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_the_twin_never_holds_the_matrix_of_weights(pooling: str) -> None:
    """Without dropout, PyTorch's own attention goes through it piece by piece; there is no softmax of ours."""
    watched = watch(fused=True, asked=False, n_layers=2, pooling=pooling)
    assert watched.count(N_TOKENS, N_TOKENS) == 0
    assert sum("scaled_dot_product" in step and "backward" not in step for step in watched.steps) == 2
    assert not any("_softmax" in step and "log_softmax" not in step for step in watched.steps)
    asked = watch(fused=True, asked=True, n_layers=2, pooling=pooling)
    assert asked.count(N_TEXTS, N_HEADS, N_TOKENS, N_TOKENS) > 0
    assert not any("scaled_dot_product" in step for step in asked.steps)


# Dropout


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("fused", [False, True])
def test_dropout_drops_weights_alike(fused: bool, asked: bool) -> None:
    """A share `p` of them, each by itself in every head; the others grow by 1 / (1 - p), so that the mean stays.

    Chance is no surprise here: with 40,000 weights, the bounds are five standard deviations wide, and the seed is set.
    """
    p, n_heads, n_tokens, n_texts = 0.3, 3, 4, 800
    config = BertConfig(vocab_size=1, n_heads=n_heads, n_embed=n_heads * n_tokens, dropout=p)
    attention = random_weights(BertSelfAttention(config), 0)
    # In every head the content of token i is the unit vector i: what is mixed is then the weights themselves.
    x = torch.eye(n_tokens, config.n_embed).expand(n_texts, -1, -1)
    for linear in (*(head.value for head in attention.heads), attention.output):
        nn.init.eye_(linear.weight)
        nn.init.zeros_(linear.bias)
    twin = FusedSelfAttention.from_heads(attention) if fused else attention
    mask = torch.ones(n_texts, n_tokens, dtype=torch.bool)

    def read(out: Tensor) -> Tensor:
        return out.unflatten(-1, (n_heads, n_tokens)).transpose(-2, -3)  # (batch, head, query, key)

    with torch.no_grad():
        out, whole = twin.eval()(x, mask, True)
        torch.testing.assert_close(read(out), whole)
        torch.manual_seed(0)
        out, weights = twin.train()(x, mask, asked)
    left = read(out)
    gone = left == 0
    torch.testing.assert_close(left, whole.masked_fill(gone, 0) / (1 - p) * ~gone)
    assert abs(gone.float().mean().item() - p) < 5 * math.sqrt(p * (1 - p) / gone.numel())
    far = 5 * whole[0] * math.sqrt(p / (1 - p) / n_texts)
    assert ((left.mean(dim=0) - whole[0]).abs() < far).all()
    links = torch.corrcoef(gone.flatten(1).T.float()).fill_diagonal_(0)  # of each place with each other one
    assert links.abs().max() < 5.5 / math.sqrt(n_texts)
    if asked:
        assert torch.equal(weights, whole)  # those before dropout, so that a drawing of them is whole
