"""How soon is an edited sentence on the page? `python -m tests.book.check_serve` edits a copy that is served."""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT, PAGE = 3.0, "04-attention"  # seconds, and the page that is edited
SERVERS = {
    "mkdocs serve --dirty": ["mkdocs", "serve", "--dirty", "--dev-addr"],
    "mkdocs serve": ["mkdocs", "serve", "--dev-addr"],
    "zensical serve": ["zensical", "serve", "--dev-addr"],
}


def seconds_until(words: str, address: str, limit: float = 60) -> float:
    """Wait until the page at an address has the words."""
    begin = time.monotonic()
    while time.monotonic() - begin < limit:
        try:
            with urllib.request.urlopen(address, timeout=limit) as answer:
                if words in answer.read().decode():
                    return time.monotonic() - begin
        except (urllib.error.URLError, ConnectionError):
            pass  # not yet there
        time.sleep(0.05)
    raise TimeoutError(f"{address} does not show {words!r} after {limit:.0f} seconds.")


def measure(command: list[str], folder: Path, edits: int = 5) -> float:
    """The median of the seconds from saving an edit to seeing it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    address, page = f"http://{host}/{PAGE}.html", folder / "docs" / f"{PAGE}.md"
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([sys.executable, "-m", *command, host], cwd=folder, env=os.environ, **silent)
    try:
        seconds_until("attention", address)
        taken: list[float] = []
        for number in range(edits):
            time.sleep(2)  # a writer thinks
            sentence = f"Sentence {number} for {command[0]}{len(command)}."
            text = page.read_text(encoding="utf-8")
            page.write_text(text.replace("\n\n", f"\n\n{sentence}\n\n", 1), encoding="utf-8")
            taken.append(seconds_until(sentence, address))
        return statistics.median(taken)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        for part in ("docs", "nano_bert"):
            shutil.copytree(ROOT / part, Path(place) / part)
        shutil.copy(ROOT / "mkdocs.yml", place)
        found = {name: measure(command, Path(place)) for name, command in SERVERS.items()}
    for name, seconds in found.items():
        print(f"{name:22} {seconds:.1f} s")
    sys.exit(min(found.values()) > LIMIT)
