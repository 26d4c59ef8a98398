"""The word tokenizer: a text becomes a list of words, and each word a number.

nano-BERT takes whole words as tokens, where BERT has sub-word pieces (Wu et al., 2016,
https://arxiv.org/abs/1609.08144). The special tokens are BERT's (Devlin et al., 2019,
section 3): `[CLS]` opens a text and stands for all of it, `[SEP]` closes it, `[PAD]` fills up, `[UNK]` stands in for
a word outside the vocabulary, `[MASK]` hides one.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jaxtyping import Int
from torch import Tensor

from nano_bert.tokenizer.base import SPECIAL_TOKENS, Tokenizer, Truncation
from nano_bert.tokenizer.check_given import Text, check_count, check_settings, check_texts, shown, words_of


class WordTokenizer(Tokenizer):
    """Turn texts into ids, word by word, and ids into words again.

    Args:
        vocab: The known words. A special token among them, or a word given twice, is not counted again.
        max_seq_len: Longest list of ids to return, `[CLS]` and `[SEP]` included. Longer texts are cut.
        lower_case: Whether "Film" and "film" are the same word. Special tokens are never changed.
        truncation: Which words of a text that is too long are kept: its "head", its "tail", or "both": a
            third from the head, the rest from the tail (after Sun et al., 2019, section 5.3.1,
            https://arxiv.org/abs/1905.05583: verdicts often stand at the end).
        special_tokens: The five special tokens, in the order `[PAD]`, `[CLS]`, `[SEP]`, `[UNK]`, `[MASK]`, in
            your own spelling if you like. They get the ids 0 to 4. More can follow; they too are never split.

    Raises:
        ValueError: If a setting cannot be used; the message says why.

    Examples:
        >>> from nano_bert import WordTokenizer
        >>> tokenizer = WordTokenizer(vocab=["the", "film", "was", "good", "not", "bad"], max_seq_len=10)
        >>> tokenizer("The film was good, not bad")
        tensor([ 1,  5,  6,  7,  8,  3,  9, 10,  2,  0])
        >>> tokenizer.decode([1, 5, 6, 7, 8, 3, 9, 10, 2, 0])
        'the film was good [UNK] not bad'
        >>> tokenizer.encode_batch(["good", "not bad"])
        {'input_ids': tensor([[ 1,  8,  2,  0],
                [ 1,  9, 10,  2]]), 'attention_mask': tensor([[1, 1, 1, 0],
                [1, 1, 1, 1]])}
    """

    def __init__(
        self,
        vocab: Iterable[str],
        max_seq_len: int = 128,
        lower_case: bool = True,
        truncation: Truncation = "head",
        special_tokens: Sequence[str] = SPECIAL_TOKENS,
    ) -> None:
        if isinstance(vocab, str):
            raise TypeError(f"vocab is a list of words, such as {vocab.split()[:3]}, but it is one string.")
        check_settings(special_tokens, max_seq_len, lower_case, truncation)
        self.lower_case = lower_case
        # A special token as a whole, or a run of letters and digits, or one mark of punctuation.
        longest_first = sorted(special_tokens, key=len, reverse=True)
        self._pattern = re.compile("|".join([*map(re.escape, longest_first), r"\w+", r"[^\w\s]"]))
        self._special = frozenset(special_tokens)
        given = list(vocab)
        if not all(isinstance(word, str) for word in given):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"The words of a vocabulary are texts, but these are {given!r:.80}.")
        words = [*special_tokens, *self._known_as(given)]
        known = dict.fromkeys(words)  # the order is kept, repetitions go
        super().__init__(known, special_tokens, max_seq_len, lower_case, truncation)

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[Text],
        min_freq: int = 1,
        max_vocab_size: int | None = None,
        **settings: Any,
    ) -> "WordTokenizer":
        """Build the vocabulary from texts: the training texts alone, or the results are not honest.

        Args:
            texts: The texts to count words in.
            min_freq: How often a word must occur to be known. A word seen once teaches little.
            max_vocab_size: Most entries to keep, special tokens included; the most frequent words stay.
            **settings: Settings of the tokenizer itself, by name, such as `max_seq_len=64`.

        Examples:
            >>> from nano_bert import WordTokenizer
            >>> texts = ["good film", "bad film", "good, good film"]
            >>> WordTokenizer.from_texts(texts, min_freq=2).id_to_token[5:]
            ['film', 'good']
        """
        texts = check_texts("texts", texts)
        check_count("min_freq", min_freq)
        check_count("max_vocab_size", 10**9 if max_vocab_size is None else max_vocab_size)
        empty = cls([], **settings)
        n_special = len(empty.special_tokens)
        if max_vocab_size is not None and max_vocab_size <= n_special:
            raise ValueError(
                f"max_vocab_size={max_vocab_size} leaves no room for a word beside the {n_special} special tokens."
            )
        counts = Counter(word for text in texts for word in empty.tokenize(text))
        for token in empty.special_tokens:
            counts.pop(token, None)
        # Frequent words first; words of the same frequency by the alphabet, so that the ids never change.
        known = sorted((word for word in counts if counts[word] >= min_freq), key=lambda word: (-counts[word], word))
        if max_vocab_size is not None:
            known = known[: max_vocab_size - n_special]
        return cls(known, **settings)

    def tokenize(self, text: Text) -> list[str]:
        """Return the words of a text: punctuation split off, in lower case where the tokenizer says so.

        Args:
            text: A string, or a list of words that is taken as it is.

        Examples:
            >>> from nano_bert import WordTokenizer
            >>> WordTokenizer([]).tokenize("Don't miss it: [MASK]!")
            ['don', "'", 't', 'miss', 'it', ':', '[MASK]', '!']
        """
        if isinstance(text, str):
            return self._known_as(self._pattern.findall(text))
        return self._known_as(words_of(text, lambda word: self._known_as([word])[0] in self.vocab))

    def _known_as(self, words: Iterable[str]) -> list[str]:
        if not self.lower_case:
            return list(words)
        return [word if word in self._special else word.lower() for word in words]

    def decode(self, ids: Iterable[int] | Int[Tensor, "seq"]) -> str:
        """Return the words of a list of ids, with spaces between; `[PAD]`, `[CLS]` and `[SEP]` are left out.

        Raises:
            ValueError: If an id is not in the vocabulary.
        """
        left_out = (self.pad_id, self.cls_id, self.sep_id)
        return " ".join(self.id_to_token[index] for index in self.checked(ids) if index not in left_out)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `vocab.txt`, a word a line in the order of the ids, and `tokenizer_config.json`."""
        from nano_bert.pretrained.hub import local_folder
        from nano_bert.pretrained.safe_files import write_atomically

        settings = {
            "tokenizer_class": "WordTokenizer",
            "model_max_length": self.max_seq_len,
            "do_lower_case": self.lower_case,
            "truncation": self.truncation,
            "special_tokens": self.special_tokens,
        }
        unwritable = [word for word in self.id_to_token if not is_a_line(word)]
        if unwritable:
            raise ValueError(
                f"vocab.txt holds a word a line, but {unwritable[0]!r:.80} holds a line break or nothing, or ends "
                f"with a blank."
            )
        folder = local_folder(folder)
        write_atomically(folder / "vocab.txt", "".join(f"{word}\n" for word in self.id_to_token))
        write_atomically(folder / "tokenizer_config.json", json.dumps(settings, indent=2) + "\n")

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "WordTokenizer":
        """Return the tokenizer that `save_pretrained` wrote.

        Raises:
            FileNotFoundError: If the folder does not hold one.
            ValueError: If a file in it cannot be read, or `vocab.txt` was changed by another hand.
        """
        from nano_bert.pretrained.hub import local_folder
        from nano_bert.pretrained.safe_files import read_json, read_text

        folder = local_folder(folder)
        for name in ("vocab.txt", "tokenizer_config.json"):
            if not (folder / name).exists():
                raise FileNotFoundError(f"{folder} is not a saved tokenizer: it has no file {name}.")
        try:
            words, settings = read_text(folder / "vocab.txt").splitlines(), read_json(folder / "tokenizer_config.json")
            kind = settings.get("tokenizer_class")
            if kind not in ("WordTokenizer", None):
                raise ValueError(f"It holds a {kind}: open it with WordPieceTokenizer.")
            for name in ("tokenizer_class", "model_max_length", "do_lower_case", "truncation", "special_tokens"):
                if name not in settings:
                    raise ValueError(f"Its tokenizer_config.json does not say {name}.")
            tokenizer = cls(
                words,
                max_seq_len=settings["model_max_length"],
                lower_case=settings["do_lower_case"],
                truncation=settings["truncation"],
                special_tokens=settings["special_tokens"],
            )
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{folder} does not hold a WordTokenizer, or its files are damaged. {shown(error, 700)}"
            ) from error
        if tokenizer.id_to_token != words or not all(map(is_a_line, words)):
            raise ValueError(
                f"{folder}/vocab.txt is not as the tokenizer wrote it: a word a line, each once, the special tokens "
                f"{shown(' '.join(tokenizer.special_tokens))} first. Other ids would come out, so get the file again."
            )
        return tokenizer


def is_a_line(word: str) -> bool:
    """Return whether a word can be written on a line, and read again: it is not empty, and no blank is at its ends."""
    return word.splitlines() == [word] == [word.strip()]
