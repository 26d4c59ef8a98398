"""A plain `python` in a terminal, and somebody who pastes into it."""

import os
import pty
import select
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Run before the first prompt: every error that ends a statement is noted, wrong syntax, too.
NOTE_ERRORS = """
import sys
def note(kind, error, trace, file={file!r}):
    with open(file, "a", encoding="utf-8") as notes:
        print(f"{{kind.__name__}}: {{error}}".replace("\\n", " "), file=notes)
sys.excepthook = note
del sys, note
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


def errors_after(python: str, pastes: Sequence[str], limit: float = 600) -> list[str]:
    """Paste text after text into a fresh prompt of `python`, and return the errors, as `ValueError: why`."""
    with tempfile.TemporaryDirectory() as folder:
        notes, startup = Path(folder) / "errors.txt", Path(folder) / "startup.py"
        startup.write_text(NOTE_ERRORS.format(file=str(notes)), encoding="utf-8")
        notes.touch()
        settings = {"PYTHONSTARTUP": str(startup), "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "HF_HUB_OFFLINE": "1"}
        terminal = Terminal([python, "-i", "-q"], limit, **settings, PYTHON_HISTORY=os.devnull)
        terminal.wait_for(b">>> ")
        for number, paste in enumerate(pastes):
            typed = paste.replace("\n", "\r").encode()
            terminal.say(b"\x1b[200~" + typed + b"\x1b[201~\r" if PASTE_MODE in terminal.heard else typed)
            terminal.say(f"'don' 'e {number}.'\r".encode())
            terminal.wait_for(f"'done {number}.'".encode())  # so what was pasted has run
        terminal.program.kill()
        terminal.program.wait()
        os.close(terminal.end)
        return notes.read_text(encoding="utf-8").splitlines()
