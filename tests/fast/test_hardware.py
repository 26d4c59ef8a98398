"""Hardware: what is not there is told in a sentence; 16 bits learn, too; and nothing is forgotten on the processor.

No graphics card is needed: tensors of PyTorch's device "meta" have no numbers, but refuse to meet those of others.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from nano_bert import NanoBertForClassification, NanoBertForPreTraining, WordTokenizer
from nano_bert.cli import commands
from nano_bert.cli.arguments import main
from nano_bert.data import load_phrases
from nano_bert.experiments.recipes import RECIPES, build
from nano_bert.fast.data_parallel import MeanLoss
from nano_bert.fast.hardware import devices, find_device, on_device, random_state, set_random_state
from nano_bert.training import Run, TrainingConfig, loop, train
from nano_bert.training import run as runs
from nano_bert.training.evaluation import evaluate, predict_probabilities
from nano_bert.training.resume import STATE_FILE
from tests.phrases import phrases

PHRASES = phrases()
TOKENIZER = WordTokenizer.from_texts(PHRASES.train.texts, max_seq_len=32)
SIZES = {"vocab_size": len(TOKENIZER), "n_layers": 2, "n_heads": 2, "n_embed": 8, "max_seq_len": 32}


@pytest.fixture
def two_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let PyTorch say that it finds two cards of NVIDIA and nothing else."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.xpu, "is_available", lambda: False)


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    for part in (torch.cuda, torch.backends.mps, torch.xpu):
        monkeypatch.setattr(part, "is_available", lambda: False)


# Which devices there are.


def test_a_processor_is_always_there(no_card: None) -> None:
    assert devices() == ["cpu"]
    assert find_device("cpu") == find_device("cpu", "bfloat16") == torch.device("cpu")
    assert find_device("cpu:0").type == "cpu"


@pytest.mark.parametrize(
    "name", ["", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:one", "cuda:01", "cuda:٣", "meta", "cpu\n"]
)
def test_a_name_that_no_device_has(two_cards: None, name: str) -> None:
    with pytest.raises(ValueError, match="is no device: take one of cpu, cuda, mps, xpu, or cuda:1 for the second"):
        find_device(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps", "xpu"])
def test_a_device_that_is_not_there(no_card: None, name: str) -> None:
    with pytest.raises(ValueError, match=rf"device '{name}' was asked for, but PyTorch finds none .* It finds: cpu\. "):
        find_device(name)


def test_a_device_of_another_kind_than_is_there(two_cards: None) -> None:
    with pytest.raises(ValueError, match=r"device 'mps' was asked for, but .* It finds: cpu, cuda\."):
        find_device("mps")


@pytest.mark.parametrize(("name", "kind", "n"), [("cuda:2", "cuda", 2), ("cpu:1", "cpu", 1)])
def test_more_devices_are_counted_than_there_are(two_cards: None, name: str, kind: str, n: int) -> None:
    with pytest.raises(ValueError, match=f"device '{name}' was asked for, but of {kind} there are {n}, counted from 0"):
        find_device(name)


def test_a_dtype_that_nobody_trains_in() -> None:
    with pytest.raises(ValueError, match="'float16' is no dtype to train in: take one of float32, bfloat16"):
        find_device("cpu", "float16")
    with pytest.raises(ValueError, match="dtype is one of float32, bfloat16, but it is 'int8'"):
        TrainingConfig(dtype="int8")


@pytest.mark.parametrize("kind", [RuntimeError, TypeError])
@pytest.mark.parametrize(("dtype", "hint"), [("float32", r"\. \("), ("bfloat16", r"\. Take float32\. \(")])
def test_a_device_that_cannot_compute_so(
    two_cards: None, monkeypatch: pytest.MonkeyPatch, kind: type, dtype: str, hint: str
) -> None:
    def refuse(*_: Any, **__: Any) -> Tensor:
        raise kind("no kernel image is available")

    monkeypatch.setattr(torch, "ones", refuse)
    with pytest.raises(ValueError, match=f"device 'cuda:1' cannot compute in {dtype}{hint}PyTorch says: no kernel"):
        find_device("cuda:1", dtype)


def test_a_device_that_is_there_is_tried_and_returned(two_cards: None) -> None:
    class Numbers:
        def __matmul__(self, other: object) -> Tensor:
            return torch.zeros(2, 2)

    asked: list[Any] = []

    def ones(*_: int, dtype: torch.dtype, device: torch.device) -> Numbers:
        asked.append((dtype, device))
        return Numbers()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "ones", ones)
        assert find_device("cuda:1", "bfloat16") == torch.device("cuda:1")
    assert asked == [(torch.bfloat16, torch.device("cuda:1"))]


def test_random_numbers_go_on_from_any_row_of_a_table() -> None:
    """A state holds a row for each process; PyTorch itself reads from the start of the table, and may crash."""
    cpu = torch.device("cpu")
    states: list[Tensor] = []
    for seed in range(3):
        torch.manual_seed(seed)
        states.append(random_state(cpu))
    table = torch.stack(states)
    for seed in (2, 1, 0):
        set_random_state(cpu, table[seed])
        drawn = torch.rand(3)
        torch.manual_seed(seed)
        assert torch.equal(drawn, torch.rand(3))


def test_the_random_numbers_are_those_of_the_card_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    states = {0: torch.tensor([0]), 1: torch.tensor([1])}

    def read(device: torch.device | None = None) -> Tensor:
        return states[device.index if device else 0]

    def write(state: Tensor, device: torch.device | None = None) -> None:
        states[device.index if device else 0] = state

    monkeypatch.setattr(torch.cuda, "get_rng_state", read)
    monkeypatch.setattr(torch.cuda, "set_rng_state", write)
    second = torch.device("cuda:1")
    assert random_state(second).tolist() == [1]
    set_random_state(second, torch.tensor([7]))
    assert [state.tolist() for state in states.values()] == [[0], [7]]


# The command.


@pytest.mark.parametrize("verb", ["train", "pretrain", "evaluate"])
def test_the_command_says_what_is_not_there_before_it_reads_or_writes(
    no_card: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: str
) -> None:
    monkeypatch.setattr(commands, "CORPORA", {"phrases": lambda: pytest.fail("data were read")})
    monkeypatch.setattr(commands, "read_documents", lambda _: pytest.fail("data were read"))
    (tmp_path / "texts.txt").touch()
    what = str(tmp_path / "texts.txt") if verb == "pretrain" else "phrases"
    folder = "--model" if verb == "evaluate" else "--output"
    assert main([verb, what, "--device", "cuda", folder, str(tmp_path / "new")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nano-bert: device 'cuda' was asked for, but PyTorch finds none on this machine.")
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_the_options_of_the_command_reach_the_training(tmp_path: Path) -> None:
    words = ["train", "phrases", "--epochs", "1", "--batch-size", "400", "--n-embed", "4", "--output", str(tmp_path)]
    assert main([*words, "--clear", "--dtype", "bfloat16", "--device", "cpu:0"]) == 0
    assert json.loads((tmp_path / "config.json").read_text())["hidden_size"] == 4
    with safe_open(tmp_path / STATE_FILE, framework="pt") as file:
        identity = json.loads(file.metadata()["identity"])
    assert {name: identity[name] for name in ("fused", "dtype", "device")} == {
        "fused": False,
        "dtype": "bfloat16",
        "device": "cpu:0",
    }


# 16 bits, on any machine.


def test_16_bits_learn_phrases_and_the_weights_keep_32() -> None:
    recipe, corpus = RECIPES["phrases"], load_phrases()
    model, tokenizer = build(recipe, corpus, seed=0)
    seen: dict[bool, set[torch.dtype]] = {True: set(), False: set()}
    for linear in (model.bert.encoder.layers[0].attention.output, model.classifier):
        linear.register_forward_hook(lambda layer, _, out: seen[layer.training].add(out.dtype))
    history = train(model, tokenizer, corpus, replace(recipe.training, dtype="bfloat16", epochs=3))
    assert seen == {True: {torch.bfloat16}, False: {torch.bfloat16}}, "in the training, and when it is validated"
    assert max(line["validation_accuracy"] for line in history) > 0.95
    assert all(weight.dtype == torch.float32 and weight.isfinite().all() for weight in model.parameters())
    assert evaluate(model, tokenizer, corpus.validation).accuracy > 0.95, "what was learnt holds in 32 bits"


@pytest.mark.parametrize("fused", [False, True])
def test_16_bits_compute_with_the_weights_as_they_are_now(monkeypatch: pytest.MonkeyPatch, fused: bool) -> None:
    """PyTorch keeps the weights that it has rounded to 16 bits: after a step they must not be those of before."""
    rounded: list[float] = []
    real = MeanLoss.forward

    def forward(module: MeanLoss, batch: dict[str, Tensor]) -> Tensor:
        loss = real(module, batch)
        with torch.autocast("cpu", enabled=False), torch.no_grad():
            rounded.append(abs(real(module, batch).item() - loss.item()))
        return loss

    monkeypatch.setattr(MeanLoss, "forward", forward)
    learn(epochs=4, batch_size=10, learning_rate=3e-2, fused=fused)
    assert len(rounded) == 32
    assert 0 < max(rounded) < 0.03


def learn(run: Run | None = None, **settings: Any) -> tuple[NanoBertForClassification, list[dict[str, Any]]]:
    """Learn in 16 bits."""
    torch.manual_seed(0)
    model = NanoBertForClassification(**SIZES, dropout=0.0, pooling="mean", initializer_range=0.3)
    wanted = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2, "dtype": "bfloat16", **settings}
    return model, train(model, TOKENIZER, PHRASES, TrainingConfig(**wanted), run)


@pytest.mark.parametrize(
    ("changed", "then", "now"),
    [
        ({"fused": False}, "True", "False"),
        ({"dtype": "float32"}, "bfloat16", "float32"),
        ({"device": "cpu:0"}, "cpu", "cpu:0"),
    ],
    ids=str,
)
def test_a_run_goes_on_with_the_hardware_it_began_with(
    tmp_path: Path, changed: dict[str, Any], then: str, now: str
) -> None:
    learn(Run(tmp_path), epochs=1)
    [name] = changed
    with pytest.raises(ValueError, match=f"was started with {name} = {then}, but now it is {now}"):
        learn(Run(tmp_path, resume=True), **{"epochs": 1, **changed})


def test_a_run_in_16_bits_goes_on_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unbroken, history = learn()
    real, steps = loop.train_step, iter(range(100))

    def break_off(*arguments: Any) -> float:
        if next(steps) == 14:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", break_off)
        patch.setattr(runs, "SAVE_EVERY", 3)
        with pytest.raises(KeyboardInterrupt):
            learn(Run(tmp_path))
    resumed, resumed_history = learn(Run(tmp_path, resume=True))
    assert all(torch.equal(weight, resumed.state_dict()[name]) for name, weight in unbroken.state_dict().items())
    assert [line["train_loss"] for line in resumed_history] == [line["train_loss"] for line in history]


# A card that is not there.

CPU, CARD = torch.device("cpu"), torch.device("meta")  # "meta": tensors have a shape and a device, but no numbers


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip what looks at numbers, as when compiling; and let what comes back from the card be ones."""
    real, real_embedding = Tensor.to, nn.functional.embedding

    def embedding(ids: Tensor, table: Tensor, *arguments: Any) -> Tensor:
        if ids.device != table.device:  # all other functions check this on "meta", too
            raise RuntimeError(f"ids on device {ids.device} cannot look into a table on device {table.device}")
        return real_embedding(ids, table, *arguments)

    def to(tensor: Tensor, *arguments: Any, **settings: Any) -> Tensor:
        comes_home = tensor.is_meta and CPU in arguments
        return torch.ones(tensor.shape, dtype=tensor.dtype) if comes_home else real(tensor, *arguments, **settings)

    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    monkeypatch.setattr(Tensor, "to", to)
    monkeypatch.setattr(nn.functional, "embedding", embedding)


