"""Packing: texts of unlike length without the padding behind them, the same numbers, and nobody is fooled."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nano_bert import BertConfig, NanoBertForClassification
from nano_bert.encoder import FeedForward
from nano_bert.fast.packing import TOKEN_BY_TOKEN, WORTH_IT, Packing
from nano_bert.task_heads import BertPooler
from tests.oracles import PRECISIONS, assert_same, gradients, random_weights

MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]])
ENDS = [6, 3, 1, 2]  # of each text, up to its last token; the first stays in any case
IDS = torch.randint(5, 20, MASK.shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return, as the models compute, how many rows each linear layer between the embeddings and the pooler had."""
    rows: list[int] = []
    whole = nn.Linear.forward

    def counting(self: nn.Linear, x: Tensor) -> Tensor:
        rows.append(x.numel() // x.shape[-1])
        return whole(self, x)

    monkeypatch.setattr(nn.Linear, "forward", counting)
    return rows


def make(**changed: Any) -> Any:
    config = {"vocab_size": 20, "n_layers": 2, "n_heads": 2, "n_embed": 6, "pooling": "mean", **changed}
    return random_weights(NanoBertForClassification(BertConfig(**config)), 0).eval()


# The way there and back


@given(st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=4))
@settings(max_examples=60)
def test_each_token_comes_back_to_its_place(shown: list[list[bool]]) -> None:
    """And what stood behind the last one of its text is zero."""
    mask = torch.tensor(shown)
    block = torch.randn(*mask.shape, 3)
    there = Packing(mask)
    back = there.unpack(there.pack(block))
    ends = [max([1, *(place for place, seen in enumerate(row, 1) if seen)]) for row in shown]
    for before, after, end in zip(block, back, ends, strict=True):
        assert torch.equal(before[:end], after[:end])
        assert not after[end:].any()
    assert len(there.pack(block)) == sum(ends)


def test_batches_of_any_rank_are_packed() -> None:
    for mask in (MASK[1].bool(), MASK.bool(), MASK.bool().view(2, 2, 6)):
        there = Packing(mask)
        assert there.unpack(there.pack(torch.ones(*mask.shape, 3))).shape == (*mask.shape, 3)


# The numbers


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("settings", [{}, {"pooler": False}, {"pooling": "cls"}], ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS.items())
def test_the_numbers_are_those_of_the_clear_form(
    packed: list[int], dtype: torch.dtype, tolerance: float, settings: dict[str, Any], norm_first: bool
) -> None:
    """Answers and gradients, of texts with holes and of one that is all padding."""
    model, found = make(norm_first=norm_first, **settings).to(dtype), list[dict[str, Tensor]]()
    labels = torch.tensor([0, 1, 1, 0])
    for form in (model, copy.deepcopy(model).fuse()):
        del packed[:]
        out = form(IDS, MASK, labels=labels)
        out.loss.backward()
        rest = {name: weight for name, weight in gradients(form).items() if ".attention." not in name}
        found.append({"logits": out.logits, **rest})
    assert packed[0] == sum(ENDS)
    assert_same(found[1], found[0], tolerance)


# What is saved


def test_padding_is_not_computed(packed: list[int]) -> None:
    model = make().fuse()
    model(IDS, MASK)
    assert packed == [sum(ENDS)] * 8 + [len(ENDS)] * 2  # four linear layers in each of two; pooler and classifier
    del packed[:]
    model.train()(IDS, MASK)
    assert packed[:8] == [MASK.numel()] * 8


def test_the_row_of_cls_is_made_from_whole_texts(packed: list[int]) -> None:
    make(pooling="cls").fuse()(IDS, MASK)
    assert packed == [sum(ENDS)] * 4 + [len(ENDS)] * 5  # the first layer; the last one, pooler and classifier


def test_where_little_is_padding_nothing_is_packed(packed: list[int]) -> None:
    model = make(n_layers=1).fuse()
    for n_tokens in range(1, 41):
        del packed[:]
        model(torch.full((40,), 7), (torch.arange(40) < n_tokens).long())
        assert packed[0] == (n_tokens if n_tokens <= 40 * (1 - WORTH_IT) else 40)


