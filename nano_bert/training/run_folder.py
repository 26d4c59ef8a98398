"""The folder of a run: nobody's model is written over, and two runs never share one.

A run writes a state and, at the end, a model. Both have fixed names; so a folder in which there is a model already, of
whatever origin, is refused before anything begins. While a run goes on it holds a lock: the operating system gives it
to one process at a time, and takes it back when that process ends, however it ends.
"""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from nano_bert.fast.distributed import is_first

STATE_FILE = "state.safetensors"
LOCK_FILE = "run.lock"
# What one finds beside a model: our own files and those of other libraries.
FILES_OF_A_MODEL = ("config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "added_tokens.json")
RESULTS = ("history.json", "record.json")  # what the command writes beside its model
ENDINGS_OF_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx", ".index.json")


def check_folder(folder: Path, resume: bool) -> None:
    """Refuse a folder that a run may not write to.

    Args:
        folder: The folder; it need not exist yet.
        resume: Whether a run that is kept there shall go on.

    Raises:
        FileNotFoundError: If a run shall go on, but there is none.
        ValueError: If the folder is none, holds a run or a model, or another process is at work in it.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, but a run is kept in a folder: choose another one.")
    has_state = (folder / STATE_FILE).is_file()
    if resume and not has_state:
        raise FileNotFoundError(f"There is no run to resume in {folder}: it has no file {STATE_FILE}.")
    if is_first():  # of many processes it is the first that will hold the lock
        with locked(folder, only_look=True):
            pass
    if resume:
        return
    if has_state:
        raise ValueError(
            f"{folder} holds a run already: add --resume to go on, or choose another --output. (In Python: "
            f"Run(folder, resume=True), or another folder.)"
        )
    found = sorted(path.name for path in folder.iterdir() if _is_of_a_model(path.name)) if folder.is_dir() else []
    if found:
        raise ValueError(
            f"{folder} holds a model or a part of one ({found[0]}), which the run would write over: choose another "
            f"folder (--output), or move what is there."
        )


@contextmanager
def locked(folder: Path, only_look: bool = False) -> Generator[None, None, None]:
    """Let nobody else run in a folder meanwhile.

    Args:
        folder: The folder; it is made, if it is missing.
        only_look: Whether only to see that nobody is at work there; nothing is made then.

    Raises:
        ValueError: If another process is at work there.
    """
    path = folder / LOCK_FILE
    if only_look and not path.is_file():
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not _take(handle):
            owner = os.read(handle, 12).decode("ascii", "replace").strip()
            raise ValueError(
                f"Another run is at work in {folder} (process {owner!r}): wait until it has ended, or choose another "
                f"folder (--output)."
            )
        try:
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
            yield
        finally:
            with suppress(OSError):  # Windows lets nobody remove a file that is open; the lock itself ends all the same
                path.unlink()
    finally:
        os.close(handle)


def _take(handle: int) -> bool:
    """Take the lock on an open file; say whether it was free."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, 1 << 20, os.SEEK_SET)  # a place behind the text, which others may then read
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The run before may have removed the file since it was opened: then this lock keeps nobody out.
            return os.fstat(handle).st_nlink > 0
    except OSError:
        return False
    return True


def _is_of_a_model(name: str) -> bool:
    return name in (*FILES_OF_A_MODEL, *RESULTS) or name.endswith(ENDINGS_OF_WEIGHTS)
