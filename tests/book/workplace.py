"""A folder in which one page is read: all of the project is there, and what the page leaves is in nobody's way.

Several processes may work in the project at once, and so may its author. Whoever looks into the project itself cannot
tell what a page has left there from what somebody else has just made. So each page has a folder of its own, with a
link to everything that the project holds.
"""

import os
import tempfile
from pathlib import Path


class Workplace:
    """The folder for one page, from its first example to the last."""

    def __init__(self, root: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="nano-bert-", ignore_cleanup_errors=True)
        self.path, self._known = Path(self._folder.name), set[str]()
        try:
            for thing in root.iterdir():
                (self.path / thing.name).symlink_to(thing, target_is_directory=thing.is_dir())
        except OSError:  # Windows lets not everybody make links; what is left behind is then seen on other systems
            self.path = Path(root)
        self.left()

    def left(self) -> list[str]:
        """The names of what has been left here since the last call."""
        if self.path != Path(self._folder.name):
            return []
        now = {thing.name for thing in self.path.iterdir()}
        new, self._known = sorted(now - self._known), self._known | now
        return new

    def close(self) -> None:
        """Remove the folder; what its links lead to stays."""
        self._folder.cleanup()


def write_whole(file: Path, text: str) -> None:
    """Write a file so that its name stands for the old text or the new, whatever happens, never for a part."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8", newline="\n")
        if file.exists():
            new.chmod(file.stat().st_mode)
        new.replace(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
