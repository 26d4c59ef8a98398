"""HateXplain: 19,229 posts. Is the post normal, or offensive or hateful?

Content note: these are real posts; many hold slurs and hatred. The book shows none of them.

`load_hatexplain` reads the official files, and downloads them when they are not there yet (`nano_bert.data.download`
says where they are kept).

Source: Mathew et al. (2021), HateXplain: A Benchmark Dataset for Explainable Hate Speech Detection,
https://arxiv.org/abs/2012.10289
"""

import json
import random
from collections import Counter
from typing import Any, cast

from nano_bert.data.corpus import Corpus, make_split
from nano_bert.data.download import DAMAGE, fetch, in_words, unusable
from nano_bert.pretrained.safe_files import each_once

SIZES = {"train": 15_383, "val": 1_922, "test": 1_924}  # what a whole file holds
LABELS = ("normal", "offensive", "hatespeech")
LARGEST = 50_000_000  # bytes: several times what the larger of the two files has


def load_hatexplain(n_classes: int = 2, seed: int = 0) -> Corpus:
    """Load 19,229 posts from Twitter and Gab: is the post normal, or offensive or hateful?

    Three annotators labelled each post, and the label that most of them gave is the label of the post. A post
    on which all three disagree is left out, as the official splits leave it out. Files that are already in the
    cache folder are accepted when they hold every post of the official splits.

    Args:
        n_classes: 2 for "normal" and "toxic", which is offensive or hateful; 3 to keep these two apart.
        seed: Draws the order of the training split. (The file may be sorted by label, which misleads training.)

    Returns:
        The official splits: `train` (15,383), `validation` (1,922) and `test` (1,924).

    Raises:
        ValueError: `n_classes` is neither 2 nor 3.
        DataError: A file cannot be downloaded, is damaged, or does not hold all posts.
    """
    if n_classes not in (2, 3):
        raise ValueError(f"n_classes must be 2 (normal, toxic) or 3 (normal, offensive, hatespeech), got {n_classes}.")
    posts = _read_json("hatexplain/dataset.json", values=dict)
    divisions = _read_json("hatexplain/post_id_divisions.json", values=list)
    splits: dict[str, list[tuple[str, int]]] = {}
    for name, size in SIZES.items():
        ids = divisions.get(name, [])
        if len(ids) != size:
            reason = f"it lists {len(ids):,} posts in the split {name!r} instead of {size:,}"
            raise unusable("hatexplain/post_id_divisions.json", reason)
        if len({str(post) for post in ids}) != size:
            raise unusable("hatexplain/post_id_divisions.json", f"a post of the split {name!r} stands in it twice")
        try:
            labelled = [(" ".join(posts[post]["post_tokens"]), _majority(posts[post])) for post in ids]
        except (KeyError, TypeError, ValueError) as error:
            reason = f"a post of the split {name!r} is missing or has another layout ({error!r})"
            raise unusable("hatexplain/dataset.json", reason) from error
        # Offensive is 1 and hateful 2; as two classes, both are 1.
        splits[name] = [(text, min(label, n_classes - 1)) for text, label in labelled if label is not None]
    random.Random(seed).shuffle(splits["train"])
    return Corpus(
        name="hatexplain",
        label_names=("normal", "toxic") if n_classes == 2 else LABELS,
        train=make_split(splits["train"]),
        validation=make_split(splits["val"]),
        test=make_split(splits["test"]),
    )


def _read_json(name: str, values: type) -> dict[str, Any]:
    """Read a JSON object whose values are all of one type."""
    path = fetch(name)
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it has more than {LARGEST:,} bytes")
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=each_once)
    except DAMAGE as error:
        raise unusable(name, f"it cannot be read to its end ({in_words(error)})") from error
    if not isinstance(content, dict):
        raise unusable(name, "it is not a JSON object")
    found = cast("dict[str, Any]", content)
    if not all(isinstance(value, values) for value in found.values()):
        raise unusable(name, f"its values are not of the type {values.__name__}")
    return found


def _majority(post: dict[str, Any]) -> int | None:
    """Return the label that more annotators gave than any other, or None when no label is ahead."""
    votes = Counter(LABELS.index(annotator["label"]) for annotator in post["annotators"])
    first, second = (*votes.most_common(2), (None, 0))[:2]
    return first[0] if first[1] > second[1] else None
