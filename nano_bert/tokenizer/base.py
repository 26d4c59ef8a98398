"""Encoding: what every tokenizer does with its tokens once it has them.

A tokenizer cuts a text into tokens; how, is its own affair (`WordTokenizer`, `WordPieceTokenizer`). The rest is the
same for all and stands here: each token gets its id, `[CLS]` opens the text and `[SEP]` closes it, what is too long is
cut, and the texts of a batch are filled up to one length (Devlin et al., 2019, section 3).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from numbers import Integral
from typing import Any, Literal, TypeVar, cast

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

Text = str | Sequence[str]
Truncation = Literal["head", "tail", "both"]

Item = TypeVar("Item")

SPECIAL_TOKENS = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]")


class Tokenizer(ABC):
    """A vocabulary, and the way from the tokens of a text to the inputs of a model.

    Args:
        tokens: The vocabulary in the order of the ids, special tokens among them.
        special_tokens: The five special tokens; they and all that follow are explained in `WordTokenizer`.
        max_seq_len: Longest list of ids to return.
        lower_case: Whether "Film" and "film" are the same word.
        truncation: Which tokens of a text that is too long are kept.

    Raises:
        ValueError: If a setting cannot be used; the message says why.
    """

    def __init__(
        self,
        tokens: Iterable[str],
        special_tokens: Sequence[str],
        max_seq_len: int | None,
        lower_case: bool,
        truncation: Truncation,
    ) -> None:
        check_settings(special_tokens, max_seq_len, lower_case, truncation)
        self.max_seq_len = max_seq_len
        self.lower_case = lower_case
        self.truncation: Truncation = truncation
        self.special_tokens = tuple(special_tokens)
        self.id_to_token = list(tokens)
        self.vocab = {token: index for index, token in enumerate(self.id_to_token)}
        self.special_ids = [self.vocab[token] for token in special_tokens]
        self.pad_id, self.cls_id, self.sep_id, self.unk_id, self.mask_id = self.special_ids[:5]

    @abstractmethod
    def tokenize(self, text: Text) -> list[str]:
        """Return the tokens of a text."""

    @abstractmethod
    def decode(self, ids: Iterable[int] | Int[Tensor, "seq"]) -> str:
        """Return the text of a list of ids."""

    def checked(self, ids: Iterable[int] | Int[Tensor, "seq"]) -> list[int]:
        """Return the ids of one text as a list, or say why they are none."""
        given: Any = ids.tolist() if isinstance(ids, (Tensor, np.ndarray)) else ids
        numbers: list[Any] = list(cast(Iterable[Any], given)) if isinstance(given, Iterable) else [None]
        if not all(map(is_whole, numbers)):
            raise TypeError(f"The ids of a text are a list of whole numbers, but these are {given!r:.80}.")
        for index in numbers:
            self.check_id(index)
        return numbers

    def __len__(self) -> int:
        return len(self.vocab)

    def __call__(self, text: Text) -> Int[Tensor, "seq"]:
        """Return the ids of one text, filled up with `[PAD]` to `max_seq_len`, where there is one."""
        ids = self.encode(text)
        return torch.tensor(ids + [self.pad_id] * ((self.max_seq_len or 0) - len(ids)))

    def words(self, text: Text) -> Iterator[tuple[str, list[str]]]:
        """Yield the words of a text, each with its tokens."""
        return ((token, [token]) for token in self.tokenize(text))

    def token_ids(self, text: Text) -> list[int]:
        """Return the ids of all tokens of a text, with no special token added and nothing cut."""
        return self.ids_of(self.tokenize(text))

    def ids_of(self, tokens: Iterable[str]) -> list[int]:
        """Return the ids of some tokens."""
        return [self.vocab.get(token, self.unk_id) for token in tokens]

    def add_special_tokens(self, ids: Sequence[int]) -> list[int]:
        """Cut the ids of a text to what fits, and put `[CLS]` before and `[SEP]` behind them."""
        return [self.cls_id, *self.cut(ids), self.sep_id]

    def cut(self, items: Sequence[Item]) -> Sequence[Item]:
        """Keep what fits of something that each token of a text has, such as its id: `[CLS]` and `[SEP]` need room."""
        return self._cut(items, len(items) if self.max_seq_len is None else self.max_seq_len - 2)

    def join(self, ids: Sequence[int], pair: Sequence[int]) -> tuple[list[int], list[int]]:
        """Put two texts into one row, and say which is which.

        Args:
            ids: The ids of the first text.
            pair: The ids of the second. Where both together are too long, the longer one is cut first.

        Returns:
            The ids, `[CLS] first [SEP] second [SEP]`, and the segment of each: 0 up to the first `[SEP]`, then 1.
        """
        room = len(ids) + len(pair) if self.max_seq_len is None else self.max_seq_len - 3
        n_shorter = min(len(ids), len(pair), room // 2)
        n_first = n_shorter if len(ids) <= len(pair) else room - n_shorter
        first, second = self._cut(ids, n_first), self._cut(pair, room - min(n_first, len(ids)))
        segments = [0] * (len(first) + 2) + [1] * (len(second) + 1)
        return [self.cls_id, *first, self.sep_id, *second, self.sep_id], segments

    def _cut(self, ids: Sequence[Item], room: int) -> Sequence[Item]:
        """Keep what fits of the ids: their head, their tail, or some of both."""
        if len(ids) <= room:
            return ids
        n_head = {"head": room, "tail": 0, "both": room // 3}[self.truncation]
        return [*ids[:n_head], *ids[len(ids) - (room - n_head) :]]

    def encode(self, text: Text, pair: Text | None = None) -> list[int]:
        """Return the ids of a text, or of a pair, with `[CLS]` and `[SEP]`; cut to `max_seq_len`, not filled up."""
        if pair is None:
            return self.add_special_tokens(self.token_ids(text))
        return self.join(self.token_ids(text), self.token_ids(pair))[0]

    def encode_batch(
        self, texts: Sequence[Text], pairs: Sequence[Text] | None = None
    ) -> dict[str, Int[Tensor, "batch seq"]]:
        """Return the inputs of a model for several texts, or pairs of texts, filled up to the longest of them.

        Returns:
            `input_ids` and `attention_mask`; for pairs also `token_type_ids`, the segment of each token.
        """
        texts = check_texts("texts", texts)
        if pairs is None:
            return self.pad([self.encode(text) for text in texts])
        pairs = check_texts("pairs", pairs)
        if len(texts) != len(pairs):
            raise ValueError(f"Each text needs its pair, but there are {len(texts)} texts and {len(pairs)} pairs.")
        rows = [self.join(self.token_ids(text), self.token_ids(pair)) for text, pair in zip(texts, pairs, strict=True)]
        return self.pad([ids for ids, _ in rows], [segments for _, segments in rows])

    def pad(
        self, rows: Sequence[Sequence[int]], segments: Sequence[Sequence[int]] | None = None
    ) -> dict[str, Int[Tensor, "batch seq"]]:
        """Fill rows of ids up to the longest with `[PAD]`; the mask is 1 for a token and 0 for the filling.

        Raises:
            ValueError: If there are no rows: an empty batch has no shape.
        """
        if len(rows) == 0:
            raise ValueError("An empty batch has no ids: give at least one text.")
        columns = {"input_ids": (rows, self.pad_id)}
        if segments is not None:
            columns["token_type_ids"] = (segments, 0)
        lengths = torch.tensor([len(row) for row in rows])
        longest = int(lengths.max())
        # By way of NumPy, which reads lists several times faster. The dtype is said, or no number makes floats.
        batch = {
            name: torch.from_numpy(
                np.array([[*row, *[filling] * (longest - len(row))] for row in lists], dtype=np.int64)
            )
            for name, (lists, filling) in columns.items()
        }
        return batch | {"attention_mask": (torch.arange(longest) < lengths.unsqueeze(-1)).long()}

    def check_id(self, index: int) -> None:
        """Refuse an id that no token has."""
        if not 0 <= index < len(self):
            raise ValueError(f"{index} is not an id of this vocabulary: ids go from 0 to {len(self) - 1}.")


def check_settings(
    special_tokens: Sequence[str], max_seq_len: int | None, lower_case: bool, truncation: Truncation
) -> None:
    """Refuse what no tokenizer can be made with.

    Raises:
        ValueError: If a setting has a value that cannot be.
        TypeError: If it is something of another kind.
    """
    given: Any = special_tokens
    if isinstance(given, str) or not isinstance(given, Sequence) or not all(isinstance(one, str) for one in given):  # pyright: ignore
        raise TypeError(f"special_tokens are a list of texts, but they are {given!r:.80}.")
    if len(special_tokens) < 5 or len(set(special_tokens)) != len(special_tokens) or "" in special_tokens:
        raise ValueError(
            f"special_tokens are at least five different texts, in the order {' '.join(SPECIAL_TOKENS)}, "
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


def is_whole(number: object) -> bool:
    """Return whether something is a whole number, and none that stands for true or false."""
    return isinstance(number, Integral) and number is not True and number is not False


def check_texts(name: str, texts: Iterable[Text]) -> list[Text]:
    """Return several texts as a list. Refuse a single one: a string would be read letter by letter."""
    given: Any = texts
    if isinstance(given, str):
        raise TypeError(f"{name} is a list of texts, but it is one string: put it in a list, [text].")
    if isinstance(given, (bytes, Mapping, Set)) or not isinstance(given, Iterable):  # a set has no order
        raise TypeError(f"{name} is a list of texts, but it is {given!r:.80}.")
    return list(texts)


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
    given: Any = text
    if not isinstance(given, Sequence) or not all(isinstance(word, str) for word in cast(Sequence[object], given)):
        raise TypeError(f"A text is a string or a list of words, but this one is {given!r:.80}.")
    for word in text:
        if word and word.split() != [word] and not is_known(word):
            raise ValueError(
                f"A list holds the words of one text, but {word!r:.80} holds a blank, so it is a text of its own. "
                f"For several texts: tokenizer.encode_batch(texts)."
            )
    return text
