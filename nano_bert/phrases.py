"""The grammar of the film phrases, in which only the order of the words decides.

The phrases are artificial: this project made them, no person wrote them about any film. They let a chapter train a
model in seconds, offline, on a task that a bag of words cannot solve and attention can. `load_phrases` in
`nano_bert.data` cuts them into splits.

Every phrase comes with its *twin*: the same words, with one positive and one negative adjective in each other's
place, and the opposite meaning. "the film was good not bad" praises; "the film was bad not good" does not.
"""

import random
from itertools import chain, product

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
        >>> from nano_bert.phrases import twins
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
    pairs: list[tuple[str, str]] = []
    for good, bad, *words in product(POSITIVE, NEGATIVE, *(places[name] for name in used)):
        filling = dict(zip(used, words, strict=True))
        positive = template.format(yes=good, no=bad, **filling)
        negative = template.format(yes=bad, no=good, **filling)
        pairs.append((" ".join(positive.split()), " ".join(negative.split())))  # an empty adverb leaves two spaces
    return pairs


def all_pairs(seed: int) -> list[tuple[str, str]]:
    """Write pairs of twins in an order drawn by the seed, every template as often as any other.

    Args:
        seed: Of the drawing; the same seed gives the same list.

    Returns:
        All different pairs of (a positive phrase, its negative twin), cut so that every template is used equally often.

    Examples:
        >>> from nano_bert.phrases import all_pairs
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
