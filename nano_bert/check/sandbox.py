"""A process of its own for the reader's file: it may loop, crash, end or print as it likes.

Nothing heavy is imported here. What the child has written down is read afterwards, and whatever became of it is told in
a sentence.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from nano_bert.check.rungs import LADDER, Rung

SECONDS = 10.0  # of the processor, for the slowest rung on a slow computer
PATIENCE = 12  # how many times as long it may take on a clock: the computer may be busy with something else
LOADING = 120.0  # for Python and torch to start
MOST_OUTPUT = 2_000  # characters of what the file prints


@dataclass
class Result:
    """What became of a look at a file.

    Attributes:
        reports: What is said of each rung: "number", "state", "says" and "mistakes", as in `judge.Report`.
        printed: What the file printed, its beginning.
    """

    reports: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    printed: str = ""


def check_file(file: Path, rungs: Sequence[Rung] = LADDER, seconds: float = SECONDS) -> Result:
    """Judge some rungs of a reader's file.

    Args:
        file: The file.
        rungs: The rungs.
        seconds: Of the processor: how long each may take.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    if not file.is_file():
        what = "a folder" if file.is_dir() else "no file"
        raise FileNotFoundError(f"{file} is {what}. nano-bert start FOLDER writes a my_bert.py to begin with.")
    with tempfile.TemporaryDirectory(prefix="nano-bert-", ignore_cleanup_errors=True) as folder:
        events, trace = Path(folder) / "events", Path(folder) / "trace"
        words = [str(rung.number or rung.name) for rung in rungs]
        command = [sys.executable, "-m", "nano_bert.check.child", str(file.resolve()), str(events), str(trace)]
        most = LOADING + PATIENCE * seconds * (len(rungs) + 1)
        code, printed = run([*command, str(seconds), str(PATIENCE * seconds), *words], most)
        told = [json.loads(line) for line in text_of(events).splitlines() if line.endswith("}")]
        reports = [event["report"] for event in told if "report" in event]
        refused = next((event["refused"] for event in told if "refused" in event), None)
        if refused is None and not any(event.get("stage") == "end" for event in told):
            stage = next((event["stage"] for event in reversed(told) if "stage" in event), None)
            refused = ended(file, stage, code, text_of(trace), seconds, printed)
        missing = [rung for rung in rungs if rung.number not in [one["number"] for one in reports]]
        for number, rung in enumerate(missing):
            state, says = ("failed", refused) if not number else ("waits", "What is said above comes first.")
            reports.append({"number": rung.number, "state": state, "says": says, "mistakes": [], "maybe": False})
    return Result(reports, printed)


def run(command: Sequence[str], seconds: float) -> tuple[int | None, str]:
    """Run a command; return its exit code, None if it had to be ended, and the beginning of what it printed."""
    package = str(Path(__file__).parents[2])
    places = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "PYTHONIOENCODING": "utf-8:replace"}
    environment["PYTHONSAFEPATH"] = "1"  # a torch.py beside the reader's file is not taken for torch
    streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=environment, **streams) as process:
        kept: list[bytes] = []
        assert process.stdout is not None
        reader = threading.Thread(target=drain, args=(process.stdout, kept), daemon=True)
        reader.start()
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:  # also after Ctrl-C
            process.kill()
        reader.join(5)
    return code, b"".join(kept)[:MOST_OUTPUT].decode("utf-8", "replace")


def drain(stream: IO[bytes], kept: list[bytes]) -> None:
    """Read a stream to its end, and keep its beginning: a flood fills neither the memory nor the screen."""
    room = MOST_OUTPUT
    while chunk := os.read(stream.fileno(), 65_536):
        if room > 0:
            kept.append(chunk[:room])
            room -= len(chunk)


def text_of(file: Path) -> str:
    """Return what stands in a file, nothing if there is none."""
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def ended(file: Path, stage: object, code: int | None, trace: str, seconds: float, printed: str) -> str:
    """Say why the child has not come to its end."""
    if stage is None:
        last = printed.strip().rpartition("\n")[2]
        return f'The check itself could not begin{": " + last if last else ""}. Does `python -c "import torch"` work?'
    is_over = code is not None and -code == getattr(signal, "SIGXCPU", None)
    if is_over or "Timeout" in trace or code is None:
        place = re.search(rf'File "{re.escape(str(file.resolve()))}", line (\d+) in (\S+)', trace)
        where = f" It was in line {place[1]}, in {place[2]}." if place else ""
        took = f"{seconds:g} seconds of computing" if is_over else f"{PATIENCE * seconds:g} seconds"
        return f"{file.name} was still busy after {took}: does a loop never end, or does it wait?{where}"
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return (
            f"{file.name} made Python crash ({name}): perhaps out of memory, or by a recursion without end. Look at "
            f"what it does with large tensors, and at functions that call themselves."
        )
    return f"{file.name} ended Python itself (exit code {code}), with os._exit or the like: take that out."
