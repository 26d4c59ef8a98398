"""What the tests of corpora can ask for: a cache folder of their own, and a server on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nano_bert.data import download, hatexplain, imdb
from nano_bert.data.download import Source
from tests.data.planted import REVIEWS
from tests.data.server import Server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that does not exist yet, and small numbers of texts to expect."""
    folder = tmp_path / "cache" / "nano"
    monkeypatch.setenv("NANO_BERT_DATA", str(folder))
    monkeypatch.setattr(imdb, "REVIEWS_OF_A_KIND", REVIEWS)
    monkeypatch.setattr(imdb, "BLOCK", 2)
    monkeypatch.setattr(hatexplain, "SIZES", {"train": 26, "val": 3, "test": 4})
    # Whatever is not planted must not be looked for outside this machine.
    for name in download.SOURCES:
        monkeypatch.setitem(download.SOURCES, name, Source("http://127.0.0.1:9/nobody-listens", "md5:0"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()
