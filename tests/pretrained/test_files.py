"""A file is old or new, never half."""

import os
from pathlib import Path
from typing import Any, NoReturn

import pytest

from nano_bert.pretrained.files import write_atomically


def fail(*_: Any, **__: Any) -> NoReturn:
    raise OSError(28, "No space left on device")


def interrupt(*_: Any, **__: Any) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("content", "expected"), [("naïve", "naïve".encode()), (b"\x00\xff", b"\x00\xff"), ("", b"")])
def test_text_and_bytes_are_written(tmp_path: Path, content: str | bytes, expected: bytes) -> None:
    path = tmp_path / "made" / "on the way" / "file"
    write_atomically(path, content)
    assert path.read_bytes() == expected
    assert [file.name for file in path.parent.iterdir()] == ["file"]


def test_a_new_file_replaces_the_old_one(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", "a long old text")
    write_atomically(str(tmp_path / "file"), "new")
    assert (tmp_path / "file").read_text() == "new"


def test_others_may_read_the_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", "new")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("trouble", [fail, interrupt])
@pytest.mark.parametrize(("place", "step"), [(os, "fsync"), (Path, "chmod"), (Path, "replace")])
@pytest.mark.parametrize("old", ["old", None])
def test_trouble_half_way_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Any, place: Any, step: str, old: str | None
) -> None:
    path = tmp_path / "file"
    if old is not None:
        path.write_text(old)
    with monkeypatch.context() as patch:
        patch.setattr(place, step, trouble)
        with pytest.raises((OSError, KeyboardInterrupt)):
            write_atomically(path, "new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ([] if old is None else [old])
