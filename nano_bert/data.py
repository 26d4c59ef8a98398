"""The three corpora of the book: film reviews, posts that may hurt, and phrases that the project made itself.

`load_imdb` and `load_hatexplain` read the official files, and download them when they are not there yet
(`nano_bert.download` says where they are kept); `load_phrases` needs no file. Each returns a `Corpus`.

References:
    Maas et al. (2011), Learning Word Vectors for Sentiment Analysis, https://aclanthology.org/P11-1015
    Mathew et al. (2021), HateXplain: A Benchmark Dataset for Explainable Hate Speech Detection,
    https://arxiv.org/abs/2012.10289
"""

import gzip
import json
import random
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from nano_bert.download import fetch, in_words, unusable
from nano_bert.phrases import all_pairs

# What a whole file holds. A copy that holds less would give other results under the same name.
IMDB_REVIEWS_OF_A_KIND = 12_500
HATEXPLAIN_SIZES = {"train": 15_383, "val": 1_922, "test": 1_924}

# Reviews of a film have neighbouring ids: nearly half of all neighbours share a rare name, but hardly any two that are
# a hundred places apart (tests/test_data.py measures it). A validation split drawn review by review would share its
# films, and the names in them, with the training split; drawn in blocks, it meets new films, as the test split does.
BLOCK = 100

HATEXPLAIN_LABELS = ("normal", "offensive", "hatespeech")

# What reading a damaged file raises: broken gzip, broken tar, and (ValueError) broken JSON or UTF-8.
_DAMAGE = (OSError, EOFError, zlib.error, tarfile.TarError, ValueError)


@dataclass(frozen=True)
class Split:
    """Texts and their labels, in the same order.

    Args:
        texts: The texts.
        labels: For each text an index into the `label_names` of the corpus.

    Raises:
        ValueError: There are not as many labels as texts.

    Examples:
        >>> from nano_bert.data import Split
        >>> len(Split(texts=["the film was good"], labels=[1]))
        1
    """

    texts: list[str]
    labels: list[int]

    def __post_init__(self) -> None:
        if len(self.texts) != len(self.labels):
            raise ValueError(f"Every text needs one label, got {len(self.texts)} texts and {len(self.labels)} labels.")

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Corpus:
    """A corpus in three splits.

    Args:
        name: The name of the corpus.
        label_names: What the labels 0, 1, … mean.
        train: What a model learns from.
        validation: What one looks at while choosing a model.
        test: What one looks at once, at the end.
    """

    name: str
    label_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split


def load_imdb(seed: int = 0) -> Corpus:
    """Load 50,000 film reviews from IMDB: is the review negative or positive?

    The reviews are read straight from the archive, which is never unpacked. An archive that is already in the
    cache folder is accepted when it holds the 12,500 reviews of each kind (train and test, negative and
    positive). `<br />`, a line break of the web page that a review comes from, becomes a space.

    Reviews of one film stand side by side in the archive, so validation is drawn in blocks of a hundred neighbours:
    its films are then not those of train, just as those of test are not.

    Args:
        seed: Draws the validation split, and the order of train and validation; test is always the same.

    Returns:
        `train` (20,000), `validation` (5,000: a fifth of the official training split) and `test` (25,000: the
        official one, sorted by the ids of the reviews), each half negative, half positive.

    Raises:
        DataError: The archive cannot be downloaded, is damaged, or does not hold all reviews.

    References:
        Maas et al. (2011), Learning Word Vectors for Sentiment Analysis, https://aclanthology.org/P11-1015
    """
    reviews = _read_imdb()
    generator = random.Random(seed)
    train: list[tuple[str, int]] = []
    validation: list[tuple[str, int]] = []
    for label, kind in enumerate(("neg", "pos")):  # each kind by itself, so that both splits are balanced
        labelled = [(text, label) for _, text in sorted(reviews["train", kind].items())]
        blocks = [labelled[start : start + BLOCK] for start in range(0, len(labelled), BLOCK)]
        generator.shuffle(blocks)
        fifth = len(blocks) // 5
        validation += [review for block in blocks[:fifth] for review in block]
        train += [review for block in blocks[fifth:] for review in block]
    generator.shuffle(train)
    generator.shuffle(validation)
    test = sorted(  # by id, so that a part of it, cut off anywhere, is balanced too
        (number, label, text)
        for label, kind in enumerate(("neg", "pos"))
        for number, text in reviews["test", kind].items()
    )
    return Corpus(
        name="imdb",
        label_names=("negative", "positive"),
        train=_split(train),
        validation=_split(validation),
        test=_split((text, label) for _, label, text in test),
    )


def _read_imdb() -> dict[tuple[str, str], dict[int, str]]:
    """Read the archive: for each (split, kind) the reviews by their ids."""
    name = "aclImdb_v1.tar.gz"
    path = fetch(name)
    reviews: dict[tuple[str, str], dict[int, str]] = {
        (split, kind): {} for split in ("train", "test") for kind in ("neg", "pos")
    }
    layout = re.compile(r"(?:^|/)(train|test)/(neg|pos)/(\d+)_\d+\.txt$")  # <id>_<stars>.txt
    try:
        # "r|" reads the tar in one go, from front to back; seeking in a gzip would start anew each time.
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                place = layout.search(member.name)
                file = archive.extractfile(member) if place and member.isfile() else None
                if place and file:
                    text = file.read().decode("utf-8").replace("<br />", " ")
                    reviews[place[1], place[2]][int(place[3])] = text
            while stream.read(1 << 20):  # on to the very end, where gzip keeps its checksum
                pass
    except _DAMAGE as error:
        raise unusable(name, f"it cannot be read to its end ({in_words(error)})") from error
    for (split, kind), found in reviews.items():
        if len(found) != IMDB_REVIEWS_OF_A_KIND:
            reason = f"it holds {len(found):,} reviews in {split}/{kind} instead of {IMDB_REVIEWS_OF_A_KIND:,}"
            raise unusable(name, reason)
    return reviews


