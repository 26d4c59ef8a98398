"""IMDB and HateXplain: real downloads from a server on this machine, planted files, and the real data if present."""

import errno
import gzip
import hashlib
import io
import json
import os
import random
import re
import signal
import stat
import sys
import tarfile
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from nano_bert import data, download
from nano_bert.data import Split, load_hatexplain, load_imdb
from nano_bert.data.download import DataError, Source, data_folder, fetch

IMDB = "aclImdb_v1.tar.gz"
POSTS = "hatexplain/dataset.json"
DIVISIONS = "hatexplain/post_id_divisions.json"
REVIEWS = 20  # of each kind in the planted archives


# Planted files ------------------------------------------------------------------------------------------------------


def review(split: str, kind: str, number: int) -> str:
    return f"{split} {kind} {number}<br />été"


def members() -> dict[str, bytes]:
    """The reviews of a small archive by their paths, and what else the official archive holds."""
    files = {
        f"aclImdb/{split}/{kind}/{number}_{8 if kind == 'pos' else 2}.txt": review(split, kind, number).encode()
        for split in ("test", "train")
        for kind in ("neg", "pos")
        for number in range(REVIEWS)
    }
    others = ("README", "train/unsup/0_0.txt", "train/labeledBow.feat", "test/urls_neg.txt", "train/neg/._0_2.txt")
    return files | {f"aclImdb/{path}": b"\xff something else" for path in others}


