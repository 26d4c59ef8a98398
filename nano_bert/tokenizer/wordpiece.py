"""The WordPiece tokenizer: a frequent word is one token, a rare one is spelt out of pieces.

Words alone leave a model without any idea of "unwatchable". BERT reads `un ##watch ##able`: three pieces that it has
met in other words, where `##` marks a piece that continues a word (Schuster and Nakajima, 2012; Wu et al., 2016,
section 4.1, https://arxiv.org/abs/1609.08144). With the vocabulary of a published model, the ids here are those of
`transformers.BertTokenizerFast`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from jaxtyping import Int
from torch import Tensor

from nano_bert.tokenizer.base import SPECIAL_TOKENS, Tokenizer, Truncation
from nano_bert.tokenizer.check_given import Text, check_settings, shown, words_of
from nano_bert.tokenizer.learn_vocabulary import CONTINUES, learn_vocabulary
from nano_bert.tokenizer.text_cleaning import locate_words, split_words

MAX_WORD_LENGTH = 100  # a longer "word" is no word of a language, and is not spelt out


class WordPieceTokenizer(Tokenizer):
    """Turn texts into ids, piece by piece, and ids into text again.

    Args:
        vocab: The pieces in the order of their ids, the special tokens among them.
        max_seq_len: Longest list of ids to return, `[CLS]` and `[SEP]` included. None cuts nothing.
        lower_case: Whether "Café", "café" and "cafe" are the same word. Special tokens are never changed.
        truncation: Which pieces of a text that is too long are kept: its "head", its "tail", or "both".
        special_tokens: The five special tokens, in the order `[PAD]`, `[CLS]`, `[SEP]`, `[UNK]`, `[MASK]`, in the
            spelling of the vocabulary. More can follow; they too are never split.

    Raises:
        ValueError: If a setting cannot be used; the message says why.

    Examples:
        >>> from nano_bert.tokenizer.wordpiece import WordPieceTokenizer
        >>> pieces = ["the", "film", "##s", "is", "un", "##watch", "##able", "!"]
        >>> tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces])
        >>> tokenizer.tokenize("The films: unwatchable!")
        ['the', 'film', '##s', '[UNK]', 'un', '##watch', '##able', '!']
        >>> tokenizer.encode("The films: unwatchable!")
        [2, 5, 6, 7, 1, 9, 10, 11, 12, 3]
        >>> tokenizer.decode([2, 5, 6, 7, 1, 9, 10, 11, 12, 3])
        'the films [UNK] unwatchable!'
    """

    def __init__(
        self,
        vocab: Iterable[str],
        max_seq_len: int | None = None,
        lower_case: bool = True,
        truncation: Truncation = "head",
        special_tokens: Sequence[str] = SPECIAL_TOKENS,
    ) -> None:
        if isinstance(vocab, str):
            raise TypeError(f"vocab is a list of pieces, such as {vocab.split()[:3]}, but it is one string.")
        check_settings(special_tokens, max_seq_len, lower_case, truncation)
        pieces = list(vocab)
        if not all(isinstance(piece, str) for piece in pieces):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"The pieces of a vocabulary are texts, but these are {pieces!r:.80}.")
        known = set(pieces)
        missing = [token for token in special_tokens if token not in known]
        if missing:
            raise ValueError(
                f"The vocabulary of {len(pieces)} pieces lacks the special tokens {' '.join(missing)}: put them in, or "
                f"say in special_tokens how it spells them."
            )
        if len(known) < len(pieces) or "" in known:
            first_places = dict(zip(reversed(pieces), range(len(pieces) - 1, -1, -1), strict=True))
            index = next(i for i, piece in enumerate(pieces) if piece == "" or first_places[piece] < i)
            fault = f"{pieces[index]!r}, for the second time" if pieces[index] else "empty"
            raise ValueError(
                f"Each piece of a vocabulary stands there once and has a letter, but piece {index} (line {index + 1}) "
                f"is {fault}."
            )
        super().__init__(pieces, special_tokens, max_seq_len, lower_case, truncation)
        longest_first = sorted(special_tokens, key=len, reverse=True)
        self._special = re.compile(f"({'|'.join(map(re.escape, longest_first))})")
        self._longest_piece = max(map(len, pieces))

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        vocab_size: int = 8000,
        min_freq: int = 2,
        **settings: Any,
    ) -> "WordPieceTokenizer":
        """Learn the pieces from texts: the training texts alone, or the results are not honest.

        Args:
            texts: The texts to learn from.
            vocab_size: Most pieces to learn, special tokens included.
            min_freq: How often two pieces must stand side by side to become one.
            **settings: Settings of the tokenizer itself, by name, such as `max_seq_len=128`.

        Examples:
            >>> from nano_bert.tokenizer.wordpiece import WordPieceTokenizer
            >>> texts = ["walk walked walking", "talk talked talking"]
            >>> WordPieceTokenizer.from_texts(texts, vocab_size=25).tokenize("walks talked")
            ['[UNK]', 'talk', '##ed']
        """
        special_tokens = settings.get("special_tokens", SPECIAL_TOKENS)
        empty = cls(special_tokens, **settings)  # so that a setting that cannot be used is refused before any work
        vocab = learn_vocabulary(texts, vocab_size, min_freq, empty.lower_case, special_tokens=special_tokens)
        return cls(vocab, **settings)

    def tokenize(self, text: Text) -> list[str]:
        """Return the pieces of a text.

        Args:
            text: A string, or a list of words; each of them is cut into its pieces.

        Examples:
            >>> from nano_bert.tokenizer.base import SPECIAL_TOKENS
            >>> from nano_bert.tokenizer.wordpiece import WordPieceTokenizer
            >>> WordPieceTokenizer([*SPECIAL_TOKENS, "a", "##ha", "!"]).tokenize("Aha! [MASK]")
            ['a', '##ha', '!', '[MASK]']
        """
        return [piece for _, pieces in self.words(text) for piece in pieces]

    def words(self, text: Text) -> Iterator[tuple[str, list[str]]]:
        """Yield the clean words of a text, each with its pieces."""
        for part, _, is_special in self._parts(text):
            if is_special:
                yield part, [part]
            else:
                for word in split_words(part, self.lower_case):
                    yield word, self.split_word(word)

    def split_word(self, word: str) -> list[str]:
        """Cut one clean word into pieces, each as long as the vocabulary allows, from left to right.

        Args:
            word: A word as `split_words` returns it.

        Returns:
            Its pieces; or only `[UNK]`, where some part of it has no piece.

        Examples:
            >>> from nano_bert.tokenizer.base import SPECIAL_TOKENS
            >>> from nano_bert.tokenizer.wordpiece import WordPieceTokenizer
            >>> tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "un", "una", "##able", "##ble", "##watch"])
            >>> tokenizer.split_word("unable")  # greedy: not un + ##able
            ['una', '##ble']
            >>> tokenizer.split_word("unwatched")
            ['[UNK]']
        """
        unknown = [self.id_to_token[self.unk_id]]
        if len(word) > MAX_WORD_LENGTH:
            return unknown
        pieces: list[str] = []
        start = 0
        while start < len(word):
            prefix = CONTINUES if start else ""
            for end in range(min(len(word), start + self._longest_piece), start, -1):
                if prefix + word[start:end] in self.vocab:
                    pieces.append(prefix + word[start:end])
                    start = end
                    break
            else:
                return unknown
        return pieces

    def offsets(self, text: Text) -> list[tuple[int, int]]:
        """Return for each id of `encode(text)` which characters of the text it stands for: the first, and one past.

        `[CLS]` and `[SEP]`, which stand for none, have (0, 0). In a list of words, each word counts from 0.

        Examples:
            >>> from nano_bert.tokenizer.base import SPECIAL_TOKENS
            >>> from nano_bert.tokenizer.wordpiece import WordPieceTokenizer
            >>> tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "amelie", "!", "film", "##s"])
            >>> text = "Amélie! 2 FILMS"
            >>> [text[start:end] for start, end in tokenizer.offsets(text)]
            ['', 'Amélie', '!', '2', 'FILM', 'S', '']
        """
        spans: list[tuple[int, int]] = []
        for part, offset, is_special in self._parts(text):
            if is_special:
                spans.append((offset, offset + len(part)))
                continue
            for word, origins in locate_words(part, self.lower_case):
                pieces = self.split_word(word)
                end = 0
                for piece in pieces:
                    start = end
                    # A piece alone is the whole word, also when it is [UNK]; the others follow each other.
                    end = len(word) if len(pieces) == 1 else start + len(piece) - (len(CONTINUES) if start else 0)
                    spans.append((offset + origins[start], offset + origins[end - 1] + 1))
        return [(0, 0), *self.cut(spans), (0, 0)]

    def _parts(self, text: Text) -> Iterator[tuple[str, int, bool]]:
        """Cut a text at the special tokens that are written in it: each part, where it starts, is it one of them."""
        for word in words_of(text, self.special_tokens.__contains__):
            start = 0
            for index, part in enumerate(self._special.split(word)):
                yield part, start, index % 2 == 1
                start += len(part)

    def decode(self, ids: Iterable[int] | Int[Tensor, "seq"]) -> str:
        """Return the text of a list of ids: pieces joined, no space before `.`, `,`, `?` and `!`.

        `[PAD]`, `[CLS]` and `[SEP]` are left out. What was lost stays lost: case, accents, and where a space was.

        Raises:
            ValueError: If an id is not in the vocabulary.
        """
        left_out = (self.pad_id, self.cls_id, self.sep_id)
        pieces = [self.id_to_token[index] for index in self.checked(ids) if index not in left_out]
        return re.sub(r" (?=[.,?!])", "", " ".join(pieces).replace(f" {CONTINUES}", ""))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `vocab.txt`, a piece a line in the order of the ids, and `tokenizer_config.json`.

        `transformers.BertTokenizerFast` opens the folder, too.

        Raises:
            ValueError: If no line can hold a piece.
        """
        from nano_bert.pretrained.hub import local_folder
        from nano_bert.pretrained.tokenizer_files import write_files

        write_files(local_folder(folder), self)

    @classmethod
    def from_pretrained(cls, folder: str | Path, max_seq_len: int | None = None) -> "WordPieceTokenizer":
        """Open a folder that `save_pretrained` wrote, or the folder of a published BERT.

        Args:
            folder: A folder, or the name of a model on the Hugging Face hub, with `vocab.txt` or, as new versions of
                transformers write it, `tokenizer.json`; and with `tokenizer_config.json`, where a setting is not the
                usual one.
            max_seq_len: Longest list of ids to return. None takes what `save_pretrained` wrote; with the folder of a
                published model it cuts nothing.

        Raises:
            FileNotFoundError: If there is no vocabulary.
            ValueError: If a file cannot be read, or asks for something that this tokenizer does not do.
        """
        from nano_bert.pretrained.hub import find_files
        from nano_bert.pretrained.tokenizer_files import read_files

        folder = find_files(folder)
        vocab, settings = read_files(folder)
        try:
            return cls(
                vocab,
                # Not model_max_length: Hugging Face's tokenizers have it, too, but cut nothing unless asked.
                settings.get("max_seq_len") if max_seq_len is None else max_seq_len,
                settings["do_lower_case"],
                settings.get("truncation", "head"),
                settings["special_tokens"],
            )
        except (ValueError, TypeError) as error:
            raise ValueError(f"{folder} does not hold a tokenizer that can be used. {shown(error, 700)}") from error
