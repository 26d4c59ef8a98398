"""Downloads and archives within bounds: of bytes, of memory, and of time."""

import gzip
import hashlib
import json
import os
import sys
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from nano_bert.data import archive, load_hatexplain, load_imdb, receive
from nano_bert.data.download import SOURCES, DataError, fetch
from tests.data.planted import ARCHIVE, DIVISIONS, IMDB, POSTS, files_in, members, pack, plant, plant_posts
from tests.data.server import Server, official

Answer = Callable[[BaseHTTPRequestHandler], None]


def endless(*headers: tuple[str, str], seconds: float = 0.0, chunk: bytes = bytes(1 << 16)) -> Answer:
    """Answer without an end, `chunk` by `chunk`."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        for header in headers:
            request.send_header(*header)
        request.end_headers()
        try:
            while True:
                request.wfile.write(chunk)
                time.sleep(seconds)
        except OSError:
            pass  # the other side has had enough

    return answer


def packed(content: bytes) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Encoding", "gzip")
        request.end_headers()
        request.wfile.write(gzip.compress(content))

    return answer


TOO_LARGE = {
    "without an end": endless(),
    "longer than it says": endless(("Content-Length", str(1 << 40))),
    "a length that is none": endless(("Content-Length", "9" * 4000)),
    "a bomb": packed(bytes(1 << 27)),
}


@pytest.mark.parametrize("kind", TOO_LARGE)
def test_no_more_bytes_are_taken_than_the_file_has(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    official(server, monkeypatch, IMDB, ARCHIVE)
    monkeypatch.setitem(SOURCES, IMDB, replace(SOURCES[IMDB], largest=len(ARCHIVE)))
    server.answer = TOO_LARGE[kind]
    began = time.monotonic()
    with pytest.raises(DataError, match=r"Could not get aclImdb_v1.tar.gz: .+\. Download") as caught:
        load_imdb()
    assert kind == "a length that is none" or f"sends more than the {len(ARCHIVE):,} bytes" in str(caught.value)
    assert time.monotonic() - began < 5
    assert files_in(folder) == []


def test_a_server_that_drips_is_given_up(folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive, "WINDOW", 0.4)
    official(server, monkeypatch, IMDB, ARCHIVE)
    server.answer = endless(seconds=0.02, chunk=b"x")
    began = time.monotonic()
    with pytest.raises(DataError, match=r"fewer than 30,000 bytes came in 0 seconds, so the server was given up"):
        load_imdb()
    assert time.monotonic() - began < 5
    assert files_in(folder) == []


def test_a_slow_server_is_waited_for(folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive, "WINDOW", 0.4)
    monkeypatch.setattr(receive, "LEAST", 100)
    official(server, monkeypatch, IMDB, ARCHIVE)

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(ARCHIVE)))
        request.end_headers()
        for start in range(0, len(ARCHIVE), 100):
            request.wfile.write(ARCHIVE[start : start + 100])
            time.sleep(0.02)

    server.answer = answer
    monkeypatch.setattr(receive, "CHUNK", 50)
    assert len(load_imdb().test) == 40


def test_a_reason_cannot_steer_the_terminal(folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    official(server, monkeypatch, IMDB, ARCHIVE)
    server.answer = lambda request: request.send_response(500, "no \x1b[2J\a" + "x" * 9999) or request.end_headers()
    with pytest.raises(DataError, match=r"answered 500 no \\x1b\[2J\\x07x+…\. Download"):
        load_imdb()


def test_a_forged_file_with_the_same_git_id_would_need_the_same_sha256(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    official(server, monkeypatch, POSTS, b"{}", kind="git")
    monkeypatch.setitem(SOURCES, POSTS, replace(SOURCES[POSTS], sha256=hashlib.sha256(b"{} ").hexdigest()))
    with pytest.raises(DataError, match=r"is not the official one: sha256:44136f"):
        fetch(POSTS)
    monkeypatch.setitem(SOURCES, POSTS, replace(SOURCES[POSTS], sha256=hashlib.sha256(b"{}").hexdigest()))
    assert fetch(POSTS).read_bytes() == b"{}"


DATA = Path(os.environ.get("NANO_BERT_DATA") or "nowhere")


@pytest.mark.skipif(not (DATA / DIVISIONS).is_file(), reason="needs the real data")
def test_the_known_sha256_is_that_of_the_official_bytes() -> None:
    content, source = (DATA / DIVISIONS).read_bytes(), SOURCES[DIVISIONS]
    git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    assert f"git:{git}" == source.checksum, "these are the official bytes"
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (source.sha256, source.largest)


# Archives that somebody put into the cache.


def tar_of(*headers: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A gzipped tar of these headers, each with what follows it, filled up to whole blocks."""
    content = b"".join(
        header.tobuf(tarfile.GNU_FORMAT) + body + bytes(-len(body) % 512) for header, body in headers
    )  # fmt: skip
    return gzip.compress(content + bytes(1024))


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info