def inputs(device: torch.device) -> dict[str, Tensor]:
    names = ("input_ids", "attention_mask", "token_type_ids")
    return {name: torch.ones(3, 7, dtype=torch.long, device=device) for name in names}


def assert_learns_on_card(model: nn.Module, out: Any) -> None:
    out.loss.backward()
    tensors = [tensor for field in vars(out).values() for tensor in (field if isinstance(field, tuple) else [field])]
    assert {tensor.device for tensor in tensors if tensor is not None} == {CARD}
    assert {weight.grad.device for weight in model.parameters() if weight.grad is not None} == {CARD}


def test_what_is_left_on_the_processor_is_found(card: None) -> None:
    model = NanoBertForClassification(**SIZES).to(CARD)
    assert model.device == CARD
    for name in ("input_ids", "attention_mask", "token_type_ids"):
        with pytest.raises(RuntimeError, match="device"):
            model(**{**inputs(CARD), name: inputs(CPU)[name]})


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("settings", [{"pooling": "cls"}, {"pooling": "mean"}, {"norm_first": True}], ids=str)
def test_a_classifier_learns_on_a_card(card: None, settings: dict[str, Any], fused: bool) -> None:
    model = NanoBertForClassification(**SIZES, **settings).to(CARD)
    if fused:
        model.fuse()
    labels = torch.ones(3, dtype=torch.long, device=CARD)
    out = model(**inputs(CARD), labels=labels)
    assert (out.attention_weights is None) == fused
    assert_learns_on_card(model, out)
    assert_learns_on_card(model, model(inputs(CARD)["input_ids"], labels=labels))
    assert {weight.device for weight in model.unfuse().parameters()} == {CARD}


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("pooler", [False, True])
def test_a_model_in_pretraining_learns_on_a_card(card: None, pooler: bool, fused: bool) -> None:
    model = NanoBertForPreTraining(**SIZES, pooler=pooler).to(CARD)
    if fused:
        model.fuse()
    labels = torch.ones(3, 7, dtype=torch.long, device=CARD)
    out = model(**inputs(CARD), labels=labels, next_sentence_label=labels[:, 0] if pooler else None)
    assert_learns_on_card(model, out)
    assert all(weight.grad is not None for weight in model.parameters())


