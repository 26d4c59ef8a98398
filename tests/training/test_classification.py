"""Training: AdamW and its schedule are torch's, the best epoch wins, and nobody looks at the test split."""

import copy
import math
from typing import Any, NoReturn

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

from nano_bert import NanoBertForClassification, WordTokenizer
from nano_bert.data import Corpus, Split
from nano_bert.training import Run, TrainingConfig, train
from nano_bert.training import classification as module
from nano_bert.training.evaluation import Metrics, evaluate
from nano_bert.training.optimizer import make_optimizer, rate_at, train_step
from tests.oracles import as_readers_run_it
from tests.phrases import phrases

CORPUS = phrases()  # 80, 10 and 10
TOKENIZER = WordTokenizer.from_texts(CORPUS.train.texts, max_seq_len=32)
FAST = {"epochs": 3, "batch_size": 16, "learning_rate": 1e-2}


def new_model(seed: int = 0) -> NanoBertForClassification:
    torch.manual_seed(seed)
    return NanoBertForClassification(vocab_size=len(TOKENIZER), n_embed=4, max_seq_len=32, initializer_range=0.5)


def trained(**settings: Any) -> tuple[NanoBertForClassification, list[dict[str, Any]]]:
    model = new_model()
    return model, train(model, TOKENIZER, CORPUS, TrainingConfig(**{**FAST, **settings}))


def weights(model: nn.Module) -> torch.Tensor:
    return nn.utils.parameters_to_vector(model.parameters()).detach()


@pytest.fixture
def accuracies(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Put numbers in this list: they are what the validation split says, epoch by epoch."""
    numbers: list[float] = []

    def say(*_: Any) -> Metrics:
        return Metrics(accuracy=numbers.pop(0), f1={}, macro_f1=0.0, confusion=[])

    monkeypatch.setattr(module, "evaluate", say)
    return numbers


@pytest.mark.parametrize(("n_steps", "warmup"), [(10, 0.2), (100, 0.1), (7, 0.5), (50, 0.0)])
def test_the_schedule_is_torchs(n_steps: int, warmup: float) -> None:
    n_warmup = round(warmup * n_steps)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    down = CosineAnnealingLR(optimizer, T_max=n_steps - n_warmup)
    oracle: Any = down
    if n_warmup > 0:
        up = LinearLR(optimizer, start_factor=1 / n_warmup, total_iters=n_warmup - 1)
        oracle = SequentialLR(optimizer, [up, down], milestones=[n_warmup])
    rates: list[float] = []
    for _ in range(n_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        oracle.step()
    assert [rate_at(step, n_steps, warmup) for step in range(n_steps)] == pytest.approx(rates)


def test_a_schedule_of_a_single_step_has_a_rate() -> None:
    assert rate_at(0, n_steps=1, warmup=0.1) == rate_at(0, n_steps=1, warmup=0.9) == 1.0


@pytest.mark.parametrize("clip", [1e-2, 1e9], ids=["clipped", "not clipped"])
def test_a_step_is_that_of_adamw(clip: float) -> None:
    """Adam's update by hand: both moving averages, their start corrected, and the decay beside them."""
    settings = TrainingConfig(weight_decay=0.1, betas=(0.8, 0.9))
    model = new_model().eval()
    optimizer = make_optimizer(model, settings)
    inputs, labels = TOKENIZER.encode_batch(CORPUS.train.texts[:8]), torch.tensor(CORPUS.train.labels[:8])
    rate, (memory_1, memory_2) = 0.05, settings.betas
    mean = square = torch.zeros_like(weights(model))
    decay = torch.cat([torch.full((weight.numel(),), 0.1 if weight.ndim > 1 else 0.0) for weight in model.parameters()])
    for step in (1, 2, 3):
        before = weights(model)
        train_step(model, optimizer, model(**inputs, labels=labels).loss, rate, clip)
        gradient = torch.cat([weight.grad.flatten() for weight in model.parameters()])  # as it was clipped
        assert gradient.norm() <= clip * 1.001
        mean = memory_1 * mean + (1 - memory_1) * gradient
        square = memory_2 * square + (1 - memory_2) * gradient**2
        push = (mean / (1 - memory_1**step)) / ((square / (1 - memory_2**step)).sqrt() + 1e-8)
        torch.testing.assert_close(weights(model), before - rate * decay * before - rate * push, atol=1e-6, rtol=1e-5)


def test_matrices_decay_and_vectors_do_not() -> None:
    model = new_model()
    matrices, vectors = make_optimizer(model, TrainingConfig(weight_decay=0.3)).param_groups
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.3, 0.0)
    names = {id(weight): name for name, weight in model.named_parameters()}
    found = {names[id(weight)] for weight in vectors["params"]}
    assert found == {name for name in names.values() if name.endswith("bias") or "norm" in name}
    assert len(matrices["params"]) + len(found) == len(names), "each weight is in one group"


