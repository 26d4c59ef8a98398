"""Downloads: whole or not at all, and a failure says which file to put where."""

import errno
import json
import os
import signal
import stat
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from nano_bert.data import download, load_hatexplain, load_imdb
from nano_bert.data.download import DataError, Source, data_folder, fetch
from tests.data.planted import ARCHIVE, DIVISIONS, IMDB, POSTS, REVIEWS, files_in, members, pack, plant_posts
from tests.data.server import Server, official, send, send_without_length


def test_a_download_is_kept_and_not_asked_for_again(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    official(server, monkeypatch, IMDB, pack(members()))
    first = load_imdb()
    assert "100%" in capfd.readouterr().err  # the progress bar
    assert load_imdb() == first
    assert server.asked == [f"/{IMDB}"]
    assert files_in(folder) == [IMDB]


def test_both_files_of_hatexplain_are_downloaded(folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = dict(zip((POSTS, DIVISIONS), (json.dumps(part).encode() for part in plant_posts()), strict=True))
    for name, content in contents.items():
        official(server, monkeypatch, name, content, kind="git")
    server.answer = lambda request: send(contents[request.path[1:]])(request)
    assert len(load_hatexplain().train) == 26
    assert files_in(folder) == [POSTS, DIVISIONS]


@pytest.mark.parametrize(
    ("content", "git_id"),
    [(b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"), (b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a")],
)
def test_the_git_checksum_is_the_one_of_git_hash_object(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch, content: bytes, git_id: str
) -> None:
    monkeypatch.setitem(download.SOURCES, POSTS, Source(server.url, f"git:{git_id}"))
    server.answer = send(content)
    assert fetch(POSTS).read_bytes() == content


FAULTS = {
    "404": (lambda request: request.send_error(404), "the server answered 404 Not Found"),
    "500": (lambda request: request.send_error(500), "the server answered 500 Internal Server Error"),
    "broken off": (send(ARCHIVE[:-100], announced=len(ARCHIVE)), "broke off before the file was whole"),
    "broken off at once": (send(b"", announced=len(ARCHIVE)), "broke off before the file was whole"),
    "cut short": (send_without_length(ARCHIVE[:-100]), "not the official one: md5:"),
    "corrupt": (send(bytes([*ARCHIVE[:500], ARCHIVE[500] ^ 1, *ARCHIVE[501:]])), "not the official one: md5:"),
    "a web page": (send(b"<html>Please log in to this network</html>"), "not the official one: md5:"),
    "no answer": (lambda request: request.connection.close(), "no connection to the server"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_download_that_fails_says_what_to_do_and_leaves_nothing(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    official(server, monkeypatch, IMDB, ARCHIVE)
    answer, reason = FAULTS[fault]
    server.answer = answer
    with pytest.raises(DataError) as caught:
        load_imdb()
    message = str(caught.value)
    assert reason in message
    assert f"Download {server.url}/{IMDB} by other means and put it at {folder / IMDB}." in message
    assert files_in(folder) == []
    server.answer = send(ARCHIVE)  # and the next attempt succeeds
    assert len(load_imdb().test) == 2 * REVIEWS


def test_no_network(folder: Path) -> None:
    with pytest.raises(DataError, match=r"no connection to the server .* is this computer online"):
        load_imdb()
    assert files_in(folder) == []


def test_a_failed_second_file_does_not_undo_the_first(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = json.dumps(plant_posts()[0]).encode()
    official(server, monkeypatch, POSTS, posts, kind="git")
    with pytest.raises(DataError, match=r"Could not get hatexplain/post_id_divisions\.json"):
        load_hatexplain()
    assert files_in(folder) == [POSTS]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device on which every write fails")
def test_a_full_disk(folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    official(server, monkeypatch, IMDB, ARCHIVE)
    # The download writes to a device that is always full: the error is the operating system's own.
    monkeypatch.setattr("nano_bert.data.download.open", lambda path, mode: open("/dev/full", mode), raising=False)  # noqa: PTH123, SIM115 (it stands in for that very open)
    with pytest.raises(DataError, match=os.strerror(errno.ENOSPC)) as caught:
        load_imdb()
    assert str(folder / IMDB) in str(caught.value)
    assert files_in(folder) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals and users work in another way there")
def test_ctrl_c_leaves_nothing(folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    official(server, monkeypatch, IMDB, ARCHIVE)
    half_written: list[str] = []
    done = threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        send(ARCHIVE[:-100], announced=len(ARCHIVE))(request)
        half_written.extend(files_in(folder))
        os.kill(os.getpid(), signal.SIGINT)  # to the main thread, which waits for the rest
        done.wait(10)

    server.answer = answer
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started with & ignores Ctrl-C
    try:
        with pytest.raises(KeyboardInterrupt):
            load_imdb()
    finally:
        signal.signal(signal.SIGINT, before)
    done.set()
    assert len(half_written) == 1
    assert half_written != [IMDB]
    assert files_in(folder) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals and users work in another way there")
@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_folder_one_may_not_write_to(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    official(server, monkeypatch, IMDB, ARCHIVE)
    with tempfile.TemporaryDirectory() as outside:  # pytest's folder is closed to other users
        closed = Path(outside) / "closed"
        closed.mkdir()
        Path(outside).chmod(0o755)
        closed.chmod(mode)
        monkeypatch.setenv("NANO_BERT_DATA", str(closed / "cache"))
        root = os.geteuid() == 0  # root may write anywhere: be nobody for a moment
        try:
            if root:
                os.seteuid(65534)
            with pytest.raises(DataError, match=os.strerror(errno.EACCES)) as caught:
                load_imdb()
        finally:
            if root:
                os.seteuid(0)
            closed.chmod(stat.S_IRWXU)
        assert f"put it at {closed / 'cache' / IMDB}" in str(caught.value)


def test_the_data_folder_is_a_file(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("NANO_BERT_DATA", str(file))
    with pytest.raises(DataError, match="is a file: set NANO_BERT_DATA to a folder") as caught:
        load_imdb()
    assert str(file) in str(caught.value)


def test_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NANO_BERT_DATA", "here")
    assert data_folder() == tmp_path / "here"
    monkeypatch.setenv("NANO_BERT_DATA", "~/there")
    assert data_folder() == Path.home() / "there"
    for unset in ("", None):
        monkeypatch.delenv("NANO_BERT_DATA") if unset is None else monkeypatch.setenv("NANO_BERT_DATA", unset)
        assert data_folder().name == "nano-bert"
        assert data_folder().is_absolute()


def test_official_sources_are_pinned() -> None:
    for name, source in download.SOURCES.items():
        assert source.url.startswith("https://")
        assert source.url.endswith("/" + name.rpartition("/")[2])
        assert "/master/" not in source.url
