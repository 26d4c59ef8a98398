"""A state is gone on from as a whole or not at all, and a folder belongs to one run: nothing in it is written over."""

import json
import multiprocessing
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from nano_bert import NanoBertForClassification, WordTokenizer
from nano_bert.cli.arguments import main
from nano_bert.training import Run, TrainingConfig, loop, resume, train
from nano_bert.training.run_folder import FILES_OF_A_MODEL, LOCK_FILE, STATE_FILE, check_folder, locked
from nano_bert.training.state_check import MEMORY
from tests.phrases import phrases

CORPUS = phrases()
TOKENIZER = WordTokenizer.from_texts(CORPUS.train.texts, max_seq_len=32)
SETTINGS = TrainingConfig(epochs=2, batch_size=16, learning_rate=1e-2)


def short_run(folder: Path, again: bool = False) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    model = NanoBertForClassification(vocab_size=len(TOKENIZER), n_embed=4, n_heads=2, max_seq_len=32)
    train(model, TOKENIZER, CORPUS, SETTINGS, Run(folder, again))
    return model.state_dict()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, torch.Tensor]]:
    """The state of a finished run, and its weights."""
    folder = tmp_path_factory.mktemp("kept")
    weights = short_run(folder)
    return (folder / STATE_FILE).read_bytes(), weights


# Damage.


def refused_with_one_sentence(folder: Path, content: bytes) -> str:
    (folder / STATE_FILE).write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged|has the format|was started with") as caught:
        short_run(folder, again=True)
    assert len(str(caught.value)) < 600 + len(str(folder))
    assert (folder / STATE_FILE).read_bytes() == content, "the file is left for the reader to look at"
    return str(caught.value)


def flip(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("n_flips", [24, pytest.param(400, marks=pytest.mark.slow)])
def test_one_flipped_bit_anywhere_is_noticed(tmp_path: Path, kept: tuple[bytes, Any], n_flips: int) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")  # pytest shows it if this fails
    draw = random.Random(seed)
    n_header = 8 * (8 + int.from_bytes(kept[0][:8], "little"))
    for number in range(n_flips):  # every second one in the header, where names, settings and numbers are
        refused_with_one_sentence(tmp_path, flip(kept[0], draw.randrange(n_header if number % 2 else 8 * len(kept[0]))))


def test_whole_it_is_gone_on_from(tmp_path: Path, kept: tuple[bytes, Any]) -> None:
    (tmp_path / STATE_FILE).write_bytes(kept[0])
    weights = short_run(tmp_path, again=True)
    assert all(torch.equal(weight, kept[1][name]) for name, weight in weights.items())


def rewrite(
    folder: Path, content: bytes, change: Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], Any]
) -> bytes:
    """Change identity, progress or tensors of a state, and write it with a checksum that fits."""
    path = folder / STATE_FILE
    path.write_bytes(content)
    with safe_open(path, framework="pt") as file:
        identity, progress = (json.loads(file.metadata()[name]) for name in ("identity", "progress"))
    tensors = load_file(path)
    change(identity, progress, tensors)
    resume.save_state(folder, identity, progress, tensors)
    return path.read_bytes()


def change_of_progress(**new: Any) -> Callable[..., Any]:
    return lambda _, progress, __: progress.update(new)


UNFIT: dict[str, tuple[Callable[..., Any], str]] = {
    "no progress": (lambda _, progress, __: progress.clear(), "its progress does not have the entries"),
    "an unknown entry": (change_of_progress(mood=1), "its progress does not have the entries"),
    "a step in words": (change_of_progress(step="3"), "its step is not a finite number"),
    "half a step": (change_of_progress(step=0.5), "its step is not a finite number"),
    "yes for a step": (change_of_progress(step=True), "its step is not a finite number"),
    "a step below 0": (change_of_progress(step=-1), "its step is below 0"),
    "a sum that is none": (change_of_progress(loss_sum=float("nan")), "its loss_sum is not a finite number"),
    "an endless time": (change_of_progress(cpu_seconds=float("inf")), "its cpu_seconds is not a finite number"),
    "a history of text": (change_of_progress(history=["good", "better"]), "its history is not a list of lines"),
    "no history": (change_of_progress(history=[]), "its epochs do not agree with its history"),
    "the best is to come": (change_of_progress(best_epoch=3), "its epochs do not agree with its history"),
    "no optimizer": (
        lambda _, __, tensors: [tensors.pop(name) for name in list(tensors) if name.startswith("optimizer.")],
        "the optimizer's memory is not complete",
    ),
    "half an optimizer": (
        lambda _, __, tensors: tensors.pop("optimizer.0.exp_avg"), "the optimizer's memory is not complete"
    ),
    "an optimizer that forgot a weight": (
        lambda _, __, tensors: [tensors.pop(f"optimizer.3.{name}") for name in MEMORY],
        "the optimizer's memory is not complete",
    ),
    "an optimizer with a weight more": (
        lambda _, __, tensors: tensors.update({f"optimizer.99.{name}": torch.zeros(()) for name in MEMORY}),
        "the optimizer's memory is not complete",
    ),
    "an optimizer of another": (
        lambda _, __, tensors: tensors.update({"optimizer.0.exp_avg": torch.zeros(3)}), "has another shape"
    ),
    "a best that is none": (
        lambda _, __, tensors: tensors["best.output.bias"].fill_(torch.nan), "holds a number that is not finite"
    ),
    "a best of another": (lambda _, __, tensors: tensors.update({"best.output.bias": torch.zeros(7)}), "another shape"),
    "no best": (lambda _, __, tensors: tensors.pop("best.output.bias"), "of best it lacks"),
    "a model that is none": (lambda _, __, tensors: tensors["model.output.bias"].fill_(torch.inf), "is not finite"),
    "no randomness": (lambda _, __, tensors: tensors.pop("randomness"), "where the random numbers are"),
    "more than a state": (lambda _, __, tensors: tensors.update(extra=torch.zeros(3)), "holds more than a state does"),
    "another run": (lambda identity, _, __: identity.update(mood="good"), "was started with mood = good"),
}  # fmt: skip


