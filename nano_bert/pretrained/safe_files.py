"""Safe files: read within bounds, written whole, and never trusted to be what their name says.

What somebody else has put into a folder can be a pipe, a device without an end, or a text that fills the memory. So
every small file is read here, and everything that can be wrong with it becomes one sentence. A file that is written
takes its name only when it is complete.
"""

import contextlib
import glob
import json
import os
import secrets
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any, BinaryIO, cast

from nano_bert.tokenizer.check_given import shown

SMALL = 4_000_000  # bytes: settings; those of a BERT with a thousand classes take a hundredth
LARGE = 20_000_000  # bytes: a vocabulary; the largest published one, of half a million pieces, takes ten million


@contextlib.contextmanager
def opened(path: Path) -> Generator[BinaryIO, None, None]:
    """Open a file to be read.

    Raises:
        FileNotFoundError: If it is not there.
        ValueError: If it is no ordinary file, or cannot be read.
    """
    try:
        if not path.is_file():  # a folder, a pipe that nobody writes into, a device that never ends
            if not path.exists():
                raise FileNotFoundError(f"There is no file {shown(str(path), 300)}.")
            raise ValueError(f"{shown(str(path), 300)} is no ordinary file, so it is not read.")
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{shown(str(path), 300)} cannot be read ({error.strerror}).") from error


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a file that has no reason to be large.

    Raises:
        FileNotFoundError: If it is not there.
        ValueError: If it is no ordinary file, is too large, or cannot be read.
    """
    with opened(path) as file:
        content = file.read(min(path.stat().st_size, limit) + 1)
    if len(content) > limit:
        raise ValueError(f"{shown(str(path), 300)} has more than {limit:,} bytes: such a file is never so large.")
    return content


def read_text(path: Path, limit: int = LARGE) -> str:
    """Read a text in UTF-8. It is refused, as in `read_bytes`, if it is damaged."""
    try:
        return read_bytes(path, limit).decode("utf-8")
    except UnicodeDecodeError as error:
        raise damaged(path, error) from error


def read_json(path: Path, limit: int = SMALL) -> dict[str, Any]:
    """Read settings: names and values. They are refused if they are damaged, or say a thing twice."""
    return parse_json(path, read_bytes(path, limit))


def parse_json(path: Path, content: bytes) -> dict[str, Any]:
    """Return the settings in some bytes of a file."""
    try:
        settings: object = json.loads(content.decode("utf-8"), object_pairs_hook=each_once)
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, a number of 5,000 digits, or too deep
        raise damaged(path, error) from error
    if not isinstance(settings, dict):
        raise damaged(path, f"settings have names, but these are {shown(settings)}")
    return cast(dict[str, Any], settings)


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dictionary; of two entries with one name, JSON's readers would silently take the last.

    Raises:
        ValueError: If there are two such entries.
    """
    settings = dict(pairs)
    if len(settings) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"it has two entries {shown(twice)!r}")
    return settings


def damaged(path: Path, error: object) -> ValueError:
    """Return what to raise about a damaged file."""
    return ValueError(f"{shown(str(path), 300)} is cut off or damaged ({shown(error, 200)}). Get the file again.")


def write_atomically(path: str | Path, content: bytes | str) -> None:
    """Write a file so that, whatever happens, its name stands for the old content or the new, never for a part.

    A link stays a link: what it points to is written. A file keeps the rights that it had; a new one gets those that
    are usual (`umask`). What a write that was killed has left in the folder is cleared away by the next.

    Args:
        path: The file; folders that are missing on the way are made.
        content: Bytes, or text that is written as UTF-8.

    Raises:
        OSError: If it cannot be written, for example because the disk is full. The old file is then untouched.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from nano_bert.pretrained.safe_files import write_atomically
        >>> folder = tempfile.TemporaryDirectory()
        >>> write_atomically(Path(folder.name) / "note.txt", "the film was good")
        >>> (Path(folder.name) / "note.txt").read_text()
        'the film was good'
        >>> folder.cleanup()
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    content = content.encode() if isinstance(content, str) else content
    for left in path.parent.glob(f".{glob.escape(path.name)}.nano-bert-*"):
        with contextlib.suppress(OSError), locked(left.open("rb")):  # whoever still writes it holds the lock
            left.unlink()
    # The temporary file stands in the same folder: only within one disk is a change of name atomic.
    temporary = path.with_name(f".{path.name}.nano-bert-{secrets.token_hex(8)}")
    try:
        with locked(temporary.open("xb")) as file:
            if path.is_file():
                temporary.chmod(path.stat().st_mode & 0o777)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def locked(file: Any) -> Generator[Any, None, None]:
    """Hold a file for oneself, or raise OSError if another process holds it; close it in the end."""
    with file:
        with contextlib.suppress(ImportError):
            import fcntl  # where there is none, on Windows, a file that is open cannot be deleted anyway

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file
