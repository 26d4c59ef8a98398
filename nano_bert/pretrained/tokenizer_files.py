"""The files of a WordPiece tokenizer: a vocabulary and a few settings, in the layout of the Hugging Face libraries.

A published BERT is often years old, and its folder holds what was usual then. What would give other ids than there is
refused: a model that reads wrong ids answers all the same, only wrongly.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from nano_bert.pretrained.hub import ADDED_TOKENS, SETTINGS, SPECIAL_TOKENS_MAP, VOCAB, WHOLE
from nano_bert.pretrained.safe_files import read_json, read_text, write_atomically
from nano_bert.pretrained.tokenizer_json import check_known, read_tokenizer_json
from nano_bert.tokenizer.base import SPECIAL_TOKENS, Tokenizer
from nano_bert.tokenizer.check_given import shown

# How the settings call the special tokens, in the order of SPECIAL_TOKENS.
SPECIAL_NAMES = ("pad_token", "cls_token", "sep_token", "unk_token", "mask_token")

# The settings that decide about ids, the values that we know, and first of all the one that holds where none is given.
KNOWN = {
    "tokenizer_class": ("BertTokenizer", "BertTokenizerFast"),
    "do_lower_case": (True, False),
    "tokenize_chinese_chars": (True,),
}


# What is white space to their library: a few control characters fewer than to Python.
BLANKS = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


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
    unwritable = [piece for piece in vocab if "\n" in piece or piece != piece.rstrip(BLANKS)]
    if unwritable:
        raise ValueError(
            f"vocab.txt holds a piece a line, but {unwritable[0]!r} has a line break or a space at its end."
        )
    usual = {name: values[0] for name, values in KNOWN.items()} | {"strip_accents": None}
    write_atomically(folder / VOCAB, "".join(f"{piece}\n" for piece in vocab))
    write_atomically(folder / SETTINGS, json.dumps({**usual, **settings}, indent=2) + "\n")


def read_files(folder: Path) -> tuple[list[str], dict[str, Any]]:
    """Read the pieces in the order of their ids, and the settings, from all files that say something of them.

    Returns:
        The pieces; and the settings, with the usual ones where no file says anything. Under "special_tokens" stand all
        tokens that are never split, the five of BERT first.

    Raises:
        FileNotFoundError: If there is no vocabulary.
        ValueError: If a file is damaged, asks for something that would give other ids than ours, or says something
            else than another file.
    """
    if not (folder / VOCAB).exists() and not (folder / WHOLE).exists():
        raise FileNotFoundError(
            f"{folder} is not the folder of a WordPiece tokenizer: there is no file {VOCAB} or {WHOLE} in it."
        )
    whole = read_tokenizer_json(folder / WHOLE) if (folder / WHOLE).exists() else None
    pieces = read_vocab(folder / VOCAB) if (folder / VOCAB).exists() else []
    if whole is not None and pieces not in ([], whole.pieces):
        raise ValueError(f"In {folder}, {VOCAB} holds another vocabulary than {WHOLE}: other ids would come out.")
    pieces = whole.pieces if whole else pieces
    found, simple = (_read_if_there(folder / name) for name in (SETTINGS, SPECIAL_TOKENS_MAP))
    settings = _settle(folder, found, {SPECIAL_TOKENS_MAP: simple, WHOLE: whole.settings if whole else {}})
    check_settings(folder / SETTINGS, settings)
    if whole is None and "tokenizer_class" not in found and not any(piece.startswith("##") for piece in pieces):
        raise ValueError(
            f"{folder} does not say which tokenizer it holds, in {SETTINGS}, and no piece of its vocabulary continues "
            f"a word (##). So it is hardly one of WordPiece: get its {SETTINGS}."
        )
    return add_tokens(folder, pieces, settings, whole.added if whole else [])


def read_vocab(path: Path) -> list[str]:
    """Read `vocab.txt`, a piece a line; as in the Hugging Face libraries, white space at its end is no part of it."""
    # Only a line feed ends a line: splitlines() would also cut at rarer characters, inside a piece.
    lines = read_text(path).split("\n")
    return [line.rstrip(BLANKS) for line in (lines[:-1] if lines[-1] == "" else lines)]


def _settle(folder: Path, settings: dict[str, Any], others: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what `tokenizer_config.json` says, and what other files say beside it, if they do not disagree."""
    settings = {name: value for name, value in settings.items() if value is not None}
    for file, other in others.items():
        for name, value in other.items():
            if value is None or name not in (*SPECIAL_NAMES, *KNOWN, "strip_accents", "additional_special_tokens"):
                continue
            before = settings.setdefault(name, value)
            if _text(before) != _text(value):
                raise ValueError(
                    f"In {folder}, {SETTINGS} says {name} = {shown(_text(before))}, but {file} says "
                    f"{shown(_text(value))}: other ids would come out."
                )
    return settings


