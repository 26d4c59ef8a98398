"""Resuming: whenever a run is killed, it goes on and ends with the same weights, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from nano_bert import NanoBertForClassification, WordTokenizer
from nano_bert.cli.arguments import main
from nano_bert.data import Corpus, Split
from nano_bert.training import Run, TrainingConfig, classification, loop, resume, train
from nano_bert.training import run as runs
from nano_bert.training.resume import STATE_FILE, describe_data
from nano_bert.training.run_folder import LOCK_FILE
from tests.phrases import phrases

ARGUMENTS = ["train", "phrases", "--n-embed", "4", "--batch-size", "400", "--epochs", "2", "--seed", "1"]  # 20 steps
RESULTS = ("model.safetensors", "config.json", "vocab.txt", "tokenizer_config.json")


# In this process, with a run of 15 steps that is broken off at each of them.

CORPUS = phrases()
TOKENIZER = WordTokenizer.from_texts(CORPUS.train.texts, max_seq_len=32)
SETTINGS = {"epochs": 3, "batch_size": 16, "learning_rate": 1e-2, "word_dropout": 0.1}


class PowerCut(Exception):
    pass


def short_run(folder: Path | None = None, resume: bool = False, **settings: Any) -> tuple[dict[str, Any], list[Any]]:
    torch.manual_seed(0)
    model = NanoBertForClassification(vocab_size=len(TOKENIZER), n_embed=4, n_heads=2, max_seq_len=32)
    history = train(model, TOKENIZER, CORPUS, TrainingConfig(**{**SETTINGS, **settings}), Run(folder, resume))
    seconds = ("cpu_seconds", "wall_seconds")  # all that may differ
    return model.state_dict(), [{k: v for k, v in line.items() if k not in seconds} for line in history]


def break_off(monkeypatch: pytest.MonkeyPatch, name: str, call: int, folder: Path, resume: bool = False) -> None:
    """Start a run whose power fails in one of the functions of the training, the n-th time that it is called."""
    module = classification if name == "evaluate" else loop
    real: Callable[..., Any] = getattr(module, name)
    calls: list[int] = []

    def wrapper(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == call:
            raise PowerCut
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, wrapper)
        with pytest.raises(PowerCut):
            short_run(folder, resume)


def assert_same_run(first: tuple[Any, Any], second: tuple[Any, Any]) -> None:
    assert all(torch.equal(weight, second[0][name]) for name, weight in first[0].items())
    assert first[1] == second[1]


@pytest.fixture(scope="module")
def unbroken() -> tuple[Any, Any]:
    return short_run()


@pytest.mark.parametrize(
    ("step", "save_every"), [(2, 1), (6, 1), (15, 1), *((step, 4) for step in range(2, 16))], ids=str
)
def test_a_run_that_breaks_off_at_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbroken: tuple[Any, Any], step: int, save_every: int
) -> None:
    monkeypatch.setattr(runs, "SAVE_EVERY", save_every)
    break_off(monkeypatch, "train_step", step, tmp_path)
    assert_same_run(short_run(tmp_path, resume=True), unbroken)


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_run_that_breaks_off_while_it_is_validated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbroken: tuple[Any, Any], epoch: int
) -> None:
    break_off(monkeypatch, "evaluate", epoch, tmp_path)
    assert_same_run(short_run(tmp_path, resume=True), unbroken)


def test_a_run_that_breaks_off_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbroken: tuple[Any, Any]
) -> None:
    monkeypatch.setattr(runs, "SAVE_EVERY", 1)
    for again in (False, True, True, True):
        break_off(monkeypatch, "train_step", 4, tmp_path, again)
    assert_same_run(short_run(tmp_path, resume=True), unbroken)


def test_keeping_a_state_changes_nothing(tmp_path: Path, unbroken: tuple[Any, Any]) -> None:
    assert_same_run(short_run(tmp_path), unbroken)


def test_a_run_that_stopped_early_is_not_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = short_run(tmp_path, epochs=20, patience=2, learning_rate=1e-9)
    assert len(stopped[1]) == 3
    monkeypatch.setattr(loop, "train_step", None)  # a single step would fail
    assert_same_run(short_run(tmp_path, resume=True, epochs=20, patience=2, learning_rate=1e-9), stopped)


def test_time_is_summed_up_over_all_sittings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_off(monkeypatch, "train_step", 11, tmp_path)  # after two epochs
    hour = 3600.0  # as if they had taken an hour
    change_notes(tmp_path / STATE_FILE, lambda notes: notes["progress"].update(cpu_seconds=hour, wall_seconds=hour))
    torch.manual_seed(0)
    model = NanoBertForClassification(vocab_size=len(TOKENIZER), n_embed=4, n_heads=2, max_seq_len=32)
    history = train(model, TOKENIZER, CORPUS, TrainingConfig(**SETTINGS), Run(tmp_path, resume=True))
    assert hour < history[-1]["cpu_seconds"] < hour + 60
    assert hour < history[-1]["wall_seconds"] < hour + 60


# What cannot be resumed.


def change_notes(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change what a state says of its run."""
    with safe_open(path, framework="pt") as file:
        notes = {name: json.loads(file.metadata()[name]) for name in ("identity", "progress")}
    change(notes)
    resume.save_state(path.parent, notes["identity"], notes["progress"], load_file(path))


