"""A file is old or new, never half."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest

from nano_bert.pretrained.safe_files import read_bytes, read_json, write_atomically


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
@pytest.mark.parametrize(("place", "step"), [(os, "fsync"), (Path, "open"), (Path, "replace")])
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


def test_rights_are_those_of_the_old_file_or_the_usual_ones(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_atomically(tmp_path / "file", "new")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    write_atomically(tmp_path / "file", "newer")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    (tmp_path / "file").chmod(0o664)
    write_atomically(tmp_path / "file", "newest")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o664


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "real").write_text("old")
    (tmp_path / "link").symlink_to("far/real")
    (tmp_path / "to nothing yet").symlink_to("far/next")
    write_atomically(tmp_path / "link", "new")
    write_atomically(tmp_path / "to nothing yet", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "to nothing yet").is_symlink()
    assert {path.name: path.read_text() for path in (tmp_path / "far").iterdir()} == {"real": "new", "next": "new"}


KILLED = """
import os, sys
from nano_bert.pretrained.safe_files import write_atomically
os.fsync = lambda _: (print("writing", flush=True), sys.stdin.read())
write_atomically(sys.argv[1], "half")
"""


def test_what_a_killed_write_left_goes_with_the_next_but_not_before(tmp_path: Path) -> None:
    path = tmp_path / "file[1]"
    (tmp_path / ".file[1].mine").write_text("a file of the reader's own")
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"writing\n"
        write_atomically(path, "new")
        assert len(list(tmp_path.iterdir())) == 3, "what is being written is left alone"
        process.kill()
    write_atomically(path, "newer")
    assert sorted(file.name for file in tmp_path.iterdir()) == [".file[1].mine", "file[1]"]
    assert path.read_text() == "newer"


# What is read


def test_only_an_ordinary_file_is_read_and_only_so_much(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    start = time.perf_counter()
    for name in ("pipe", "endless", "folder"):
        with pytest.raises(ValueError, match=rf"{name} is no ordinary file, so it is not read\."):
            read_bytes(tmp_path / name, 100)
    assert time.perf_counter() - start < 1
    (tmp_path / "file").write_bytes(b"x" * 101)
    assert len(read_bytes(tmp_path / "file", 101)) == 101
    with pytest.raises(ValueError, match=r"file has more than 100 bytes: such a file is never so large\."):
        read_bytes(tmp_path / "file", 100)
    with pytest.raises(FileNotFoundError, match=r"There is no file .*gone\."):
        read_bytes(tmp_path / "gone", 100)
    with pytest.raises(ValueError, match=r"cannot be read \(File name too long\)\."):
        read_bytes(tmp_path / ("long" * 1000), 100)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": 1, "a": 2}',
        b'{"b": {"a": 1, "a": 1}}',
        b"[1]",
        b"null",
        b'"\\u001b[31m' + b"x" * 10_000 + b'"',
    ],
    ids=range(11),
)
def test_settings_that_are_none_are_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=r"file is (cut off or )?damaged.*\.") as caught:
        read_json(tmp_path / "file")
    assert type(caught.value) is ValueError
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