@pytest.mark.parametrize("damage", UNFIT)
def test_what_no_run_leaves_is_refused(tmp_path: Path, kept: tuple[bytes, Any], damage: str) -> None:
    change, sentence = UNFIT[damage]
    name = next(n for n in kept[1] if n.endswith("bias") and "bert" not in n)

    def renamed(identity: Any, progress: Any, tensors: Any) -> None:
        for part in ("best", "model"):  # whatever the model calls the bias of its output
            tensors[f"{part}.output.bias"] = tensors.pop(f"{part}.{name}")
        change(identity, progress, tensors)
        for part in ("best", "model"):
            if f"{part}.output.bias" in tensors:
                tensors[f"{part}.{name}"] = tensors.pop(f"{part}.output.bias")

    assert sentence in refused_with_one_sentence(tmp_path, rewrite(tmp_path, kept[0], renamed))


def test_another_format_is_named(tmp_path: Path, kept: tuple[bytes, Any]) -> None:
    path = tmp_path / STATE_FILE
    path.write_bytes(kept[0])
    with safe_open(path, framework="pt") as file:
        notes = file.metadata()
    for changed, sentence in (
        ({**notes, "format": "3", "scheduler": "{}"}, "has the format '3', but this version of nano-BERT reads '2'"),
        ({**notes, "scheduler": "{}"}, "it is not a state of this version"),
        ({name: note for name, note in notes.items() if name != "sha256"}, "it is not a state of this version"),
    ):
        save_file(load_file(path), path, metadata=changed)
        assert sentence in refused_with_one_sentence(tmp_path, path.read_bytes())


# A folder.


def test_there_is_a_state_before_the_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", stop)
        with pytest.raises(KeyboardInterrupt):
            short_run(tmp_path / "broken")
    weights = short_run(tmp_path / "broken", again=True)
    assert all(torch.equal(weight, weights[name]) for name, weight in short_run(tmp_path / "whole").items())


@pytest.mark.parametrize("name", [*FILES_OF_A_MODEL, "model.safetensors", "pytorch_model.bin", "tf_model.h5", "a.onnx"])
def test_a_folder_with_a_model_is_nobodys_output(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"somebody's")
    with pytest.raises(ValueError, match="holds a model or a part of one") as caught:
        short_run(tmp_path)
    assert name in str(caught.value)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, b"somebody's")]


def test_notes_in_a_folder_are_no_model(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    short_run(tmp_path)
    with pytest.raises(ValueError, match="holds a run already: add --resume to go on"):
        short_run(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", STATE_FILE]


def hold(folder: str, started: Any, over: Any) -> None:
    with locked(Path(folder)):
        started.set()
        over.wait(60)
        os._exit(9)  # the process dies and tidies nothing up


def test_two_runs_at_a_time_in_one_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    started, over = context.Event(), context.Event()
    other = context.Process(target=hold, args=(str(tmp_path), started, over))
    other.start()
    assert started.wait(60)
    for again in (False, True):
        if again:
            (tmp_path / STATE_FILE).touch()
        with pytest.raises(ValueError, match=f"Another run is at work in .* \\(process '{other.pid}'\\): wait until"):
            check_folder(tmp_path, again)
    (tmp_path / STATE_FILE).unlink()
    with pytest.raises(ValueError, match="Another run is at work"):
        short_run(tmp_path)
    over.set()
    other.join(60)
    assert (tmp_path / LOCK_FILE).exists(), "it died before it could tidy up"
    short_run(tmp_path)
    assert not (tmp_path / LOCK_FILE).exists()


def test_the_command_keeps_somebodys_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "lines.txt").write_text("a good film\n" * 40)
    for what in (["train", "phrases"], ["pretrain", str(tmp_path / "lines.txt")]):
        assert main([*what, "--output", str(tmp_path)]) == 2
        assert "holds a model or a part of one (config.json)" in capsys.readouterr().err
    assert (tmp_path / "config.json").read_text() == "{}"
