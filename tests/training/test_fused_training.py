"""Training with fused heads, as it is by default: the same model as with clear heads, and clear heads afterwards."""

from pathlib import Path
from typing import Any

import pytest
import torch

from nano_bert import NanoBertForClassification, NanoBertForPreTraining, WordTokenizer
from nano_bert.attention import BertAttentionHead
from nano_bert.fast.fused import is_fused
from nano_bert.training import Run, TrainingConfig, loop, pretrain, train
from nano_bert.training import run as runs
from tests.phrases import phrases

CORPUS = phrases()
TOKENIZER = WordTokenizer.from_texts(CORPUS.train.texts, max_seq_len=32)
SETTINGS = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-2}


class OwnHead(BertAttentionHead):
    """A head that somebody wrote: here it does what ours does."""


def new_model(kind: type = NanoBertForClassification, **settings: Any) -> Any:
    torch.manual_seed(0)
    sizes = {"vocab_size": len(TOKENIZER), "n_embed": 8, "n_heads": 2, "n_layers": 2, "max_seq_len": 32}
    return kind(**{**sizes, "dropout": 0.0, **settings})


def learn(model: Any, run: Run | None = None, **settings: Any) -> list[dict[str, Any]]:
    how = TrainingConfig(**{**SETTINGS, **settings})
    if isinstance(model, NanoBertForPreTraining):
        return pretrain(model, TOKENIZER, CORPUS.train.texts, CORPUS.validation.texts, how, run=run)
    return train(model, TOKENIZER, CORPUS, how, run)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (NanoBertForClassification, {"pooling": "cls"}),
        (NanoBertForClassification, {"pooling": "mean", "norm_first": True}),
        (NanoBertForPreTraining, {"pooler": False}),
    ],
    ids=["cls", "mean", "pretraining"],
)
def test_the_default_trains_the_model_of_the_clear_form_to_rounding(kind: type, more: dict[str, Any]) -> None:
    fused, clear = new_model(kind, **more), new_model(kind, **more)
    assert TrainingConfig().fused
    history, clear_history = learn(fused), learn(clear, fused=False)
    for line, other in zip(history, clear_history, strict=True):
        assert line["train_loss"] == pytest.approx(other["train_loss"], abs=1e-5)
    expected = clear.state_dict()
    assert fused.state_dict().keys() == expected.keys()
    for name, weight in fused.state_dict().items():
        # Adam moves a weight whose gradient is rounding alone as far as any other: a key's bias has no other gradient.
        if not name.endswith("key.bias"):
            torch.testing.assert_close(weight, expected[name], atol=1e-4, rtol=1e-3, msg=name)


def test_afterwards_each_head_is_the_object_that_it_was() -> None:
    model = new_model()
    parts = dict(model.named_modules())
    head = model.bert.encoder.layers[0].attention.heads[0]
    weight, before = head.query.weight, head.query.weight.detach().clone()
    learn(model)
    assert model.bert.encoder.layers[0].attention.heads[0] is head
    assert head.query.weight is weight
    assert not torch.equal(weight, before), "and it has learnt"
    assert all(parts[name] is part for name, part in model.named_modules())
    assert model(torch.tensor([[1, 7, 2]])).attentions[0].shape == (1, 2, 3, 3)


def test_after_a_break_the_heads_are_clear_too(monkeypatch: pytest.MonkeyPatch) -> None:
    model = new_model()
    head = model.bert.encoder.layers[0].attention.heads[0]
    monkeypatch.setattr(loop, "train_step", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        learn(model)
    assert model.bert.encoder.layers[0].attention.heads[0] is head


def test_a_model_that_was_fused_stays_so() -> None:
    model = new_model().fuse()
    learn(model)
    assert is_fused(model)


def test_a_head_of_ones_own_is_refused_and_trains_in_the_clear_form() -> None:
    model = new_model()
    own = OwnHead(model.config)
    model.bert.encoder.layers[0].attention.heads[1] = own
    before = own.value.weight.detach().clone()
    with pytest.raises(ValueError, match=r"A OwnHead stands where a BertAttentionHead .*\(in training: fused=False\)"):
        learn(model)
    assert torch.equal(own.value.weight, before)
    learn(model, fused=False)
    assert model.bert.encoder.layers[0].attention.heads[1] is own
    assert not torch.equal(own.value.weight, before)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("step", [2, 6, 9])
def test_a_run_goes_on_bit_for_bit_in_either_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fused: bool, step: int
) -> None:
    unbroken, broken = new_model(dropout=0.1), new_model(dropout=0.1)
    learn(unbroken, fused=fused)
    real, calls = loop.train_step, [0]

    def fail_once(*given: Any) -> float:
        calls[0] += 1
        return real(*given) if calls[0] != step else 1 / 0

    monkeypatch.setattr(runs, "SAVE_EVERY", 2)
    monkeypatch.setattr(loop, "train_step", fail_once)
    with pytest.raises(ZeroDivisionError):
        learn(broken, Run(tmp_path), fused=fused)
    learn(broken, Run(tmp_path, resume=True), fused=fused)
    weights = unbroken.state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in broken.state_dict().items())
