"""Documents: plain text to learn a language from, of which nobody needs to say what is in it."""

import re
from collections.abc import Sequence
from pathlib import Path


def read_documents(path: str | Path) -> list[str]:
    """Read a text file: documents with an empty line between, or, where there is none, a document a line.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not text in UTF-8, or holds none.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not a text in UTF-8: {error.reason} at byte {error.start}. Save it as UTF-8."
        ) from error
    if "\0" in text:
        raise ValueError(f"{path} is not a text: it holds bytes of zero.")
    documents = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    if len(documents) == 1:
        # Not splitlines(), which also cuts at rarer characters, inside a line.
        documents = [line.strip() for line in text.split("\n") if line.strip()]
    if not documents:
        raise ValueError(f"{path} holds no text.")
    return documents


def split_sentences(text: str) -> list[str]:
    """Cut a text after full stops, question marks and exclamation marks that a space follows: a rough rule.

    Examples:
        >>> from nano_bert.data.documents import split_sentences
        >>> split_sentences("The film was good. Was it? It was not bad!")
        ['The film was good.', 'Was it?', 'It was not bad!']
    """
    return [sentence for sentence in re.split(r"(?<=[.!?])\s+", text.strip()) if sentence]


def hold_out(documents: Sequence[str], every: int = 20) -> tuple[list[str], list[str]]:
    """Set every twentieth document aside, to measure with; return those to learn from, and those.

    Raises:
        ValueError: If there are too few to set any aside.
    """
    if len(documents) < every:
        raise ValueError(
            f"Learning and measuring want {every} documents at least, but there are {len(documents)}. Put an empty "
            "line between documents; or, with no empty line at all, one document on each line."
        )
    aside = documents[every - 1 :: every]
    rest = [document for number, document in enumerate(documents, start=1) if number % every]
    return rest, list(aside)
