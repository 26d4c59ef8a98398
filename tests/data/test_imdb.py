"""IMDB: planted archives, whole and damaged, and the real one if it is there."""

import gzip
import random
import re
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nano_bert.data import download, imdb, load_imdb
from nano_bert.data.download import DataError
from tests.data.planted import ARCHIVE, IMDB, REVIEWS, files_in, members, needs, pack, plant, review
from tests.data.server import Server


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


# The real archive


@pytest.fixture(scope="module")
def real() -> dict[tuple[str, str], dict[int, str]]:
    """What stands in the archive, read once."""
    return imdb._read_imdb()


@needs(IMDB)
def test_the_real_imdb(monkeypatch: pytest.MonkeyPatch, real: Any) -> None:
    monkeypatch.setattr(imdb, "_read_imdb", lambda: real)
    corpus = load_imdb()
    for split, half in ((corpus.train, 10_000), (corpus.validation, 2_500), (corpus.test, 12_500)):
        assert Counter(split.labels) == {0: half, 1: half}
        assert not any("<br" in text or not text.strip() for text in split.texts)


@needs(IMDB)
def test_neighbours_in_imdb_are_about_the_same_film(real: Any) -> None:
    """They share rare names (words in capitals); reviews a block apart do not. This is why BLOCK is what it is."""
    texts = [text for _, text in sorted(real["train", "pos"].items())]
    names = [set(re.findall(r"\b[A-Z][a-z]{3,}\b", text)) for text in texts]
    frequency = Counter(name for found in names for name in found)
    rare = [{name for name in found if frequency[name] <= 30} for found in names]

    def share_a_name(distance: int) -> float:
        return sum(bool(one & other) for one, other in zip(rare, rare[distance:], strict=False)) / len(rare)

    assert share_a_name(1) > 0.4
    assert share_a_name(imdb.BLOCK) < 0.01