def test_the_loss_falls() -> None:
    """Words decide here: what is good is positive."""
    split = Split([f"a {word} {thing}" for thing in ("film", "plot", "cast") for word in ("bad", "good")], [0, 1] * 3)
    easy = Corpus("easy", CORPUS.label_names, split, split, split)
    tokenizer = WordTokenizer.from_texts(split.texts, max_seq_len=32)
    torch.manual_seed(0)
    model = NanoBertForClassification(vocab_size=len(tokenizer), n_embed=16, max_seq_len=32, pooling="mean")
    history = train(model, tokenizer, easy, TrainingConfig(epochs=30, batch_size=2, learning_rate=0.02, patience=30))
    assert history[0]["train_loss"] > 0.6  # a guess between two costs log 2 = 0.69
    assert history[-1]["train_loss"] < 0.1
    assert history[-1]["validation_accuracy"] == 1.0


def test_the_loss_is_the_mean_over_all_texts() -> None:
    """Also when the last batch is smaller: with a rate of nearly nothing, the loss stays that of the start."""
    model = new_model().eval()
    inputs, labels = TOKENIZER.encode_batch(CORPUS.train.texts), torch.tensor(CORPUS.train.labels)
    expected = model(**inputs, labels=labels).loss.item()
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    [line] = train(model, TOKENIZER, CORPUS, TrainingConfig(epochs=1, batch_size=33, learning_rate=1e-12))
    assert line["train_loss"] == pytest.approx(expected, abs=1e-5)


def test_the_history_tells_of_each_epoch() -> None:
    model, history = trained()
    assert [line["epoch"] for line in history] == [1, 2, 3]
    assert history[0]["cpu_seconds"] < history[1]["cpu_seconds"] < history[2]["cpu_seconds"]
    best = max(history, key=lambda line: line["validation_accuracy"])
    metrics = evaluate(model, TOKENIZER, CORPUS.validation)
    assert (best["validation_accuracy"], best["validation_macro_f1"]) == (metrics.accuracy, metrics.macro_f1)