def load_hatexplain(n_classes: int = 2, seed: int = 0) -> Corpus:
    """Load 19,229 posts from Twitter and Gab: is the post normal, or offensive or hateful?

    Content note: these are real posts; many hold slurs and hatred. The book shows none of them.

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

    References:
        Mathew et al. (2021), HateXplain: A Benchmark Dataset for Explainable Hate Speech Detection,
        https://arxiv.org/abs/2012.10289
    """
    if n_classes not in (2, 3):
        raise ValueError(f"n_classes must be 2 (normal, toxic) or 3 (normal, offensive, hatespeech), got {n_classes}.")
    posts = _read_json("hatexplain/dataset.json", values=dict)
    divisions = _read_json("hatexplain/post_id_divisions.json", values=list)
    splits: dict[str, list[tuple[str, int]]] = {}
    for name, size in HATEXPLAIN_SIZES.items():
        ids = divisions.get(name, [])
        if len(ids) != size:
            reason = f"it lists {len(ids):,} posts in the split {name!r} instead of {size:,}"
            raise unusable("hatexplain/post_id_divisions.json", reason)
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
        label_names=("normal", "toxic") if n_classes == 2 else HATEXPLAIN_LABELS,
        train=_split(splits["train"]),
        validation=_split(splits["val"]),
        test=_split(splits["test"]),
    )


def _read_json(name: str, values: type) -> dict[str, Any]:
    """Read a JSON object whose values are all of one type."""
    path = fetch(name)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except _DAMAGE as error:
        raise unusable(name, f"it cannot be read to its end ({in_words(error)})") from error
    if not isinstance(content, dict):
        raise unusable(name, "it is not a JSON object")
    found = cast("dict[str, Any]", content)
    if not all(isinstance(value, values) for value in found.values()):
        raise unusable(name, f"its values are not of the type {values.__name__}")
    return found


def _majority(post: dict[str, Any]) -> int | None:
    """Return the label that more annotators gave than any other, or None when no label is ahead."""
    votes = Counter(HATEXPLAIN_LABELS.index(annotator["label"]) for annotator in post["annotators"])
    first, second = (*votes.most_common(2), (None, 0))[:2]
    return first[0] if first[1] > second[1] else None


def load_phrases(n: int = 5000, seed: int = 0) -> Corpus:
    """Load short film phrases in which only the order of the words decides. They are artificial.

    The project made them with a small grammar (`nano_bert.phrases`), for experiments of a few seconds that need
    no download. They say nothing about how well a model reads real reviews.

    A bag of words is no better than chance here, and that is a proof, not a measurement. Every split is made of
    twins: two phrases of the same words, in another order, with opposite labels. Whoever looks at the words and
    not at their order gives both twins the same answer, and is right about exactly one of them. So the accuracy is
    50 % on every split, exactly, whatever was learnt.

    No phrase is in two splits. The phrase that the book carries through its chapters, "the film was good not
    bad", is always in test, and so is its twin: a model never trains on them.

    Args:
        n: How many phrases. A tenth is validation, another tenth test, and all come in pairs: a multiple of 20.
        seed: Draws the phrases and their order.

    Returns:
        The phrases, as many positive as negative in every split.

    Raises:
        ValueError: `n` is not a multiple of 20, or more than the grammar can make.

    Examples:
        >>> from nano_bert.data import load_phrases
        >>> corpus = load_phrases()
        >>> len(corpus.train), len(corpus.validation), len(corpus.test)
        (4000, 500, 500)
        >>> labels = dict(zip(corpus.test.texts, corpus.test.labels))
        >>> corpus.label_names[labels["the film was good not bad"]]
        'positive'
        >>> corpus.label_names[labels["the film was bad not good"]]
        'negative'
    """
    pairs = all_pairs(seed)
    most = len(pairs) // 10 * 20
    if not 20 <= n <= most or n % 20:
        raise ValueError(f"n must be a multiple of 20, from 20 to {most:,}, got {n}.")
    book = ("the film was good not bad", "the film was bad not good")
    pairs = [book, *(pair for pair in pairs if pair != book)]  # the first ones are test
    generator = random.Random(seed)
    splits: list[Split] = []
    for start, end in ((0, n // 20), (n // 20, n // 10), (n // 10, n // 2)):
        labelled = [(phrase, label) for pair in pairs[start:end] for label, phrase in ((1, pair[0]), (0, pair[1]))]
        generator.shuffle(labelled)
        splits.append(_split(labelled))
    test, validation, train = splits
    return Corpus("phrases", ("negative", "positive"), train, validation, test)


def _split(labelled: Iterable[tuple[str, int]]) -> Split:
    """Part the texts from their labels."""
    texts, labels = zip(*labelled, strict=True)
    return Split(list(texts), list(labels))