def pack(files: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    """A gzipped tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.type = kind
            member.linkname = "README" if kind == tarfile.SYMTYPE else ""
            member.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def post(tokens: str, *labels: str) -> dict[str, Any]:
    annotators = [{"label": label, "annotator_id": 0, "target": []} for label in labels]
    return {"annotators": annotators, "rationales": [], "post_tokens": tokens.split()}


def plant_posts() -> tuple[dict[str, Any], dict[str, list[str]]]:
    """A small HateXplain in the official schema: three annotators a post, and one post without a majority."""
    posts = {
        **{f"n{i}": post(f"normal {i}", "normal", "hatespeech", "normal") for i in range(10)},
        **{f"o{i}": post(f"offensive {i}", "normal", "offensive", "offensive") for i in range(10)},
        **{f"h{i}": post(f"hateful {i}", "hatespeech") for i in range(10)},
        "tie": post("nobody agrees", "normal", "offensive", "hatespeech"),
    }
    ids = [name for name in posts if name != "tie"]
    return posts, {"train": ids[4:], "val": ["h0", "n0", "o0"], "test": ["o1", "tie", "n1", "h1"]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that does not exist yet, and small numbers of texts to expect."""
    folder = tmp_path / "cache" / "nano"
    monkeypatch.setenv("NANO_BERT_DATA", str(folder))
    monkeypatch.setattr(data, "IMDB_REVIEWS_OF_A_KIND", REVIEWS)
    monkeypatch.setattr(data, "BLOCK", 2)
    monkeypatch.setattr(data, "HATEXPLAIN_SIZES", {"train": 26, "val": 3, "test": 4})
    # Whatever is not planted must not be looked for outside this machine.
    for name in download.SOURCES:
        monkeypatch.setitem(download.SOURCES, name, Source("http://127.0.0.1:9/nobody-listens", "md5:0"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


def plant(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


# A server ------------------------------------------------------------------------------------------------------------


class Server:
    """Answers on this machine with what a test tells it to, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.answer: Callable[[BaseHTTPRequestHandler], None] = lambda request: request.send_error(404)
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                outer.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # quiet
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def send(content: bytes, *, announced: int | None = None) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer with the content, and announce its length, or another one."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content) if announced is None else announced))
        request.end_headers()
        request.wfile.write(content)

    return answer


def send_without_length(content: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(content)

    return answer


def official(server: Server, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, kind: str = "md5") -> None:
    """Make the content the official one: the server has it, its checksum is the expected one."""
    git = b"blob %d\0" % len(content) if kind == "git" else b""
    digest = hashlib.new("sha1" if git else "md5", git + content).hexdigest()
    monkeypatch.setitem(download.SOURCES, name, Source(f"{server.url}/{name}", f"{kind}:{digest}"))
    server.answer = send(content)


# Downloads -----------------------------------------------------------------------------------------------------------


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


ARCHIVE = pack(members())
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
    monkeypatch.setattr("pooch.downloaders.open", lambda path, mode: open("/dev/full", mode), raising=False)  # noqa: PTH123, SIM115 (it stands in for that very open)
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
    with pytest.raises(KeyboardInterrupt):
        load_imdb()
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


# IMDB ----------------------------------------------------------------------------------------------------------------


def test_an_archive_that_is_already_there_is_used(folder: Path, server: Server) -> None:
    """Whatever its checksum, the order of its members, and the folder they are in."""
    plant(folder, IMDB, pack(members()))
    first = load_imdb()
    shuffled = list(members().items())
    random.Random(0).shuffle(shuffled)
    plant(folder, IMDB, pack({"./my/" + name: content for name, content in shuffled}))
    assert load_imdb() == first
    assert server.asked == []


def test_imdb_splits(folder: Path) -> None:
    plant(folder, IMDB, pack(members()))
    corpus = load_imdb()
    assert (corpus.name, corpus.label_names) == ("imdb", ("negative", "positive"))
    for split, name, numbers in (
        (corpus.train, "train", 16),
        (corpus.validation, "train", 4),
        (corpus.test, "test", 20),
    ):
        assert Counter(split.labels) == {0: numbers, 1: numbers}
        for text, label in zip(split.texts, split.labels, strict=True):
            assert text.startswith(f"{name} {'pos' if label else 'neg'} ")
    every = corpus.train.texts + corpus.validation.texts
    wanted = [review("train", kind, number) for kind in ("neg", "pos") for number in range(REVIEWS)]
    assert sorted(every) == sorted(text.replace("<br />", " ") for text in wanted)
    assert corpus.test.texts[:3] == ["test neg 0 été", "test pos 0 été", "test neg 1 été"]
    assert corpus.test.texts[-1] == "test pos 19 été"  # by number: 9 before 10


def test_imdb_neighbours_stay_together(folder: Path) -> None:
    """Reviews of a film have neighbouring ids, and a film must not be in train and in validation."""
    plant(folder, IMDB, pack(members()))
    validation = {(text.split()[1], int(text.split()[2])) for text in load_imdb().validation.texts}
    assert all((kind, number ^ 1) in validation for kind, number in validation)  # blocks of two: 0 1, 2 3, …


def test_imdb_seed(folder: Path) -> None:
    plant(folder, IMDB, pack(members()))
    assert load_imdb(seed=1) == load_imdb(seed=1)
    assert set(load_imdb(seed=1).validation.texts) != set(load_imdb(seed=2).validation.texts)
    assert load_imdb(seed=1).test == load_imdb(seed=2).test
    labels = load_imdb().train.labels
    assert labels not in (sorted(labels), sorted(labels, reverse=True))


def without(prefix: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if not name.startswith(prefix)}


def damaged_archives() -> dict[str, tuple[bytes, str]]:
    plain = gzip.decompress(ARCHIVE)
    flipped = bytearray(ARCHIVE)
    flipped[-6] ^= 1  # in the checksum at the end of the gzip
    read = "it cannot be read to its end"
    return {
        "empty": (b"", read),
        "not gzip": (b"hello", read),
        "a plain tar": (plain, read),
        "no tar": (gzip.compress(b"hello" * 1000), read),
        "half a gzip": (ARCHIVE[: len(ARCHIVE) // 2], read),
        "one byte short": (ARCHIVE[:-1], read),
        "checksum": (bytes(flipped), read),
        "no such block": (ARCHIVE + ARCHIVE[:10] + b"\x07", read),  # deflate has no block of type 3
        "half a tar": (gzip.compress(plain[: len(plain) // 2]), read + "|it holds"),
        "not UTF-8": (pack(members() | {"aclImdb/train/neg/0_2.txt": b"\xff\xfe"}), read),
        "no test split": (pack(without("aclImdb/test", members())), "it holds 0 reviews in test/neg instead of 20"),
        "no positive": (pack(without("aclImdb/train/pos", members())), "0 reviews in train/pos instead of 20"),
        "one missing": (pack(without("aclImdb/test/pos/7", members())), "19 reviews in test/pos instead of 20"),
        "one too many": (pack(members() | {"aclImdb/test/neg/20_1.txt": b"a"}), "21 reviews in test/neg instead of 20"),
        "links": (pack(members(), kind=tarfile.SYMTYPE), "it holds 0 reviews in train/neg instead of 20"),
        "folders": (pack(members(), kind=tarfile.DIRTYPE), "it holds 0 reviews in train/neg instead of 20"),
        "another layout": (pack({"reviews.csv": b"a,b"}), "it holds 0 reviews in train/neg instead of 20"),
    }


DAMAGED = damaged_archives()


@pytest.mark.parametrize("damage", DAMAGED)
def test_an_archive_that_is_not_whole_is_refused(folder: Path, damage: str) -> None:
    content, reason = DAMAGED[damage]
    path = plant(folder, IMDB, content)
    with pytest.raises(DataError, match=reason) as caught:
        load_imdb()
    message = str(caught.value)
    assert message.startswith(f"{path} cannot be used: ")
    assert message.endswith(f"or put a whole copy of {download.SOURCES[IMDB].url} there.")
    assert path.read_bytes() == content  # it is the reader's own: only they delete it


@pytest.mark.parametrize("length", range(0, len(ARCHIVE), max(1, len(ARCHIVE) // 25)))
def test_an_archive_cut_off_anywhere_is_refused(folder: Path, length: int) -> None:
    plant(folder, IMDB, ARCHIVE[:length])
    with pytest.raises(DataError, match="cannot be used"):
        load_imdb()


def test_nothing_of_an_archive_is_written_to_disk(tmp_path: Path, folder: Path) -> None:
    files = {"../../" + name: content for name, content in members().items()}
    plant(folder, IMDB, pack(files | {"/tmp/../escaped.txt": b"a"}))
    load_imdb()
    assert files_in(tmp_path) == [f"cache/nano/{IMDB}"]


# HateXplain ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hatexplain(folder: Path) -> Path:
    posts, divisions = plant_posts()
    plant(folder, POSTS, posts)
    plant(folder, DIVISIONS, divisions)
    return folder


def test_hatexplain_by_majority(hatexplain: Path) -> None:
    corpus = load_hatexplain(n_classes=3)
    assert (corpus.name, corpus.label_names) == ("hatexplain", ("normal", "offensive", "hatespeech"))
    assert (corpus.validation.texts, corpus.validation.labels) == (["hateful 0", "normal 0", "offensive 0"], [2, 0, 1])
    # In the official order, and without the post on which all annotators disagree.
    assert (corpus.test.texts, corpus.test.labels) == (["offensive 1", "normal 1", "hateful 1"], [1, 0, 2])
    words = ("normal", "offensive", "hateful")
    assert [words.index(text.split()[0]) for text in corpus.train.texts] == corpus.train.labels


def test_hatexplain_as_two_classes(hatexplain: Path) -> None:
    two, three = load_hatexplain(), load_hatexplain(n_classes=3)
    assert two.label_names == ("normal", "toxic")
    for name in ("train", "validation", "test"):
        assert getattr(two, name).texts == getattr(three, name).texts
        assert getattr(two, name).labels == [min(label, 1) for label in getattr(three, name).labels]


def test_hatexplain_seed(hatexplain: Path) -> None:
    first, second = load_hatexplain(seed=1), load_hatexplain(seed=2)
    assert first == load_hatexplain(seed=1)
    assert first.train.texts != second.train.texts
    assert sorted(first.train.texts) == sorted(second.train.texts)
    assert (first.validation, first.test) == (second.validation, second.test)
    assert load_hatexplain(3).train.labels != sorted(load_hatexplain(3).train.labels)  # not grouped by label


@pytest.mark.parametrize("n_classes", [0, 1, 4])
def test_hatexplain_has_two_classes_or_three(hatexplain: Path, n_classes: int) -> None:
    with pytest.raises(ValueError, match=rf"n_classes must be 2 \(.*\) or 3 \(.*\), got {n_classes}"):
        load_hatexplain(n_classes)


def changed(**changes: object) -> dict[str, Any]:
    return plant_posts()[0] | changes


def divided(**changes: object) -> dict[str, Any]:
    return plant_posts()[1] | changes


DAMAGED_JSON: dict[str, tuple[str, object, str]] = {
    "empty": (POSTS, b"", "it cannot be read to its end"),
    "half": (POSTS, json.dumps(plant_posts()[0]).encode()[:-100], "it cannot be read to its end"),
    "not UTF-8": (POSTS, b'{"\xff": {}}', "it cannot be read to its end"),
    "a list": (POSTS, [], "it is not a JSON object"),
    "a list of posts": (POSTS, {"n0": []}, "its values are not of the type dict"),
    "no tokens": (POSTS, changed(n9={"annotators": []}), "of the split 'train' is missing or has another layout"),
    "no annotator": (POSTS, changed(n0=post("a")), "of the split 'val' is missing or has another layout"),
    "unknown label": (POSTS, changed(n1=post("a", "kind")), "of the split 'test' is missing or has another layout"),
    "a post missing": (
        POSTS, {name: post for name, post in plant_posts()[0].items() if name != "h5"}, "KeyError..h5"
    ),
    "half the splits": (DIVISIONS, b'{"train": ["n0", ', "it cannot be read to its end"),
    "split missing": (
        DIVISIONS, {"train": divided()["train"], "val": divided()["val"]}, "0 posts in the split 'test' instead of 4"
    ),
    "split too short": (DIVISIONS, divided(val=["n0"]), "it lists 1 posts in the split 'val' instead of 3"),
    "split no list": (DIVISIONS, divided(val="n0"), "its values are not of the type list"),
    "ids no names": (DIVISIONS, divided(val=[["n0"], {}, None]), "is missing or has another layout"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGED_JSON)
def test_hatexplain_that_is_not_whole_is_refused(hatexplain: Path, damage: str) -> None:
    name, content, reason = DAMAGED_JSON[damage]
    path = plant(hatexplain, name, content)
    with pytest.raises(DataError, match=reason) as caught:
        load_hatexplain()
    assert " cannot be used: " in str(caught.value)
    if damage != "ids no names":
        assert str(caught.value).startswith(str(path))


# Splits and the real data --------------------------------------------------------------------------------------------


def test_a_split_has_a_label_for_each_text() -> None:
    with pytest.raises(ValueError, match="Every text needs one label, got 2 texts and 1 labels"):
        Split(texts=["a", "b"], labels=[0])


def needs(*names: str) -> pytest.MarkDecorator:
    missing = [str(data_folder() / name) for name in names if not (data_folder() / name).is_file()]
    return pytest.mark.skipif(bool(missing), reason=f"needs the real data: {', '.join(missing)}")


@needs(IMDB)
def test_the_real_imdb() -> None:
    corpus = load_imdb()
    for split, half in ((corpus.train, 10_000), (corpus.validation, 2_500), (corpus.test, 12_500)):
        assert Counter(split.labels) == {0: half, 1: half}
        assert not any("<br" in text or not text.strip() for text in split.texts)


@needs(IMDB)
def test_neighbours_in_imdb_are_about_the_same_film() -> None:
    """They share rare names (words in capitals); reviews a block apart do not. This is why BLOCK is what it is."""
    texts = [text for _, text in sorted(data._read_imdb()["train", "pos"].items())]
    names = [set(re.findall(r"\b[A-Z][a-z]{3,}\b", text)) for text in texts]
    frequency = Counter(name for found in names for name in found)
    rare = [{name for name in found if frequency[name] <= 30} for found in names]

    def share_a_name(distance: int) -> float:
        return sum(bool(one & other) for one, other in zip(rare, rare[distance:], strict=False)) / len(rare)

    assert share_a_name(1) > 0.4
    assert share_a_name(data.BLOCK) < 0.01


@needs(POSTS, DIVISIONS)
def test_the_real_hatexplain() -> None:
    two, three = load_hatexplain(n_classes=2), load_hatexplain(n_classes=3)
    for corpus in (two, three):
        assert [len(corpus.train), len(corpus.validation), len(corpus.test)] == [15_383, 1_922, 1_924]
    everything = three.train.labels + three.validation.labels + three.test.labels
    assert Counter(everything) == {0: 7_814, 1: 5_480, 2: 5_935}
    assert sum(two.test.labels) == sum(label > 0 for label in three.test.labels)