def test_a_run_that_never_began(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no run to resume in .*: it has no file state.safetensors"):
        short_run(tmp_path, resume=True)


@pytest.mark.parametrize("changed", [{"epochs": 4}, {"batch_size": 8}, {"seed": 1}, {"word_dropout": 0.2}], ids=str)
def test_other_settings(tmp_path: Path, changed: dict[str, Any]) -> None:
    short_run(tmp_path)
    [(name, now)] = changed.items()
    then = getattr(TrainingConfig(**SETTINGS), name)
    with pytest.raises(ValueError, match=f"was started with {name} = {then}, but now it is {now}. Go on with the same"):
        short_run(tmp_path, resume=True, **changed)


def test_another_model(tmp_path: Path) -> None:
    short_run(tmp_path)
    model = NanoBertForClassification(vocab_size=len(TOKENIZER), n_embed=4, n_heads=1, max_seq_len=32)
    with pytest.raises(ValueError, match="was started with n_heads = 2, but now it is 1"):
        train(model, TOKENIZER, CORPUS, TrainingConfig(**SETTINGS), Run(tmp_path, resume=True))


def test_other_data_and_another_reading_of_it_are_told_apart() -> None:
    def described(corpus: Corpus = CORPUS, **settings: Any) -> dict[str, Any]:
        tokenizer = WordTokenizer.from_texts(CORPUS.train.texts, **{"max_seq_len": 32, **settings})
        return describe_data(corpus.name, [vars(corpus.train), vars(corpus.validation)], tokenizer)

    one_label = Split(CORPUS.train.texts, [1 - CORPUS.train.labels[0], *CORPUS.train.labels[1:]])
    one_text = Split(["another", *CORPUS.validation.texts[1:]], CORPUS.validation.labels)
    variants = [
        described(),
        described(Corpus("phrases", CORPUS.label_names, one_label, CORPUS.validation, CORPUS.test)),
        described(Corpus("phrases", CORPUS.label_names, CORPUS.train, one_text, CORPUS.test)),
        described(truncation="tail"),
        described(lower_case=False),
        described(min_freq=30),
        described(max_seq_len=16),
    ]
    assert described() == variants[0]
    assert all(first != second for index, first in enumerate(variants) for second in variants[:index])


@pytest.mark.parametrize("n_bytes", [0, 5, 100, 1000, -1], ids="{} bytes".format)
def test_a_state_that_is_cut_off(tmp_path: Path, n_bytes: int) -> None:
    short_run(tmp_path)
    path = tmp_path / STATE_FILE
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(ValueError, match=r"state.safetensors is damaged \(.+\). Delete it and start the run anew"):
        short_run(tmp_path, resume=True)


def test_a_file_that_is_no_state(tmp_path: Path) -> None:
    save_file({"weights": torch.zeros(3)}, tmp_path / STATE_FILE)
    with pytest.raises(ValueError, match="is damaged"):
        short_run(tmp_path, resume=True)


def test_a_state_holds_all_that_decides_the_rest(tmp_path: Path) -> None:
    """The weights of now and of the best epoch, AdamW's memory of each, and where dropout's randomness is."""
    short_run(tmp_path, fused=False)
    parts: dict[str, set[str]] = {}
    for name in load_file(tmp_path / STATE_FILE):
        part, _, rest = name.partition(".")
        parts.setdefault(part, set()).add(rest)
    names = set(NanoBertForClassification(vocab_size=len(TOKENIZER), n_heads=2, n_embed=4).state_dict())
    assert parts["model"] == parts["best"] == names
    assert parts["optimizer"] == {
        f"{n}.{kind}" for n in range(len(names)) for kind in ("step", "exp_avg", "exp_avg_sq")
    }
    assert parts["randomness"] == {""}


# For real: `nano-bert train` in a process of its own, Ctrl-C and kill -9.


STEPS = """
import os, signal, sys
from itertools import count
from nano_bert.cli.arguments import main
from nano_bert.training import loop, run
run.SAVE_EVERY, steps, real = {save_every}, count(1), loop.train_step
def step(*arguments):
    number = next(steps)
    if number in {signals}:
        os.kill(os.getpid(), {signals}[number])
    return real(*arguments)
loop.train_step = step
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background is deaf to it
"""
RUN = "sys.exit(main(sys.argv[1:]))"


def start(folder: Path, code: str) -> subprocess.Popen[str]:
    """Run code in a process of its own, which finds the words of the command in `sys.argv`."""
    command = [sys.executable, "-c", code, *ARGUMENTS, "--output", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=100)
    return process.returncode, out, err


def wait_for_state(folder: Path, process: subprocess.Popen[str], saves: int) -> None:
    """Wait until the state has been written so many times: each time the name stands for another file."""
    seen: set[tuple[int, int]] = set()
    while len(seen) < saves and process.poll() is None:
        if (folder / STATE_FILE).exists():
            status = (folder / STATE_FILE).stat()
            seen.add((status.st_ino, status.st_mtime_ns))
        time.sleep(0.001)


def results(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RESULTS}


def in_this_process(folder: Path, *more: str) -> None:
    """Run the command here, which saves the start of another process; on one processor, as the others do."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    assert main([*ARGUMENTS, "--output", str(folder), *more]) == 0
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nobody killed."""
    folder = tmp_path_factory.mktemp("runs") / "unbroken"
    in_this_process(folder)
    return folder


def test_ctrl_c_and_kill_9(tmp_path: Path, finished: Path) -> None:
    """Ctrl-C in the first epoch; the run goes on, and is killed in the second; it goes on and ends as if never broken.

    The process sends the signals to itself, so that each comes at the same step every time.
    """
    signals = {7: signal.SIGINT.value, 17: signal.SIGKILL.value}
    program = "print(main(sys.argv[1:]), flush=True)\nmain([*sys.argv[1:], '--resume'])\n"
    code, out, err = finish(start(tmp_path, STEPS.format(save_every=4, signals=signals) + program))
    assert (code, out) == (-signal.SIGKILL, "130\n"), err
    assert "Stopped. The run is kept up to its last saved step: add --resume to go on." in err
    assert "Traceback" not in err
    assert {path.name for path in tmp_path.iterdir()} == {STATE_FILE, LOCK_FILE}, "it had no time to tidy up"
    in_this_process(tmp_path, "--resume")
    assert results(tmp_path) == results(finished)


@pytest.mark.slow
@pytest.mark.parametrize("saves", [1, 12])
def test_kill_9_at_any_moment(tmp_path: Path, finished: Path, saves: int) -> None:
    """From outside, while the state is written after each step; on a busy machine a late kill may come too late."""
    process = start(tmp_path, STEPS.format(save_every=1, signals={}) + RUN)
    wait_for_state(tmp_path, process, saves)
    process.kill()
    assert finish(process)[0] in (-signal.SIGKILL, 0)
    in_this_process(tmp_path, "--resume")
    assert results(tmp_path) == results(finished)


DIE_WHILE_WRITING = """
import os, sys, nano_bert.pretrained.safe_files
from nano_bert.cli.arguments import main
left = [{n}]
def die(handle, write=os.fsync):
    left[0] -= 1
    if left[0] == 0:
        os._exit(9)
    write(handle)
nano_bert.pretrained.safe_files.os.fsync = die
"""


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 4], ids=["a state", "the model"])
def test_death_in_the_midst_of_writing_a_file(tmp_path: Path, finished: Path, n: int) -> None:
    """The n-th file is there under a temporary name, and the process is gone before it gets its own."""
    assert finish(start(tmp_path, DIE_WHILE_WRITING.format(n=n) + RUN))[0] == 9
    assert list(tmp_path.glob(".*.safetensors.*")), "it died half-way"
    in_this_process(tmp_path, "--resume")
    assert results(tmp_path) == results(finished)


