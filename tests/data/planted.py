"""Planted files: a small IMDB and a small HateXplain, as the official ones are laid out."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from nano_bert.data.download import data_folder

IMDB = "aclImdb_v1.tar.gz"
POSTS = "hatexplain/dataset.json"
DIVISIONS = "hatexplain/post_id_divisions.json"
REVIEWS = 20  # of each kind in the planted archives


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


def plant(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def needs(*names: str) -> pytest.MarkDecorator:
    missing = [str(data_folder() / name) for name in names if not (data_folder() / name).is_file()]
    return pytest.mark.skipif(bool(missing), reason=f"needs the real data: {', '.join(missing)}")


ARCHIVE = pack(members())
