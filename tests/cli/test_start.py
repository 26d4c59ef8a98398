"""The border of the command: it helps at once, can be stopped at once, and what comes out is sentences."""

import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from nano_bert.cli import choices, commands
from nano_bert.cli.arguments import main
from nano_bert.cli.border import LONGEST, at_the_border, sentence
from nano_bert.experiments import recipes
from nano_bert.fast.hardware import DTYPES

VERBS = ["train", "pretrain", "evaluate", "predict", "look", "reproduce", "data", "start", "check"]
ROOT = Path(__file__).parents[2]


def start(*words: str, **more: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more.pop("env", {})}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen([sys.executable, "-m", "nano_bert", *words], env=environment, text=True, **streams)


def test_the_help_names_what_there_is() -> None:
    """Plain values, so that the help need not wait for PyTorch."""
    assert tuple(recipes.CORPORA) == choices.CORPORA
    assert tuple(recipes.RECIPES) == choices.RECIPES
    assert tuple(commands.EXPERIMENTS) == choices.EXPERIMENTS
    assert choices.DTYPES == DTYPES
    usual = recipes.PRETRAINING
    assert (usual.vocab_size, usual.masking.share) == (choices.VOCAB_SIZE, choices.SHARE)
    there = {**usual.model, **asdict(usual.training)}
    assert {name: there[name] for name in choices.USUAL} == choices.USUAL


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], *([verb, "--help"] for verb in VERBS), ["dance"]], ids=" ".join
)
def test_help_and_version_need_no_torch(words: list[str]) -> None:
    code = f"import sys\nfrom nano_bert.cli.arguments import main\ntry: main({words})\nexcept SystemExit: pass\n"
    code += "print('heavy:', {'torch', 'numpy', 'pooch', 'matplotlib', 'requests'} & {*sys.modules} or 0)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, cwd=ROOT)
    assert process.stdout.endswith("heavy: 0\n")


@pytest.mark.skipif(sys.platform == "win32", reason="it does not say what a process has cost")
def test_help_comes_at_once() -> None:
    """Under 0.3 s; of the processor's time, since what else the machine has to do is not the command's fault."""
    import resource

    def seconds() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    needed: list[float] = []
    for _ in range(3):
        before = seconds()
        start("--help").communicate(timeout=100)
        needed.append(seconds() - before)
    assert min(needed) < 0.3


def start_and_watch(module: str, then: str) -> subprocess.Popen[str]:
    """Start the command; when it begins to import a module, do something in it."""
    code = f"""import os, runpy, sys
def watch(event, what):
    if event == "import" and what[0] == {module!r}:
        {then}
sys.addaudithook(watch)
sys.argv[1:] = ["predict", "-"]
runpy.run_module("nano_bert", run_name="__main__")"""
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen([sys.executable, "-c", code], text=True, cwd=ROOT, **pipes)


LATER = [pytest.param(tenths / 10, marks=pytest.mark.slow) for tenths in range(2, 30)]


@pytest.mark.skipif(sys.platform == "win32", reason="signals work in another way there")
@pytest.mark.parametrize("after", [0.0, 0.4, 1.0, *LATER])
def test_ctrl_c_in_the_first_seconds(after: float) -> None:
    """While PyTorch is imported, and afterwards while the command waits for a text."""
    process = start_and_watch("torch", 'os.write(1, b"torch\\n")')
    assert process.stdout is not None
    assert process.stdout.readline() == "torch\n"
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert (process.returncode, err.strip()) == (130, "Stopped.")


def test_ctrl_c_before_the_command_can_speak() -> None:
    process = start_and_watch("argparse", "raise KeyboardInterrupt")
    assert (*process.communicate(timeout=100), process.returncode) == ("", "", 130)


def test_ctrl_c_promises_only_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(recipes.CORPORA, "phrases", stop)
    assert main(["train", "phrases", "--output", str(tmp_path / "new")]) == 130
    assert capsys.readouterr().err.endswith("Stopped. The run had not begun, so nothing is kept: start it again.\n")
    assert main(["data", "phrases"]) == 130
    assert capsys.readouterr().err == "\nStopped.\n"


