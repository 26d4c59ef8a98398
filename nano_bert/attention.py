"""Attention: each word looks at the others and takes a little of each. One head is one object.

Source: Vaswani et al. (2017), "Attention Is All You Need", section 3.2 (https://arxiv.org/abs/1706.03762):

    Attention(Q, K, V) = softmax(Q Kᵀ / √d_head) V

Real libraries compute all heads in one matrix product. Here every head is an object that one can pick up,
look at, or take away: less efficient, and far easier to understand. The numbers are the same.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from nano_bert.config import BertConfig, check_config
from nano_bert.embeddings import check_shape, check_tensor, has_values


class BertAttentionHead(nn.Module):
    """One attention head: a question, a label and a content for each token, and a weighted mean.

    Args:
        config: `n_embed` features come in; `head_size = n_embed / n_heads` go out.

    Examples:
        >>> import torch
        >>> from nano_bert import BertConfig
        >>> from nano_bert.attention import BertAttentionHead
        >>> head = BertAttentionHead(BertConfig(vocab_size=10, n_embed=4, n_heads=2)).eval()
        >>> x = torch.randn(6, 4)  # six words of four features
        >>> mixed, weights = head(x, torch.ones(6, dtype=torch.bool))
        >>> mixed.shape, weights.shape
        (torch.Size([6, 2]), torch.Size([6, 6]))
        >>> weights.sum(dim=-1).detach().round(decimals=4)  # each word shares out exactly 1
        tensor([1., 1., 1., 1., 1., 1.])
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        check_config(config)
        self.query = nn.Linear(config.n_embed, config.head_size)
        self.key = nn.Linear(config.n_embed, config.head_size)
        self.value = nn.Linear(config.n_embed, config.head_size)
        self.dropout = nn.Dropout(config.attention_dropout_rate)

    def forward(
        self,
        x: Float[Tensor, "*batch seq embed"],
        attention_mask: Bool[Tensor, "*batch seq"],
    ) -> tuple[Float[Tensor, "*batch seq head_size"], Float[Tensor, "*batch query=seq key=seq"]]:
        """Mix the tokens of each text.

        Args:
            x: One vector a token.
            attention_mask: True where a token may be looked at, False where it is padding.

        Returns:
            The mixed vectors, and the weights that mixed them: row *i* says how much token *i* takes from
            each token. A row sums to 1, or to 0 where the mask leaves nothing to look at.
        """
        attention_mask = check_mask(attention_mask, x.shape[:-1])
        query, key, value = self.query(x), self.key(x), self.value(x)
        # The query is divided, not the scores: the same numbers, and far fewer of them to divide.
        scores = (query / math.sqrt(query.shape[-1])) @ key.transpose(-2, -1)  # (*batch, query, key)
        hidden = ~attention_mask.unsqueeze(-2)  # (*batch, 1, key): the same keys are hidden from every query
        # The lowest finite number rather than minus infinity: where all is hidden, there is then no NaN, but a mean,
        # and that is set to zero. (The final _ fills the scores in place: the old ones are not needed again.)
        weights = scores.masked_fill_(hidden, torch.finfo(scores.dtype).min).softmax(dim=-1)
        # To fill is a pass over all weights, so look first whether it is needed. (While compiling one cannot choose.)
        if not has_values(attention_mask) or not attention_mask.any(dim=-1).all():
            weights = weights.masked_fill(hidden, 0.0)
        return self.dropout(weights) @ value, weights


class BertSelfAttention(nn.Module):
    """A list of heads that look at the same tokens, and a linear layer that puts their answers together.

    Args:
        config: `n_heads` heads of `n_embed / n_heads` features each, so that together they are as wide as x.

    Examples:
        >>> import torch
        >>> from nano_bert import BertConfig
        >>> from nano_bert.attention import BertSelfAttention
        >>> attention = BertSelfAttention(BertConfig(vocab_size=10, n_embed=4, n_heads=2))
        >>> len(attention.heads)
        2
        >>> x = torch.randn(3, 6, 4)  # a batch of three texts
        >>> mixed, weights = attention(x, torch.ones(3, 6, dtype=torch.bool))
        >>> mixed.shape, weights.shape
        (torch.Size([3, 6, 4]), torch.Size([3, 2, 6, 6]))
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        check_config(config)
        # Typed as the list that it acts as, so that an editor knows what heads[0] is: torch's ModuleList does not say.
        self.heads: list[BertAttentionHead] = nn.ModuleList(BertAttentionHead(config) for _ in range(config.n_heads))  # pyright: ignore
        self.output = nn.Linear(config.n_embed, config.n_embed)

    def forward(
        self,
        x: Float[Tensor, "*batch seq embed"],
        attention_mask: Bool[Tensor, "*batch seq"],
    ) -> tuple[Float[Tensor, "*batch seq embed"], Float[Tensor, "*batch head query=seq key=seq"]]:
        """Let every head mix the tokens, and join what they found.

        Args:
            x: One vector a token.
            attention_mask: True where a token may be looked at, False where it is padding.

        Returns:
            The joined vectors, as wide as `x`, and the weights of every head.
        """
        answers = [head(x, attention_mask) for head in self.heads]
        mixed = torch.cat([mixed for mixed, _ in answers], dim=-1)  # heads side by side: (*batch, seq, embed)
        weights = torch.stack([weights for _, weights in answers], dim=-3)  # (*batch, head, query, key)
        return self.output(mixed), weights


def check_mask(attention_mask: Tensor, shape: Sequence[int], of: str = "") -> Tensor:
    """Return the mask as True and False; refuse one of another shape or with other values than 0 and 1."""
    check_tensor("attention_mask", attention_mask)
    check_shape("attention_mask", attention_mask, "says of each token whether it may be looked at", shape, of)
    if attention_mask.dtype == torch.bool:
        return attention_mask
    mask = attention_mask.bool()
    if has_values(mask) and not torch.equal(mask.to(attention_mask.dtype), attention_mask):
        raise ValueError(
            "attention_mask holds 1 for a token and 0 for padding, but this one holds other numbers. (A mask that is "
            "added to the scores, 0 and a large negative number, is made one of these by mask == 0.)"
        )
    return mask
