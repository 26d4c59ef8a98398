"""`tokenizer.json`: all that one of Hugging Face's tokenizers does, step by step; here it must be what BERT does.

Since its fifth version transformers writes no other file with the vocabulary, and some settings stand here alone: which
tokens are never split, and whether case counts. What our tokenizer does is taken over, and all else is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from nano_bert.pretrained.safe_files import LARGE, read_json
from nano_bert.tokenizer.check_given import shown

# What each step must be, and what it may say; a step may leave out what has only one value here.
DEMANDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "model": {"continuing_subword_prefix": ("##",), "max_input_chars_per_word": (100,)},
    "normalizer": {
        "type": ("BertNormalizer",),
        "clean_text": (True,),
        "handle_chinese_chars": (True,),
        "lowercase": (True, False),
        "strip_accents": (None, True, False),
    },
    "pre_tokenizer": {"type": ("BertPreTokenizer",)},
}


@dataclass(frozen=True)
class TokenizerJson:
    """What a file says.

    Args:
        pieces: The vocabulary, in the order of the ids.
        settings: What `tokenizer_config.json` would say of it.
        added: The tokens that are never split, in the form that `tokenizer_files` reads them.
    """

    pieces: list[str]
    settings: dict[str, Any]
    added: list[Mapping[str, Any]]


def read_tokenizer_json(path: Path) -> TokenizerJson:
    """Read `tokenizer.json`.

    Raises:
        ValueError: If it is damaged, or does anything that would give other ids than ours.
    """
    found = read_json(path, LARGE)
    model = _names(found.get("model"))
    vocab = _names(model.get("vocab")) if model.get("type", "WordPiece") == "WordPiece" else {}
    ids = list(vocab.values())
    if not ids or any(type(index) is not int for index in ids) or sorted(ids) != list(range(len(ids))):
        raise ValueError(f"{path} does not hold a WordPiece vocabulary with the ids from 0 on, each once.")
    for step, demands in DEMANDS.items():
        said = _names(found.get(step))
        for name, values in demands.items():
            check_known(path, f"{step}.{name}", said.get(name, "nothing"), values)
    settings = {
        "do_lower_case": found["normalizer"]["lowercase"],
        "strip_accents": found["normalizer"]["strip_accents"],
    }
    settings |= {"unk_token": found["model"].get("unk_token"), **_ends(path, found.get("post_processor"))}
    added: Any = found.get("added_tokens") or []
    if not isinstance(added, list) or not all(map(_names, cast(list[Any], added))):
        raise ValueError(f"{path} is damaged: its added_tokens are no list of tokens.")
    return TokenizerJson(sorted(vocab, key=vocab.__getitem__), settings, cast(list[Any], added))


def check_known(path: Path, name: str, value: Any, known: tuple[Any, ...]) -> None:
    """Refuse a setting with which other ids than ours would come out.

    Raises:
        ValueError: If the value is none of those that are known. (1 is not True.)
    """
    if not any(value == one and type(value) is type(one) for one in known):
        raise ValueError(
            f"{path} says {name} = {shown(repr(value))}, but WordPieceTokenizer knows only "
            f"{' and '.join(map(repr, known))}: other ids would come out."
        )


def _names(settings: Any) -> dict[str, Any]:
    """Return settings; none where something else stands in their place."""
    return cast(dict[str, Any], settings) if isinstance(settings, dict) else {}


def _ends(path: Path, processor: Any) -> dict[str, Any]:
    """Return what is put before and behind a text, and refuse all but `[CLS] … [SEP]` and `[CLS] … [SEP] … [SEP]`."""
    try:
        if processor["type"] == "BertProcessing":
            return {"cls_token": processor["cls"][0], "sep_token": processor["sep"][0]}
        parts = [said for part in (*processor["single"], *processor["pair"]) for said in part.values()]
        ids = [part["id"] for part in parts]
        cls, sep = ids[0], ids[2]
        right_ids = ids == [cls, "A", sep, cls, "A", sep, "B", sep]
        if right_ids and [part["type_id"] for part in parts] == [0, 0, 0, 0, 0, 0, 1, 1]:
            return {"cls_token": cls, "sep_token": sep}
    except (TypeError, KeyError, AttributeError, IndexError):
        pass
    raise ValueError(f"{path} does not put [CLS] before a text and [SEP] behind it, as BERT's do: its post_processor.")
