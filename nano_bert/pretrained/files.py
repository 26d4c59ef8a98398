"""Files that are never half-written: a new file takes its name only when it is complete."""

import os
import tempfile
from pathlib import Path


def write_atomically(path: str | Path, content: bytes | str) -> None:
    """Write a file so that, whatever happens, its name stands for the old content or the new, never for a part.

    Args:
        path: The file; folders that are missing on the way are made.
        content: Bytes, or text that is written as UTF-8.

    Raises:
        OSError: If it cannot be written, for example because the disk is full. The old file is then untouched.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from nano_bert.pretrained.files import write_atomically
        >>> folder = tempfile.TemporaryDirectory()
        >>> write_atomically(Path(folder.name) / "note.txt", "the film was good")
        >>> (Path(folder.name) / "note.txt").read_text()
        'the film was good'
        >>> folder.cleanup()
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = content.encode() if isinstance(content, str) else content
    # The temporary file stands in the same folder: only within one disk is a change of name atomic.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)  # mkstemp lets nobody else read
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
