"""The files of a WordPiece tokenizer: a vocabulary and a few settings, in the layout of the Hugging Face libraries.

A published BERT is often years old, and its folder holds what was usual then. What would give other ids than there is
refused: a model that reads wrong ids answers all the same, only wrongly.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nano_bert.encoding import SPECIAL_TOKENS
from nano_bert.files import write_atomically

# How the settings call the special tokens, in the order of SPECIAL_TOKENS.
SPECIAL_NAMES = ("pad_token", "cls_token", "sep_token", "unk_token", "mask_token")

# The settings that decide about ids, the values that we know, and first of all the one that holds where none is given.
KNOWN = {
    "tokenizer_class": ("BertTokenizer", "BertTokenizerFast"),
    "do_lower_case": (True, False),
    "tokenize_chinese_chars": (True,),
}


def write_files(folder: Path, vocab: Sequence[str], settings: Mapping[str, Any]) -> None:
    """Write `vocab.txt`, a piece a line, and `tokenizer_config.json`, so that `transformers` opens them, too.

    Raises:
        ValueError: If no line can hold a piece.
    """
    unwritable = [piece for piece in vocab if "\n" in piece or piece != piece.rstrip()]
    if unwritable:
        raise ValueError(f"vocab.txt holds a piece a line, but {unwritable[0]!r} has a line break or a space at its end.")
    settings = {name: values[0] for name, values in KNOWN.items()} | {"strip_accents": None} | dict(settings)
    write_atomically(folder / "vocab.txt", "".join(f"{piece}\n" for piece in vocab))
    write_atomically(folder / "tokenizer_config.json", json.dumps(settings, indent=2) + "\n")


def read_vocab(folder: Path) -> list[str]:
    """Read the pieces in the order of their ids, from `vocab.txt` or else from `tokenizer.json`.

    Raises:
        FileNotFoundError: If neither is there.
        ValueError: If the file is damaged, or holds another kind of vocabulary.
    """
    if (folder / "vocab.txt").is_file():
        # Only a line feed ends a line: splitlines() would also cut at rarer characters, inside a piece.
        lines = _read_text(folder / "vocab.txt").split("\n")
        return [line.rstrip() for line in (lines[:-1] if lines[-1] == "" else lines)]
    if not (folder / "tokenizer.json").is_file():
        raise FileNotFoundError(
            f"{folder} is not the folder of a WordPiece tokenizer: there is no file vocab.txt or tokenizer.json in it."
        )
    model: Any = _read_json(folder / "tokenizer.json").get("model")
    if not isinstance(model, dict) or model.get("type") != "WordPiece" or not isinstance(model.get("vocab"), dict):
        raise ValueError(f"{folder / 'tokenizer.json'} does not hold a WordPiece vocabulary, but another kind.")
    ids: dict[str, int] = model["vocab"]
    if sorted(ids.values()) != list(range(len(ids))):
        raise ValueError(f"{folder / 'tokenizer.json'} is damaged: its ids do not go from 0 to {len(ids) - 1}.")
    return sorted(ids, key=lambda piece: ids[piece])


def read_settings(folder: Path) -> dict[str, Any]:
    """Read `tokenizer_config.json`, if there is one, with the usual settings where it says nothing.

    Raises:
        ValueError: If the file is damaged, or asks for something that would give other ids than ours.
    """
    path = folder / "tokenizer_config.json"
    settings = _read_json(path) if path.is_file() else {}
    # What is missing, or null, is as usual.
    settings = {name: value for name, value in settings.items() if value is not None}
    settings = {
        **{name: values[0] for name, values in KNOWN.items()},
        **dict(zip(SPECIAL_NAMES, SPECIAL_TOKENS, strict=True)),
        **{"additional_special_tokens": [], "model_max_length": None},
        **settings,
    }
    # Whether accents go hangs on the case; a few models set it otherwise.
    known = KNOWN | {"strip_accents": (settings["do_lower_case"],)}
    for name, values in known.items():
        if settings.get(name, values[0]) not in values:
            raise ValueError(
                f"{path} says {name} = {settings[name]!r}, but WordPieceTokenizer knows only "
                f"{' and '.join(map(repr, values))}: other ids would come out."
            )
    for name in SPECIAL_NAMES:
        settings[name] = _spelling(settings[name])
    settings["additional_special_tokens"] = [_spelling(token) for token in settings["additional_special_tokens"]]
    ...
    return settings
