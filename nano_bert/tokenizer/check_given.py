"""What is given: it is looked at before it is used, and what cannot be used is named in one sentence.

Every shelf asks these questions, so they stand on the lowest. What is quoted in a sentence goes through `shown`: it may
be a page long, or steer the terminal on which it is printed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from numbers import Integral
from typing import Any, TypeVar, cast

Text = str | Sequence[str]
Kind = TypeVar("Kind")


def shown(value: object, limit: int = 80) -> str:
    r"""Return a value as a text to be printed: on one line, not too long, with nothing that steers a terminal.

    Args:
        value: A text, which gets no quotation marks; or any other value, which is shown as Python shows it.
        limit: The longest that it may get.

    Examples:
        >>> from nano_bert.tokenizer.check_given import shown
        >>> print(shown("naïve \x1b[31m"), shown(["a", 3]), shown("word " * 1000, limit=12))
        naïve \x1b[31m ['a', 3] word word w…
    """
    try:
        text = value if isinstance(value, str) else str(value) if isinstance(value, Exception) else repr(value)
    except (ValueError, RecursionError):  # a number of many thousand digits, a list in a list in a list …
        text = f"<{type(value).__name__}>"
    # No escape is shorter than what it stands for, so that what comes after the limit need not be looked at.
    clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: limit + 1])
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def check_kind(name: str, given: object, kind: type, hint: str = "") -> None:
    """Refuse something of another kind, such as a model that does something else.

    Args:
        name: What the function calls it.
        given: What it was given.
        kind: What it needs.
        hint: A sentence that says how to get one.

    Raises:
        TypeError: If it is of another kind.

    Examples:
        >>> from nano_bert.tokenizer.check_given import check_kind
        >>> check_kind("tokenizer", "bert-base", dict, hint="Open it first.")
        Traceback (most recent call last):
            ...
        TypeError: tokenizer must be a dict, but it is of the type str: bert-base. Open it first.
    """
    if not isinstance(given, kind):
        what = f": {shown(given)}" if isinstance(given, str | int | float) else ""
        raise TypeError(
            f"{name} must be a {kind.__name__}, but it is of the type {type(given).__name__}{what}. {hint}".rstrip()
        )


def is_whole(number: object) -> bool:
    """Return whether something is a whole number, and none that stands for true or false."""
    return isinstance(number, Integral) and number is not True and number is not False


def check_settings(special_tokens: Any, max_seq_len: Any, lower_case: Any, truncation: Any) -> None:
    """Refuse what no tokenizer can be made with.

    Raises:
        ValueError: If a setting has a value that cannot be.
        TypeError: If it is something of another kind.
    """
    if isinstance(special_tokens, str) or not _are_texts(special_tokens):
        raise TypeError(f"special_tokens are a list of texts, but they are {special_tokens!r:.80}.")
    if len(special_tokens) < 5 or len(set(special_tokens)) != len(special_tokens) or "" in special_tokens:
        raise ValueError(
            f"special_tokens are at least five different texts, in the order [PAD] [CLS] [SEP] [UNK] [MASK], "
            f"but these are {list(special_tokens)!r:.200}."
        )
    if max_seq_len is not None and not is_whole(max_seq_len):
        raise TypeError(f"max_seq_len is a number of tokens, but it is {max_seq_len!r:.80}.")
    if max_seq_len is not None and max_seq_len < 3:
        raise ValueError(
            f"max_seq_len={max_seq_len} leaves no room for a word between [CLS] and [SEP]: take 3 or more."
        )
    if lower_case not in (True, False):
        raise TypeError(f"lower_case is True or False, but it is {lower_case!r:.80}.")
    if truncation not in ("head", "tail", "both"):
        raise ValueError(f'truncation is "head", "tail" or "both", but it is {truncation!r:.80}.')


def check_count(name: str, given: object, least: int = 1) -> None:
    """Refuse what counts nothing.

    Raises:
        TypeError: If it is no whole number.
        ValueError: If it is below the least.
    """
    if not is_whole(given):
        raise TypeError(f"{name} is a whole number, {least} or more, but it is {shown(repr(given))}.")
    if cast(int, given) < least:
        raise ValueError(f"{name} is a whole number, {least} or more, but it is {shown(given)}.")


def check_texts(name: str, texts: Iterable[Kind], kinds: tuple[type, ...] = (str, Sequence)) -> list[Kind]:
    """Return several texts as a list, which can be read again. Refuse a single one, and what is no text.

    Args:
        name: What the function calls them.
        texts: The texts, also from a generator.
        kinds: What each may be: a text, or a list of words, unless said otherwise.

    Raises:
        TypeError: If it is one string, which would be read letter by letter; or a text is something else.
    """
    given: Any = texts
    if isinstance(given, str):
        raise TypeError(f"{name} is a list of texts, but it is one string: put it in a list, [text].")
    if isinstance(given, (bytes, Mapping, Set)) or not isinstance(given, Iterable):  # a set has no order
        raise TypeError(f"{name} is a list of texts, but it is {given!r:.80}.")
    found = list(texts)
    for number, text in enumerate(found):
        if not isinstance(text, kinds) or isinstance(text, bytes):
            raise TypeError(f"A text is a string, but number {number} (from 0) of {name} is {shown(repr(text))}.")
    return found


def words_of(text: Text, is_known: Callable[[str], bool]) -> Sequence[str]:
    """Return the words of a text that is given as a list of words; and a string as a list of one.

    Args:
        text: The text.
        is_known: Which words are in the vocabulary: they may hold a blank.

    Raises:
        TypeError: If it is neither.
        ValueError: If another word holds a blank: then it is a text, and what is meant is a batch.
    """
    if isinstance(text, str):
        return [text]
    if not _are_texts(text):
        raise TypeError(f"A text is a string or a list of words, but this one is {text!r:.80}.")
    for word in text:
        if word and word.split() != [word] and not is_known(word):
            raise ValueError(
                f"A list holds the words of one text, but {word!r:.80} holds a blank, so it is a text of its own. "
                f"For several texts: tokenizer.encode_batch(texts)."
            )
    return text


def _are_texts(given: Any) -> bool:
    return isinstance(given, Sequence) and all(isinstance(one, str) for one in given)  # pyright: ignore[reportUnknownVariableType]
