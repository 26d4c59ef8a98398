"""IMDB: 50,000 film reviews. Is the review negative or positive?

`load_imdb` reads the official archive, and downloads it when it is not there yet (`nano_bert.data.download` says where
it is kept).

Source: Maas et al. (2011), Learning Word Vectors for Sentiment Analysis, https://aclanthology.org/P11-1015
"""

import gzip
import random
import re

from nano_bert.data.archive import small_files
from nano_bert.data.corpus import Corpus, make_split
from nano_bert.data.download import DAMAGE, fetch, in_words, unusable

# What a whole file holds. A copy that holds less would give other results under the same name.
REVIEWS_OF_A_KIND = 12_500

# Reviews of a film have neighbouring ids: nearly half of all neighbours share a rare name, but hardly any two that are
# a hundred places apart (tests/data/test_imdb.py measures it). A validation split drawn review by review would share
# its films, and the names in them, with the training split; drawn in blocks, it meets new films, as the test split
# does.
BLOCK = 100


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
        train=make_split(train),
        validation=make_split(validation),
        test=make_split((text, label) for _, label, text in test),
    )


def _read_imdb() -> dict[tuple[str, str], dict[int, str]]:
    """Read the archive: for each (split, kind) the reviews by their ids."""
    name = "aclImdb_v1.tar.gz"
    path = fetch(name)
    reviews: dict[tuple[str, str], dict[int, str]] = {
        (split, kind): {} for split in ("train", "test") for kind in ("neg", "pos")
    }
    layout = re.compile(r"(?:^|/)(train|test)/(neg|pos)/(\d{1,9})_\d{1,9}\.txt$", re.ASCII)  # <id>_<stars>.txt
    try:
        with gzip.open(path) as stream:
            for place, content in small_files(stream, layout):
                found = reviews[place[1], place[2]]
                if int(place[3]) in found:
                    raise ValueError(f"there are two reviews with the id {place[3]} in {place[1]}/{place[2]}")
                found[int(place[3])] = content.decode("utf-8").replace("<br />", " ")
    except DAMAGE as error:
        raise unusable(name, f"it cannot be read to its end ({in_words(error)})") from error
    for (split, kind), found in reviews.items():
        if len(found) != REVIEWS_OF_A_KIND:
            reason = f"it holds {len(found):,} reviews in {split}/{kind} instead of {REVIEWS_OF_A_KIND:,}"
            raise unusable(name, reason)
    return reviews