# Who reads padding gets it


class Reader(NanoBertForClassification):
    """Who may read what it likes."""

    def forward(self, *inputs: Any) -> Any:
        return self.bert(*inputs).last_hidden_state.sum(dim=-2)


class MeanPooler(BertPooler):
    """A pooler that reads all places, padding, too."""

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(x.mean(dim=-2)).tanh()


def hooked(model: Any) -> Any:
    """Add a hook that looks at the answers of BERT."""
    model.bert.register_forward_hook(lambda *_: None)
    return model


def with_mean_pooler(model: Any) -> Any:
    """Put in another pooler."""
    model.bert.pooler = random_weights(MeanPooler(model.config), 1)
    return model


READERS: dict[str, Callable[[Any], Any]] = {
    "own forward": lambda model: random_weights(Reader(model.config), 0).eval(),
    "own pooler": with_mean_pooler,
    "hook": hooked,
}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("reader", READERS)
def test_who_might_read_padding_gets_it(as_a_reader: None, packed: list[int], reader: str, late: bool) -> None:
    """Also who comes when the model is fused already."""
    wanted = READERS[reader](make(pooling="cls"))(IDS, MASK)[0]
    model = READERS[reader](make(pooling="cls").fuse()) if late else READERS[reader](make(pooling="cls")).fuse()
    del packed[:]
    assert_same({"answer": model(IDS, MASK)[0]}, {"answer": wanted}, 1e-5)
    assert packed[0] == MASK.numel()


def test_a_bare_model_gives_its_padding_and_the_bert_of_a_fused_classifier_gives_zeros_there(packed: list[int]) -> None:
    """Nobody knows who reads the first; of the second the classifier is known to read tokens alone."""
    model = make()
    wanted, zeros = model.bert(IDS, MASK).last_hidden_state, torch.arange(6) >= torch.tensor(ENDS)[:, None]
    for fused_part, expected in (
        (copy.deepcopy(model.bert).fuse(), wanted),
        (copy.deepcopy(model).fuse().bert, wanted.masked_fill(zeros[..., None], 0.0)),
    ):
        torch.testing.assert_close(fused_part(IDS, MASK).last_hidden_state, expected, atol=1e-5, rtol=1e-4)


# A part that might ask what stands where sees whole texts


class Neighbours(nn.Module):
    """Give each token what the one before it has, in place of thinking about it."""

    def forward(self, x: Tensor) -> Tensor:
        return x.roll(1, dims=-2)


CHANGES: dict[str, Callable[[Any], object]] = {
    "own feed-forward network": lambda layer: setattr(layer, "feed_forward", Neighbours()),
    "own activation": lambda layer: setattr(layer.feed_forward, "activation", Neighbours()),
    "own forward": lambda layer: setattr(layer.feed_forward, "forward", Neighbours()),
    "own norm": lambda layer: setattr(layer, "attention_norm", Neighbours()),
    "hook": lambda layer: layer.feed_forward.register_forward_hook(lambda _, __, y: y.roll(1, dims=-2)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_part_that_looks_at_other_tokens_sees_whole_texts(as_a_reader: None, packed: list[int], change: str) -> None:
    found: list[Tensor] = []
    for is_fused in (False, True):
        model = make().fuse() if is_fused else make()
        CHANGES[change](model.bert.encoder.layers[0])
        del packed[:]
        found.append(model(IDS, MASK).logits)
    assert packed[0] == MASK.numel()
    assert_same({"logits": found[1]}, {"logits": found[0]}, 1e-5)


def test_what_packing_knows_of_treats_each_token_by_itself() -> None:
    """A table of three tokens, or each of them alone: the same."""
    config = BertConfig(vocab_size=9, n_embed=4)
    given: dict[type, tuple[Any, ...]] = {nn.Linear: (4, 4), nn.LayerNorm: (4,), FeedForward: (config,)}
    x = torch.randn(3, 4)
    for kind in TOKEN_BY_TOKEN:
        if kind is not nn.ModuleList:
            part = kind(*given.get(kind, ())).eval()
            torch.testing.assert_close(part(x), torch.stack([part(row) for row in x]))
