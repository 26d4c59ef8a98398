"""Embeddings: a word, its place and its segment, each a vector, added up.

Source: Devlin et al. (2019), section 3 and figure 2 (https://arxiv.org/abs/1810.04805). The position
vectors are learned, one for each place, rather than made of sines as in Vaswani et al. (2017).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from nano_bert.config import BertConfig, check_config


class BertEmbeddings(nn.Module):
    """Turn token ids into vectors: word + position + segment, then LayerNorm and dropout.

    Args:
        config: Sizes of the model. `vocab_size`, `max_seq_len` and `n_token_types` are the numbers of rows
            in the three tables; `n_embed` is the number of columns of each.

    Examples:
        >>> import torch
        >>> from nano_bert import BertConfig
        >>> from nano_bert.embeddings import BertEmbeddings
        >>> embedding = BertEmbeddings(BertConfig(vocab_size=10, n_embed=4, max_seq_len=8))
        >>> embedding(torch.tensor([1, 7, 2])).shape  # one sentence: (seq, embed)
        torch.Size([3, 4])
        >>> embedding(torch.tensor([[1, 7, 2], [1, 8, 2]])).shape  # a batch: (batch, seq, embed)
        torch.Size([2, 3, 4])
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        check_config(config)
        self.words = nn.Embedding(config.vocab_size, config.n_embed, padding_idx=config.pad_id)
        self.positions = nn.Embedding(config.max_seq_len, config.n_embed)
        self.segments = nn.Embedding(config.n_token_types, config.n_embed)
        self.norm = nn.LayerNorm(config.n_embed, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        input_ids: Int[Tensor, "*batch seq"],
        token_type_ids: Int[Tensor, "*batch seq"] | None = None,
    ) -> Float[Tensor, "*batch seq embed"]:
        """Return one vector a token.

        Args:
            input_ids: Ids of the tokens, of one sentence or of a batch.
            token_type_ids: Segment of each token, 0 or 1 in BERT. By default all are in segment 0.

        Raises:
            TypeError: If the ids are not whole numbers.
            ValueError: If there are none, more than `max_seq_len` in a row, or one that no table holds.
        """
        check_ids("input_ids", input_ids, self.words)
        n_tokens = input_ids.shape[-1]
        if n_tokens > self.positions.num_embeddings:
            raise ValueError(
                f"The text has {n_tokens} tokens, but this model has positions for max_seq_len="
                f"{self.positions.num_embeddings}. Cut the text with a tokenizer whose max_seq_len is at most that."
            )
        vectors = self.words(input_ids) + self.positions.weight[:n_tokens]  # places 0, 1, 2, … are the first rows
        if token_type_ids is None:
            return self.dropout(self.norm(vectors + self.segments.weight[0]))
        check_ids("token_type_ids", token_type_ids, self.segments)
        check_shape("token_type_ids", token_type_ids, "gives each token its segment", input_ids.shape, "of input_ids, ")
        return self.dropout(self.norm(vectors + self.segments(token_type_ids)))


def check_ids(name: str, ids: Tensor, table: nn.Embedding) -> None:
    """Refuse ids that are not whole numbers, are none at all, or stand for no row of the table."""
    check_whole(name, ids)
    if ids.ndim == 0 or ids.numel() == 0:
        raise ValueError(f"{name} needs at least one text of at least one token, but its shape is {tuple(ids.shape)}.")
    if not has_values(ids):
        return
    lowest, highest = int(ids.min()), int(ids.max())
    if lowest < 0 or highest >= table.num_embeddings:
        wrong = lowest if lowest < 0 else highest
        raise ValueError(
            f"{name} holds {wrong}, but this model knows the ids 0 to {table.num_embeddings - 1}. Do the tokenizer "
            f"and the model have the same vocabulary (vocab_size=len(tokenizer))?"
        )


def check_whole(name: str, numbers: Tensor) -> None:
    """Refuse what is no tensor of whole numbers."""
    check_tensor(name, numbers)
    if numbers.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"{name} are whole numbers (torch.long), but these are {numbers.dtype}. Use {name}.long().")


def check_tensor(name: str, numbers: Tensor) -> None:
    """Refuse what is no tensor: a list, an array, nothing."""
    if not isinstance(numbers, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(
            f"{name} must be a tensor, such as torch.tensor([[1, 7, 2]]), but it is of the type "
            f"{type(numbers).__name__}. Numbers in a list or an array become one by torch.tensor(...)."
        )


def check_shape(name: str, numbers: Tensor, purpose: str, shape: Sequence[int], of: str = "") -> None:
    """Refuse a tensor of another shape than its purpose needs: it would be spread out, or read in another order."""
    if tuple(numbers.shape) != tuple(shape):
        raise ValueError(
            f"{name} {purpose}, so it needs the shape {of}{tuple(shape)}, but it has {tuple(numbers.shape)}."
        )


def has_values(numbers: Tensor) -> bool:
    """Say whether a tensor's numbers can be looked at; while PyTorch only traces or plans, there are none yet."""
    return not (torch.compiler.is_compiling() or numbers.is_meta or isinstance(numbers, FakeTensor))
