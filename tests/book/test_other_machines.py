"""The pages hold on the machine of a reader, who has more threads, or lets Python leave out the asserts."""

import os
import subprocess
import sys

import pytest

from tests.book.planted import ROOT

WAYS = {"two threads": ([], {"OMP_NUM_THREADS": "2"}), "without asserts": (["-O"], {})}


def pages_hold(way: str, *pages: str) -> tuple[int, str]:
    """Read pages in a Python of their own; gives the exit code, and what was said."""
    options, settings = WAYS[way]
    command = [sys.executable, *options, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *pages]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_every_page_holds(way: str) -> None:
    code, said = pages_hold(way, "docs", "README.md")
    assert code == 0, said[-4000:]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_page_that_is_wrong_would_be_seen(way: str) -> None:
    folder = ROOT / "exercises" / f"planted-{os.getpid()}"  # where files of a reader's own are checked
    folder.mkdir(parents=True)
    page, machine = folder / "wrong.py", (2, True) if way == "two threads" else (1, False)
    text = f">>> import torch\n>>> torch.get_num_threads(), __debug__\n{machine}\n>>> 1 + 1\n3"
    page.write_text(f'"""A file.\n\n{text}\n"""\n', encoding="utf-8")
    try:
        code, said = pages_hold(way, str(page))
    finally:
        page.unlink()
        folder.rmdir()
    assert (code, "1 + 1" in said, "get_num_threads" in said) == (1, True, False), said