def sparse(name: str) -> bytes:
    """A file of 40 GB in a few bytes: after its one piece of data it is a hole."""
    block = bytearray(header(name, 512, tarfile.GNUTYPE_SPARSE).tobuf(tarfile.GNU_FORMAT))
    block[386:410] = b"%011o\0%011o\0" % (0, 512)
    block[483:495] = b"\x80" + (40 << 30).to_bytes(11, "big")
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    return gzip.compress(bytes(block) + bytes(512) + bytes(1024))


TEXT = "aclImdb/train/neg/0_1.txt"
BOMBS = {
    "a review of gigabytes": lambda: tar_of((header(TEXT, 3_100_000_000), bytes(1 << 20))),
    "a sparse review": lambda: sparse(TEXT),
    "a name of gigabytes": lambda: tar_of((header("x", 4_500_000_000, tarfile.GNUTYPE_LONGNAME), bytes(1 << 20))),
    "notes of gigabytes": lambda: tar_of((header("x", 4_500_000_000, tarfile.XHDTYPE), bytes(1 << 20))),
    "names upon names": lambda: tar_of(*[(header("x", 2, tarfile.GNUTYPE_LONGNAME), b"y\0")] * 3_000),
    "a chain of notes": lambda: tar_of(*[(header("x", 11, tarfile.XHDTYPE), b"11 path=yy\n")] * 3_000),
    "the same id twice": lambda: pack(members() | {"aclImdb/train/neg/0_8.txt": b"another"}),
}


def most_memory() -> int:
    """The most memory that this process has had so far, in kB; Windows does not say."""
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("bomb", BOMBS)
def test_an_archive_with_more_than_it_can_have_is_refused(folder: Path, bomb: str) -> None:
    plant(folder, IMDB, BOMBS[bomb]())
    began, before = time.monotonic(), most_memory()
    with pytest.raises(DataError, match=r"cannot be used: it cannot be read to its end \(.+\)\. Delete it"):
        load_imdb()
    assert time.monotonic() - began < 5
    assert most_memory() - before < 200_000


def test_the_bounds_are_counted_over_the_whole_archive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(folder, IMDB, ARCHIVE)
    load_imdb()
    for bound, value in (("MOST", 50_000), ("MOST_MEMBERS", 20), ("MOST_TEXT", 1_000), ("LONGEST_TEXT", 10)):
        with monkeypatch.context() as patch:
            patch.setattr(archive, bound, value)
            with pytest.raises(DataError, match="it cannot be read to its end"):
                load_imdb()


def test_posts_that_are_nested_without_an_end_or_named_twice(folder: Path) -> None:
    posts, divisions = plant_posts()
    plant(folder, DIVISIONS, divisions)
    twice = json.dumps(posts)[:-1] + ', "n1": ' + json.dumps(posts["h1"]) + "}"
    for content in (b'{"a":' * 100_000, twice.encode()):
        plant(folder, POSTS, content)
        with pytest.raises(DataError, match=r"cannot be used: it cannot be read to its end \(.+\)\. Delete it"):
            load_hatexplain()
    plant(folder, POSTS, posts)
    plant(folder, DIVISIONS, divisions | {"val": ["h0", "n0", "h0"]})
    with pytest.raises(DataError, match="a post of the split 'val' stands in it twice"):
        load_hatexplain()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes there")
def test_a_pipe_in_the_cache_is_not_waited_for(folder: Path) -> None:
    folder.mkdir(parents=True)
    os.mkfifo(folder / IMDB)
    with pytest.raises(DataError, match="cannot be used: it is no ordinary file"):
        load_imdb()
