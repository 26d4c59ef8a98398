"""A plain `python` in a terminal, and somebody who pastes into it."""

import os
import pty
import re
import select
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Run before the first prompt: every error that ends a statement is noted, wrong syntax, too; and all that is printed.
TAKE_NOTES = """
import sys
def note(kind, error, trace, file={errors!r}):
    with open(file, "a", encoding="utf-8") as notes:
        print(f"{{kind.__name__}}: {{error}}".replace("\\n", " "), file=notes)
class Both:
    def __init__(self, screen, file):
        self.screen, self.notes = screen, open(file, "a", encoding="utf-8")
    def write(self, text):
        print(text, end="", file=self.notes, flush=True)
        return self.screen.write(text)
    def __getattr__(self, name):
        return getattr(self.screen, name)
sys.excepthook, sys.stdout = note, Both(sys.stdout, {outputs!r})
del sys, note, Both
"""
PASTE_MODE = b"\x1b[?2004h"  # said by a prompt that wants to know where a paste begins and ends, as that of Python 3.13


class Terminal:
    """A program at the other end of a pseudo-terminal."""

    def __init__(self, command: Sequence[str], limit: float, **settings: str) -> None:
        self.limit, self.heard = limit, bytearray()
        self.end, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", **settings}
        self.program = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=environment)
        os.close(theirs)

    def say(self, text: bytes) -> None:
        """Type something; what is answered meanwhile is read, so that neither side waits for the other."""
        while text:
            if select.select([], [self.end], [], 0.05)[1]:
                text = text[os.write(self.end, text[:512]) :]
            self._listen(0)

    def wait_for(self, wanted: bytes) -> None:
        """Read until something has been said."""
        last = time.monotonic() + self.limit
        while wanted not in self.heard:
            if not self._listen(last - time.monotonic()):
                said = bytes(self.heard[-2000:]).decode(errors="replace")
                raise TimeoutError(f"{wanted!r} was not said in {self.limit} s. The last that was said: {said}")

    def _listen(self, seconds: float) -> bool:
        if not select.select([self.end], [], [], max(0.0, seconds))[0]:
            return False
        self.heard += os.read(self.end, 65536)
        return True


@dataclass
class Session:
    """What came of pasting.

    Attributes:
        errors: Every error, as `ValueError: why`.
        outputs: What each paste printed, values that the prompt shows among it.
        shows_all: Whether this prompt shows every value of a paste; the newer one of Python 3.13 shows the last alone.
    """

    errors: list[str]
    outputs: list[str]
    shows_all: bool


def paste_all(python: str, pastes: Sequence[str], basic: bool = False, limit: float = 600) -> Session:
    """Paste text after text into a fresh prompt of `python`; with `basic`, into the older one that it has, too."""
    with tempfile.TemporaryDirectory() as folder:
        notes = {name: Path(folder) / f"{name}.txt" for name in ("errors", "outputs")}
        startup = Path(folder) / "startup.py"
        startup.write_text(TAKE_NOTES.format(**{name: str(file) for name, file in notes.items()}), encoding="utf-8")
        notes["errors"].touch()
        settings = {"PYTHONSTARTUP": str(startup), "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "HF_HUB_OFFLINE": "1"}
        settings |= {"PYTHON_BASIC_REPL": "1"} if basic else {}
        terminal = Terminal([python, "-i", "-q"], limit, **settings, PYTHON_HISTORY=os.devnull, PYTHONUTF8="1")
        terminal.wait_for(b">>> ")
        for number, paste in enumerate(pastes):
            typed = paste.replace("\n", "\r").encode()
            terminal.say(b"\x1b[200~" + typed + b"\x1b[201~\r" if PASTE_MODE in terminal.heard else typed)
            terminal.say(f"'don' 'e {number}.'\r".encode())
            terminal.wait_for(f"'done {number}.'".encode())  # so what was pasted has run
        terminal.program.kill()
        terminal.program.wait()
        os.close(terminal.end)
        errors, printed = (notes[name].read_text(encoding="utf-8") for name in ("errors", "outputs"))
        outputs = re.split(r"'done \d+\.'\n?", printed)[:-1]
        return Session(errors.splitlines(), outputs, shows_all=PASTE_MODE not in terminal.heard)