def check_settings(path: Path, settings: dict[str, Any]) -> None:
    """Put the usual settings where none are said, and refuse what would give other ids than ours."""
    usual = {name: values[0] for name, values in KNOWN.items()} | dict(zip(SPECIAL_NAMES, SPECIAL_TOKENS, strict=True))
    for name, value in usual.items():
        settings.setdefault(name, value)
    # Accents go where case goes, unless a setting says otherwise.
    for name, values in {**KNOWN, "strip_accents": (settings["do_lower_case"],)}.items():
        check_known(path, name, settings.get(name, values[0]), values)


def add_tokens(
    folder: Path, pieces: list[str], settings: dict[str, Any], added: list[Mapping[str, Any]]
) -> tuple[list[str], dict[str, Any]]:
    """Note all tokens that are never split, and put those that stand in no vocabulary behind it, at their ids.

    Raises:
        ValueError: If a token is looked for in another way than special tokens are, or has another id.
    """
    try:
        more: list[Any] = [settings.get(name) or [] for name in ("additional_special_tokens", "extra_special_tokens")]
        lists = [names.values() if isinstance(names, dict) else names for names in more]
        named = [settings[name] for name in SPECIAL_NAMES]
        special = [_text(token, strict=True) for tokens in (named, *lists) for token in tokens]
        decoder: dict[str, Any] = settings.get("added_tokens_decoder", {})
        added = [*added, *({"id": int(index), **token} for index, token in decoder.items())]
        plain = _read_if_there(folder / ADDED_TOKENS)
        added += [{"content": content, "id": index} for content, index in plain.items() if content not in special]
        tokens = {(token["id"], _text(token, strict=True)): token for token in added}
        tokens = {key: tokens[key] for key in sorted(tokens)}
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise ValueError(f"{folder}/{SETTINGS} is damaged: its special tokens are no list of texts.") from error
    places = {piece: index for index, piece in enumerate(pieces)}
    strange = [
        content
        for (_, content), token in tokens.items()
        if token.get("single_word") or token.get("normalized", not token.get("special") and content not in special)
    ]
    if strange:
        raise ValueError(
            f"{folder} adds tokens to its vocabulary, {shown(strange[:5])}: WordPieceTokenizer knows no such, but only "
            f"those that are never split, whatever stands around them."
        )
    for index, content in tokens:
        if places.setdefault(content, len(places)) != index:
            raise ValueError(
                f"{folder} gives {shown(content)} the id {index}, but by its vocabulary it is {places[content]}."
            )
    return list(places) if tokens else pieces, {
        **settings,
        "special_tokens": list(dict.fromkeys([*special, *(content for _, content in tokens)])),
    }


def _text(token: Any, strict: bool = False) -> Any:
    """Return a token's text; older folders say more of it than that. Strictly, or whatever it is."""
    if isinstance(token, list) and not strict:
        return [_text(one) for one in token]
    if isinstance(token, dict) and (strict or "content" in token):
        token = cast(dict[str, Any], token)["content"]
    if strict and not isinstance(token, str):
        raise TypeError
    return token


def _read_if_there(path: Path) -> dict[str, Any]:
    return read_json(path) if path.exists() else {}