# Streams.


def test_a_terminal_that_cannot_show_every_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", shown)
    assert main(["predict", "a good 映画 €"]) == 0
    shown.seek(0)
    assert shown.read().count("points") == 4


def test_a_tool_does_not_stop_at_a_letter_either() -> None:
    """What is started with `python -m tests.…` prints "?" for what the terminal cannot show."""
    command = [sys.executable, "-c", "import tests; print('a film: 映画')"]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    process = subprocess.run(command, capture_output=True, timeout=100, cwd=ROOT, env=environment)
    assert (process.returncode, process.stdout.split(), process.stderr) == (0, [b"a", b"film:", b"??"], b"")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX closes the streams")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("predict good >&-", 0, ""),
        ("dance >&- 2>&-", 2, ""),
        ("predict good > /dev/full", 2, "No space left on device"),
    ],
)
def test_output_that_is_closed_or_full(words: str, code: int, said: str) -> None:
    """In a process of its own, which has to end well, too."""
    command = f"{sys.executable} -m nano_bert {words}"
    process = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=100, cwd=ROOT)
    assert process.returncode == code
    assert said in process.stderr
    assert process.stderr.count("\n") == (1 if said else 0)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no /dev/zero")
@pytest.mark.parametrize(
    ("source", "said"),
    [(None, "There is no standard input to read from"), ("/dev/zero", "is longer than 1,000,000 characters")],
)
def test_input_that_is_closed_or_endless(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], source: str | None, said: str
) -> None:
    with Path(source or os.devnull).open(encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream if source else None)
        assert main(["predict", "-"]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_nothing_reaches_the_terminal_as_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steer = "\x1b]0;owned\a\x9b2J\u202e\r"
    assert main(["predict", f"a good film {steer}"]) == 0
    assert main(["predict", f"good{steer}", "--model", f"no{steer}model"]) == 2
    assert main(["train", "phrases", "--recipe", f"no{steer}recipe"]) == 2
    said = "".join(capsys.readouterr())
    assert not set(steer) & set(said) - set("]0;owned2J")


def test_no_message_is_longer_than_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["predict", "good", "--model", "x" * 10**6], ["train", "phrases", "--recipe", "y" * 10**6]):
        assert main(words) == 2
        assert len(capsys.readouterr().err) < LONGEST + 100


# One mechanism.


def fail(error: BaseException) -> Any:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "there is not enough memory for this"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "there is not enough memory"),
        (RecursionError("maximum recursion depth exceeded"), "something that was given is nested too deeply"),
        (OverflowError("int too large to convert to float"), "a number that was given is too large"),
        (NotImplementedError('"add" not implemented for Half'), "PyTorch cannot compute this here"),
        (AttributeError("'NoneType' object has no attribute 'x'"), "this should not have happened (AttributeError"),
        (TypeError("unsupported operand type(s)"), "this should not have happened (TypeError: unsupported"),
        (OSError(28, "No space left on device", "model"), "No space left on device (model)"),
    ],
)  # fmt: skip
def test_whatever_happens_a_sentence_comes_out(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert at_the_border(fail(error)) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"nano-bert: {said}")
    assert err.count("\n") == 1
    monkeypatch.setenv("NANO_BERT_TRACEBACK", "1")
    with pytest.raises(type(error)):
        at_the_border(fail(error))


def test_what_our_code_says_is_said_as_it_is() -> None:
    for words in ({"epochs": 0}, {"dtype": "float8"}):
        with pytest.raises(ValueError, match=r"epochs|dtype") as caught:
            recipes.TrainingConfig(**words)
        assert sentence(caught.value) == str(caught.value)


def test_input_that_is_no_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9"), encoding="utf-8"))
    assert main(["predict", "-"]) == 2
    assert "What came on standard input is not text in UTF-8" in capsys.readouterr().err
