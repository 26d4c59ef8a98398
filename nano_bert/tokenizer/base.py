"""Encoding: what every tokenizer does with its tokens once it has them.

A tokenizer cuts a text into tokens; how, is its own affair (`WordTokenizer`, `WordPieceTokenizer`). The rest is the
same for all and stands here: each token gets its id, `[CLS]` opens the text and `[SEP]` closes it, what is too long is
cut, and the texts of a batch are filled up to one length (Devlin et al., 2019, section 3).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypeVar, cast

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from nano_bert.tokenizer.check_given import Text, check_settings, check_texts, is_whole, shown

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
            TypeError: If an id is no whole number.
            ValueError: If there are no rows, since an empty batch has no shape; or a token has no segment.
        """
        if len(rows) == 0:
            raise ValueError("An empty batch has no ids: give at least one text.")
        if segments is not None and [len(row) for row in segments] != [len(row) for row in rows]:
            raise ValueError("Each token needs its segment, but there are other numbers of them than of ids.")
        columns = {"input_ids": (rows, self.pad_id)}
        if segments is not None:
            columns["token_type_ids"] = (segments, 0)
        lengths = torch.tensor([len(row) for row in rows])
        longest = int(lengths.max())
        batch: dict[str, Tensor] = {}
        for name, (lists, filling) in columns.items():
            # By way of NumPy, which reads lists several times faster; of no number at all it would make floats.
            numbers = np.array([[*row, *[filling] * (longest - len(row))] for row in lists])
            if numbers.size and numbers.dtype.kind not in "iu":
                raise TypeError(f"{name} are whole numbers, but among these is another: {shown(repr(rows))}.")
            batch[name] = torch.from_numpy(numbers.astype(np.int64, copy=False))
        return batch | {"attention_mask": (torch.arange(longest) < lengths.unsqueeze(-1)).long()}

    def check_id(self, index: int) -> None:
        """Refuse an id that no token has."""
        if not 0 <= index < len(self):
            raise ValueError(f"{index} is not an id of this vocabulary: ids go from 0 to {len(self) - 1}.")
