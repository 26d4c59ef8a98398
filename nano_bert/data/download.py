"""The official files of the corpora: where they come from, where they are kept, and how they get there whole.

The files are kept in a cache folder: the one that the operating system has for such things
(`pooch.os_cache("nano-bert")`), or the folder that the environment variable `NANO_BERT_DATA` names. They are
downloaded when they are first needed. Whoever has no network puts them there by other means:

| file in the cache folder            | what it is                                                |
|-------------------------------------|-----------------------------------------------------------|
| `aclImdb_v1.tar.gz`                 | 50,000 labelled film reviews (Maas et al., 2011)          |
| `hatexplain/dataset.json`           | posts and what annotators think of them (Mathew et al., 2021) |
| `hatexplain/post_id_divisions.json` | which of these posts is in which split                    |

What is downloaded must have the checksum of the official file, and no more bytes than it; `nano_bert.data.receive` sees
to that while they come. A file that is already there is yours: you may have packed it anew, so its checksum is not
looked at; `nano_bert.data` accepts it when its *content* is whole.
"""

import hashlib
import os
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch  # pyright: ignore[reportMissingTypeStubs]
import requests

from nano_bert.data.receive import receive
from nano_bert.tokenizer.check_given import shown

# What reading a damaged file raises: broken gzip, broken tar, (ValueError) broken JSON or UTF-8, and endless nesting.
DAMAGE = (OSError, EOFError, zlib.error, tarfile.TarError, ValueError, RecursionError)


class DataError(RuntimeError):
    """A corpus cannot be had as it should be; the message says which file to put where."""


@dataclass(frozen=True)
class Source:
    """Where a file comes from, and the checksum of the official file.

    Args:
        url: The address.
        checksum: `"md5:…"`, or `"git:…"`: the id that git gives to the content of a file. So its publishers name it.
        largest: Bytes of the official file or, where they are not known, more than it has.
        sha256: A checksum that nobody can forge; empty where the official bytes were never at hand to compute it.
    """

    url: str
    checksum: str
    largest: int = 50_000_000
    sha256: str = ""


# A branch can move, a commit cannot.
_HATEXPLAIN = "https://raw.githubusercontent.com/hate-alert/HateXplain/01d742279dac941981f53806154481c0e15ee686/Data"
SOURCES = {
    "aclImdb_v1.tar.gz": Source(
        "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
        "md5:7c2ac02c03563afcf9b574c7e56c153a",
        largest=84_125_825,
    ),
    "hatexplain/dataset.json": Source(f"{_HATEXPLAIN}/dataset.json", "git:741bc082c38f4f8ee45cebdc868b3768e3901089"),
    "hatexplain/post_id_divisions.json": Source(
        f"{_HATEXPLAIN}/post_id_divisions.json",
        "git:3e8e9004da7ed480c7825cbde45e1129e7c0766e",
        largest=591_921,
        sha256="c2fb0d89862e7897b11ea3e9380753f15a793482b4b70ad0532dfb1212212835",
    ),
}


def data_folder() -> Path:
    """Return the cache folder: `NANO_BERT_DATA` if it is set, else the operating system's place for caches.

    Raises:
        DataError: The path is a file. (It need not exist yet.)
    """
    chosen = os.environ.get("NANO_BERT_DATA")
    folder = Path(chosen or pooch.os_cache("nano-bert")).expanduser().absolute()
    if os.path.isfile(folder):  # noqa: PTH113 (Path.is_file raises where the parent may not be read)
        raise DataError(f"The data folder {folder} is a file: set NANO_BERT_DATA to a folder.")
    return folder


def fetch(name: str) -> Path:
    """Return the path of a file in the cache folder; if the file is not there, download it first.

    A download goes to a temporary file, which gets the final name only if its checksum is right. So what bears
    the name is whole, and a download that fails, or that Ctrl-C stops, leaves nothing behind.

    Args:
        name: A key of `SOURCES`.

    Raises:
        DataError: The file is not there and cannot be downloaded. The message says where to put it.
    """
    source = SOURCES[name]
    folder = data_folder()

    def download(url: str, temporary_file: str, _pooch: object) -> None:
        with open(temporary_file, "wb") as file:  # noqa: PTH123 (the name is a string)
            receive(url, file, source.largest)
        for expected in filter(None, (source.checksum, source.sha256 and f"sha256:{source.sha256}")):
            found = _checksum(Path(temporary_file), kind=expected.partition(":")[0])
            if found != expected:
                raise ValueError(f"the file that came is not the official one: {found}, not {expected}")

    try:
        # The None means: a file that is there is taken as it is.
        cache: Any = pooch.create(  # pyright: ignore[reportUnknownMemberType]
            folder, base_url="", registry={name: None}, urls={name: source.url}
        )
        path = Path(cache.fetch(name, downloader=download))
    except (OSError, ValueError) as error:  # the errors of requests are OSErrors
        raise DataError(
            f"Could not get {name}: {in_words(error)}. Download {source.url} by other means and put it at "
            f"{folder / name}."
        ) from error
    if not path.is_file():  # a pipe, which nobody may ever write to
        raise unusable(name, "it is no ordinary file")
    return path


def unusable(name: str, reason: str) -> DataError:
    """Return the error for a file in the cache folder; `reason` says what is wrong with it: "it holds no reviews"."""
    return DataError(
        f"{data_folder() / name} cannot be used: {reason}. Delete it, so that it is downloaded anew, or put a "
        f"whole copy of {SOURCES[name].url} there."
    )


def in_words(error: Exception) -> str:
    """Say in a few words, without a full stop, what an error means; those of requests speak of connection pools.

    Examples:
        >>> from nano_bert.data.download import in_words
        >>> in_words(OSError(28, "No space left on device"))
        'No space left on device'
    """
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {shown(error.response.reason)}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off before the file was whole"
    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return f"no connection to the server ({type(error).__name__}; is this computer online?)"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror + (f" ({error.filename})" if error.filename else "")
    return str(error) or type(error).__name__


def _checksum(path: Path, kind: str) -> str:
    """Compute `"md5:…"`, or `"git:…"`: the SHA-1 of "blob", the size, a zero byte and the content."""
    digest = hashlib.new("sha1" if kind == "git" else kind, usedforsecurity=False)
    if kind == "git":
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return f"{kind}:{digest.hexdigest()}"