def test_one_gets_the_weights_of_the_best_epoch(accuracies: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    after_each_epoch: list[torch.Tensor] = []
    say = module.evaluate

    def look(model: NanoBertForClassification, *rest: Any) -> Metrics:
        after_each_epoch.append(weights(copy.deepcopy(model).unfuse()))
        return say(model, *rest)

    monkeypatch.setattr(module, "evaluate", look)
    accuracies += [0.5, 0.8, 0.7, 0.8]  # of equals the first
    model, _ = trained(epochs=4, patience=9)
    assert torch.equal(weights(model), after_each_epoch[1])
    assert not torch.equal(after_each_epoch[1], after_each_epoch[3])
    assert not model.training


def test_it_stops_when_patience_runs_out(accuracies: list[float]) -> None:
    accuracies += [0.5, 0.8, 0.7, 0.6, 0.9]
    _, history = trained(epochs=5, patience=2)
    assert len(history) == 4
    assert accuracies == [0.9], "the fifth epoch was not run"


def test_a_better_epoch_renews_the_patience(accuracies: list[float]) -> None:
    accuracies += [0.5, 0.4, 0.6, 0.5, 0.7, 0.6]
    assert len(trained(epochs=6, patience=2)[1]) == 6


class Poison:
    """A split that nobody may look at."""

    def __getattribute__(self, name: str) -> NoReturn:
        raise AssertionError(f"training looked at the test split: {name}")


def test_the_test_split_is_not_touched(as_a_reader: None, tmp_path: Any) -> None:
    poisoned: Any = Corpus("phrases", CORPUS.label_names, CORPUS.train, CORPUS.validation, Poison())  # pyright: ignore
    with pytest.raises(AssertionError, match="looked at the test split"):
        len(poisoned.test.texts)  # the poison works
    assert len(train(new_model(), TOKENIZER, poisoned, TrainingConfig(**FAST), Run(tmp_path))) == 3


def test_the_same_seed_gives_the_same_weights() -> None:
    """Bit for bit, whatever was drawn before."""
    models = [new_model(), new_model()]
    for model in models:
        torch.rand(7)
        train(model, TOKENIZER, CORPUS, TrainingConfig(**FAST, word_dropout=0.1))
        torch.manual_seed(torch.seed())
    assert torch.equal(weights(models[0]), weights(models[1]))


def test_another_seed_gives_other_weights() -> None:
    assert not torch.equal(weights(trained(seed=0)[0]), weights(trained(seed=1)[0]))


def test_dropout_is_on_while_it_learns() -> None:
    """The evaluation after an epoch switches it off, and the next epoch must switch it on again."""
    model = new_model().eval()
    modes: list[bool] = []
    model.register_forward_pre_hook(lambda model, _: modes.append(model.training))
    train(model, TOKENIZER, CORPUS, TrainingConfig(**FAST))
    assert modes == ([True] * 5 + [False]) * 3  # 80 texts in batches of 16, then the validation split at once


def test_training_can_go_on_from_trained_weights() -> None:
    model, _ = trained()
    before = weights(model)
    train(model, TOKENIZER, CORPUS, TrainingConfig(**FAST))
    assert not torch.equal(weights(model), before)


# What cannot be used: of each kind one, then all


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        ({"epochs": 0}, ValueError, "epochs must be above 0, but it is 0."),
        ({"batch_size": 2.5}, TypeError, "batch_size must be a whole number"),
        ({"learning_rate": 1.5}, ValueError, "learning_rate is at most 1, but it is 1.5: AdamW moves each weight by"),
        ({"warmup": 1.0}, ValueError, "warmup is a share: at least 0 and below 1, but it is 1.0"),
        ({"weight_decay": -0.1}, ValueError, "weight_decay must be at least 0, but it is -0.1"),
        ({"betas": (0.9, 1.0)}, ValueError, "betas are two shares"),
        ({"dtype": "float64"}, ValueError, "dtype is one of float32, bfloat16, but it is 'float64'"),
        ({"seed": 2**32}, ValueError, "seed must be from 0 to 4294967295"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_that_cannot_be_used_are_refused(
    as_a_reader: None, wrong: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        TrainingConfig(**wrong)


NO_INTEGER = st.sampled_from([2.5, math.nan, "3", True, None])
NEITHER = st.sampled_from([math.nan, -math.inf])  # above 0 nor below
NO_SHARE = st.floats(max_value=0, exclude_max=True) | st.floats(min_value=1) | NEITHER
WRONG = {
    **{name: NO_INTEGER | st.integers(max_value=0) for name in ("epochs", "batch_size", "patience")},
    "seed": NO_INTEGER | st.integers(max_value=-1) | st.integers(min_value=2**32),
    **{name: st.floats(max_value=0) | NEITHER for name in ("learning_rate", "clip")},
    **dict.fromkeys(("warmup", "word_dropout"), NO_SHARE),
    "weight_decay": st.floats(max_value=0, exclude_max=True) | NEITHER,
    "betas": st.tuples(NO_SHARE, st.just(0.9)) | st.tuples(st.just(0.9), NO_SHARE) | st.just((0.9,)),
    "dtype": st.text(max_size=3),
}


@given(wrong=st.sampled_from(sorted(WRONG)).flatmap(lambda name: st.tuples(st.just(name), WRONG[name])))
def test_any_wrong_setting_is_named_with_its_value(wrong: tuple[str, Any]) -> None:
    name, value = wrong
    with as_readers_run_it(), pytest.raises((TypeError, ValueError)) as caught:
        TrainingConfig(**{name: value})
    assert str(caught.value).startswith(f"{name} ")
    assert repr(value) in str(caught.value) or str(value) in str(caught.value)


def test_a_loss_that_is_no_number_is_said() -> None:
    """Otherwise all weights would become NaN, and nobody would be told."""
    with pytest.raises(ValueError, match=r"The loss is nan: the weights grew too large. Take a lower learning_rate"):
        trained(weight_decay=1e30)


def test_a_split_without_texts_is_refused() -> None:
    empty = Corpus("empty", CORPUS.label_names, CORPUS.train, Split([], []), Split([], []))
    with pytest.raises(ValueError, match="no text to judge"):
        train(new_model(), TOKENIZER, empty, TrainingConfig(**FAST))
