"""The fifteen rungs of the ladder: what each looks at, where the book tells of it, and on what it stands."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

# Of the chapters that are named: so they are found on the site, in the repository and on paper alike.
TITLES = {
    2: "Words to ids",
    3: "Embeddings",
    4: "One attention head",
    5: "Masks",
    6: "Many heads",
    7: "Residual, norm, feed-forward",
    8: "The encoder and its pooler",
    9: "It is really BERT",
    10: "WordPiece",
    11: "Pretraining",
    12: "Fine-tuning, honestly",
}


@dataclass(frozen=True)
class Rung:
    """One rung.

    Attributes:
        number: From 1, the lowest.
        name: What it looks at, in a word or two.
        chapter: The chapter after which it can turn green.
        parts: The names in the reader's file that it needs.
        probe: The function that looks, as "module.function".
        stands_on: The numbers of the rungs whose parts it uses.
        seeds: How often it looks, each time with other shapes and numbers.
    """

    number: int
    name: str
    chapter: int
    parts: tuple[str, ...]
    probe: str
    stands_on: tuple[int, ...] = ()
    seeds: int = 6

    @property
    def title(self) -> str:
        """Its number and name, as "4-masks": so the Test Explorer shows it."""
        return f"{self.number:02}-{self.name.replace(' ', '-')}"


LADDER = (
    Rung(1, "tokenizer", 2, ("WordTokenizer",), "probes_text.tokenizer"),
    Rung(2, "embeddings", 3, ("BertConfig", "BertEmbeddings"), "probes_model.embeddings"),
    Rung(3, "one head", 4, ("BertAttentionHead",), "probes_model.head"),
    Rung(4, "masks", 5, ("BertAttentionHead",), "probes_model.masks", (3,)),
    Rung(5, "many heads", 6, ("BertSelfAttention",), "probes_model.heads", (3, 4)),
    Rung(6, "norm and feed-forward", 7, ("LayerNorm", "FeedForward"), "probes_model.norm_and_feed_forward"),
    Rung(7, "layer", 7, ("BertLayer",), "probes_model.layer", (3, 4, 5, 6)),
    Rung(8, "encoder", 8, ("BertEncoder",), "probes_model.encoder", (3, 4, 5, 6, 7)),
    Rung(9, "pooler", 8, ("BertPooler", "masked_mean"), "probes_model.pooler"),
    Rung(10, "whole model", 8, ("NanoBERT",), "probes_model.model", (2, 3, 4, 5, 6, 7, 8, 9)),
    Rung(11, "published weights", 9, ("from_pretrained",), "probes_model.published", tuple(range(2, 11))),
    Rung(12, "wordpiece", 10, ("WordPieceTokenizer",), "probes_text.wordpiece", (1,)),
    Rung(13, "masking", 11, ("mask_words",), "probes_text.masking", seeds=2),
    Rung(14, "loss", 11, ("MaskedWordHead", "masked_word_loss", "next_sentence_loss", "NanoBertForPreTraining"),
         "probes_training.loss", tuple(range(2, 11))),
    Rung(15, "training step", 11, ("train_step", "share_guessed"), "probes_training.training", (*range(2, 11), 14)),
)  # fmt: skip


def rungs_of(words: str) -> tuple[Rung, ...]:
    """Return the rungs that a reader means: a number, a name or the beginning of one; nothing means all.

    Raises:
        ValueError: If there is no such rung.

    Examples:
        >>> from nano_bert.check.rungs import rungs_of
        >>> [rung.number for rung in rungs_of("masks")], [rung.name for rung in rungs_of("5")]
        ([4], ['many heads'])
    """
    plain = words.lower().replace("-", " ").strip()
    found = [r for r in LADDER if plain in (str(r.number), f"{r.number:02}", r.title.replace("-", " "), r.name)]
    found = found or [r for r in LADDER if plain and r.name.replace("-", " ").startswith(plain)]
    if not found:
        names = ", ".join(f"{rung.number} {rung.name}" for rung in LADDER)
        raise ValueError(f"There is no rung {words!r:.60}. The rungs are: {names}.")
    return tuple(found)


def probe_of(rung: Rung) -> "Callable[..., Iterator[Any]]":
    """Return the function that looks. It is imported here: the list of rungs needs no PyTorch."""
    from importlib import import_module

    module, _, function = rung.probe.partition(".")
    return getattr(import_module(f"nano_bert.check.{module}"), function)