def test_a_batch_is_brought_to_the_model(card: None) -> None:
    model = NanoBertForClassification(**SIZES).to(CARD)
    seen: set[torch.device] = set()

    def losses(rows: Any) -> list[tuple[Tensor, int]]:
        seen.update(column.device for column in rows.values())
        return [(model(**rows).loss, 3)]

    batch = {**inputs(CPU), "labels": torch.ones(3, dtype=torch.long)}
    assert MeanLoss(model, losses, CARD)(batch).device == CARD
    assert seen == {CARD}


@pytest.mark.parametrize("fused", [False, True])
def test_answers_come_back_from_the_card(card: None, fused: bool) -> None:
    model = NanoBertForClassification(**SIZES).to(CARD)
    if fused:
        model.fuse()
    probabilities = predict_probabilities(model, TOKENIZER, PHRASES.test.texts[:5])
    assert probabilities.device == CPU
    assert torch.equal(probabilities, torch.full((5, 2), 0.5)), "all scores come home as ones"
    assert evaluate(model, TOKENIZER, PHRASES.test).confusion == [[5, 0], [5, 0]]


def test_a_model_goes_to_its_device_and_comes_home_also_when_the_training_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    went: list[torch.device] = []
    monkeypatch.setattr(nn.Module, "to", lambda model, device: went.append(device))

    def fail() -> None:
        assert went == [torch.device("cpu:0")]
        assert torch.is_autocast_enabled("cpu")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), on_device(NanoBertForClassification(**SIZES), "cpu:0", "bfloat16"):
        fail()
    assert went == [torch.device("cpu:0"), CPU]
    assert not torch.is_autocast_enabled("cpu")
