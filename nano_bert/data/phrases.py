"""The grammar of the film phrases, in which only the order of the words decides.

The phrases are artificial: this project made them, no person wrote them about any film. They let a chapter train a
model in seconds, offline, on a task that a bag of words cannot solve and attention can. `load_phrases` in
`load_phrases` cuts them into splits.

Every phrase comes with its *twin*: the same words, with one positive and one negative adjective in each other's
place, and the opposite meaning. "the film was good not bad" praises; "the film was bad not good" does not.
"""

import random
from itertools import chain, product

from nano_bert.data.corpus import Corpus, Split, make_split

WHOLES = ("film", "movie")
PARTS = (
    "plot",
    "story",
    "script",
    "cast",
    "ending",
    "score",
    "opening",
    "dialogue",
    "finale",
    "hero",
    "villain",
)

# All begin with a consonant, so that "a" stays right when the twins swap them.
POSITIVE = (
    "good", "clever", "funny", "moving", "fresh", "sharp", "warm", "gripping", "brilliant", "lively", "witty",
    "charming", "convincing", "memorable",
)  # fmt: skip
NEGATIVE = (
    "bad", "dull", "boring", "weak", "flat", "stale", "lazy", "tedious", "clumsy", "silly", "dreary", "poor",
    "bland", "shallow",
)  # fmt: skip

# The verdict is the adjective in {yes}; the one in {no} is denied, outweighed or past. It stands before the verdict
# in some templates and after it in others, so "the last adjective counts" does not solve them either. A comma
# stands alone, so that twins have the same words even for a reader that only splits at spaces.
TEMPLATES = (
    "the {thing} was {adverb} {yes} not {no}",
    "the {thing} was not {no} but {adverb} {yes}",
    "the {thing} was not {no} at all , even {yes}",
    "far from {no} , the {thing} was {adverb} {yes}",
    "the {thing} was {adverb} more {yes} than {no}",
    "the {thing} was {adverb} less {no} than {yes}",
    "the {thing} was always {yes} and never {no}",
    "i expected a {no} {thing} and got a {adverb} {yes} one",
    "the {part} was {no} but the {whole} was {adverb} {yes}",
    "the {whole} was {adverb} {yes} although the {part} was {no}",
)
# The empty adverb leaves its place empty.
ADVERBS = ("", "really", "truly", "simply")
# What "more" and "less" can carry: "truly less dull" is no English.
ADVERBS_OF_DEGREE = ("", "far", "much", "rather")


def twins(template: str) -> list[tuple[str, str]]:
    """Fill a template in every way.

    Args:
        template: A sentence with the places `{yes}` and `{no}`, and any of `{thing}`, `{part}`, `{whole}`
            and `{adverb}`.

    Returns:
        Pairs of (a positive phrase, its negative twin), in a fixed order. Both have the same words.

    Examples:
        >>> from nano_bert.data.phrases import twins
        >>> pairs = twins("the {thing} was {yes} not {no}")
        >>> pairs[0]
        ('the film was good not bad', 'the film was bad not good')
        >>> len(pairs)  # 13 things, 14 positive and 14 negative adjectives
        2548
    """
    degree = "more" in template or "less" in template
    places = {
        "thing": WHOLES + PARTS,
        "part": PARTS,
        "whole": WHOLES,
        "adverb": ADVERBS_OF_DEGREE if degree else ADVERBS,
    }
    used = [name for name in places if f"{{{name}}}" in template]
    frames = [  # all is filled in but the adjectives; an empty adverb would leave two spaces
        " ".join(template.format(yes="{yes}", no="{no}", **dict(zip(used, words, strict=True))).split())
        for words in product(*(places[name] for name in used))
    ]
    return [
        (frame.format(yes=good, no=bad), frame.format(yes=bad, no=good))
        for good, bad in product(POSITIVE, NEGATIVE)
        for frame in frames
    ]


def all_pairs(seed: int) -> list[tuple[str, str]]:
    """Write pairs of twins in an order drawn by the seed, every template as often as any other.

    Args:
        seed: Of the drawing; the same seed gives the same list.

    Returns:
        All different pairs of (a positive phrase, its negative twin), cut so that every template is used equally often.

    Examples:
        >>> from nano_bert.data.phrases import all_pairs
        >>> pairs = all_pairs(seed=0)
        >>> len(pairs)
        25480
        >>> positive, negative = pairs[0]
        >>> sorted(positive.split()) == sorted(negative.split())
        True
    """
    generator = random.Random(seed)
    groups = [twins(template) for template in TEMPLATES]
    for group in groups:
        generator.shuffle(group)
    # One pair of each template in turn, until the shortest group is used up.
    return list(chain.from_iterable(zip(*groups, strict=False)))


def load_phrases(n: int = 5000, seed: int = 0) -> Corpus:
    """Load short film phrases in which only the order of the words decides. They are artificial.

    The project made them with a small grammar (`TEMPLATES`), for experiments of a few seconds that need
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
        splits.append(make_split(labelled))
    test, validation, train = splits
    return Corpus("phrases", ("negative", "positive"), train, validation, test)