def test_a_classifier_that_reads_the_mean_goes_on(tmp_path: Path) -> None:
    """No loss reaches its pooler: that is no damage."""
    for epochs in (1, 2):
        torch.manual_seed(0)
        model = NanoBertForClassification(vocab_size=len(TOKENIZER), n_embed=4, max_seq_len=32, pooling="mean")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runs.Run, "epochs", lambda self, n=epochs: iter(range(self.progress.epoch, n)))
            settings = TrainingConfig(epochs=2, batch_size=16)
            history = train(model, TOKENIZER, CORPUS, settings, Run(tmp_path, resume=epochs == 2))
    assert [line["epoch"] for line in history] == [1, 2]


def test_to_resume_a_finished_run_changes_nothing(finished: Path) -> None:
    before = results(finished)
    assert main([*ARGUMENTS, "--output", str(finished), "--resume"]) == 0
    assert results(finished) == before


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ([], "holds a run already: add --resume to go on, or choose another --output"),
        (["--resume", "--n-embed", "8"], "was started with n_embed = 4, but now it is 8"),
        (["--resume", "--seed", "3"], "was started with seed = 1, but now it is 3"),
    ],
)
def test_a_finished_run_is_not_overwritten(
    finished: Path, capsys: pytest.CaptureFixture[str], more: list[str], sentence: str
) -> None:
    before = results(finished)
    assert main([*ARGUMENTS, "--output", str(finished), *more]) == 2
    assert sentence in capsys.readouterr().err
    assert results(finished) == before


@pytest.mark.parametrize("damage", [None, b"", b"not a state"])
def test_no_state_or_a_damaged_one_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: bytes | None
) -> None:
    if damage is not None:
        (tmp_path / STATE_FILE).write_bytes(damage)
    assert main([*ARGUMENTS, "--output", str(tmp_path), "--resume"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("nano-bert: ")
    assert ("is damaged" if damage is not None else "There is no run to resume") in last
