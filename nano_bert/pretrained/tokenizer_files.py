"""The files of a WordPiece tokenizer: a vocabulary and a few settings, in the layout of the Hugging Face libraries.

A published BERT is often years old, and its folder holds what was usual then. What would give other ids than there is
refused: a model that reads wrong ids answers all the same, only wrongly.
"""

import json
from pathlib import Path
from typing import Any, cast

from nano_bert.pretrained.files import write_atomically
from nano_bert.tokenizer.base import SPECIAL_TOKENS, Tokenizer

# How the settings call the special tokens, in the order of SPECIAL_TOKENS.
SPECIAL_NAMES = ("pad_token", "cls_token", "sep_token", "unk_token", "mask_token")

# The settings that decide about ids, the values that we know, and first of all the one that holds where none is given.
KNOWN = {
    "tokenizer_class": ("BertTokenizer", "BertTokenizerFast"),
    "do_lower_case": (True, False),
    "tokenize_chinese_chars": (True,),
}


def write_files(folder: Path, tokenizer: Tokenizer) -> None:
    """Write `vocab.txt`, a piece a line, and `tokenizer_config.json`, so that `transformers` opens them, too.

    Raises:
        ValueError: If no line can hold a piece.
    """
    settings = {
        "do_lower_case": tokenizer.lower_case,
        "max_seq_len": tokenizer.max_seq_len,
        "model_max_length": tokenizer.max_seq_len,  # the same, for transformers
        "truncation": tokenizer.truncation,
        **dict(zip(SPECIAL_NAMES, tokenizer.special_tokens, strict=False)),
        "additional_special_tokens": tokenizer.special_tokens[len(SPECIAL_NAMES) :],
    }
    vocab = tokenizer.id_to_token
    unwritable = [piece for piece in vocab if "\n" in piece or piece != piece.rstrip()]
    if unwritable:
        raise ValueError(
            f"vocab.txt holds a piece a line, but {unwritable[0]!r} has a line break or a space at its end."
        )
    usual = {name: values[0] for name, values in KNOWN.items()} | {"strip_accents": None}
    write_atomically(folder / "vocab.txt", "".join(f"{piece}\n" for piece in vocab))
    write_atomically(folder / "tokenizer_config.json", json.dumps({**usual, **settings}, indent=2) + "\n")


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
    path = folder / "tokenizer.json"  # all that transformers writes since its fifth version
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} is not the folder of a WordPiece tokenizer: there is no file vocab.txt or tokenizer.json in it."
        )
    try:
        model: Any = _read_json(path)["model"]
        pieces: dict[int, str] = {index: piece for piece, index in model["vocab"].items()}
        if model["type"] == "WordPiece":
            return [pieces[index] for index in range(len(pieces))]
    except (KeyError, TypeError, AttributeError):
        pass
    raise ValueError(f"{path} does not hold a WordPiece vocabulary with the ids from 0 on, each once.")


def read_settings(folder: Path) -> dict[str, Any]:
    """Read `tokenizer_config.json`, if there is one, with the usual settings where it says nothing.

    Returns:
        The settings; under "special_tokens" all special tokens, the five of BERT first.

    Raises:
        ValueError: If the file is damaged, or asks for something that would give other ids than ours.
    """
    path = folder / "tokenizer_config.json"
    found = _read_json(path) if path.is_file() else {}
    usual: dict[str, Any] = {name: values[0] for name, values in KNOWN.items()} | dict(
        zip(SPECIAL_NAMES, SPECIAL_TOKENS, strict=True)
    )
    settings = usual | {name: value for name, value in found.items() if value is not None}
    # Accents go where case goes, unless a setting says otherwise.
    for name, values in {**KNOWN, "strip_accents": (settings["do_lower_case"],)}.items():
        if settings.get(name, values[0]) not in values:
            raise ValueError(
                f"{path} says {name} = {settings[name]!r}, but WordPieceTokenizer knows only "
                f"{' and '.join(map(repr, values))}: other ids would come out."
            )
    try:
        tokens = [settings[name] for name in SPECIAL_NAMES] + list(settings.get("additional_special_tokens", []))
        settings["special_tokens"] = [token if isinstance(token, str) else token["content"] for token in tokens]
        added: set[str] = {token["content"] for token in settings.get("added_tokens_decoder", {}).values()}
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: its special tokens are no list of texts ({error!r}).") from error
    if (folder / "added_tokens.json").is_file():
        added |= _read_json(folder / "added_tokens.json").keys()
    if not added <= set(settings["special_tokens"]):
        left_over = sorted(added - set(settings["special_tokens"]))
        raise ValueError(f"{folder} adds tokens to its vocabulary, {left_over[:5]}: WordPieceTokenizer knows no such.")
    return settings


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: Any = json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is damaged ({error}): get the file again.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged: settings have names, but these are {content!r:.40}.")
    return cast(dict[str, Any], content)


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is damaged, for it is no text in UTF-8 ({error}): get the file again.") from error
