"""Heads: what stands on top of the encoder, and turns its vectors into an answer.

Source: Devlin et al. (2019), sections 3.1 and 4, and the code published with it
(https://github.com/google-research/bert/blob/master/run_pretraining.py).
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import linear

from nano_bert.config import BertConfig


class BertPooler(nn.Module):
    """Sum up a text in one vector: that of its first token, `[CLS]`, through a linear layer and tanh."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.n_embed, config.n_embed)

    def forward(self, x: Float[Tensor, "*batch seq embed"]) -> Float[Tensor, "*batch embed"]:
        """Return one vector a text."""
        return self.dense(x[..., 0, :]).tanh()


def masked_mean(
    x: Float[Tensor, "*batch seq embed"], mask: Bool[Tensor, "*batch seq"]
) -> Float[Tensor, "*batch embed"]:
    """Return the mean of each text's vectors, padding left out; zeros for a text that is all padding.

    Examples:
        >>> import torch
        >>> from nano_bert.heads import masked_mean
        >>> x = torch.tensor([[1.0, 10.0], [3.0, 30.0], [99.0, 99.0]])
        >>> masked_mean(x, torch.tensor([True, True, False]))
        tensor([ 2., 20.])
    """
    weights = mask.unsqueeze(-1).to(x.dtype)  # (*batch, seq, 1)
    return (x * weights).sum(dim=-2) / weights.sum(dim=-2).clamp(min=1)


class MaskedWordHead(nn.Module):
    """Guess a word from its vector: compare the vector, once more transformed, with that of each word.

    The table of word vectors is the model's own, the one that it reads with: a word that it writes and a word that it
    reads are the same (Press and Wolf, 2017, https://arxiv.org/abs/1608.05859, "tied" weights). So the head adds few
    parameters: one layer, and a bias for each word, which learns how frequent it is.

    Args:
        config: Sizes of the model.

    Examples:
        >>> import torch
        >>> from nano_bert import BertConfig
        >>> from nano_bert.heads import MaskedWordHead
        >>> head = MaskedWordHead(BertConfig(vocab_size=10, n_embed=4))
        >>> words = torch.randn(10, 4)  # a vector for each word
        >>> head(torch.randn(6, 4), words).shape  # a score for each of ten words, at each of six places
        torch.Size([6, 10])
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.n_embed, config.n_embed)
        self.activation = nn.GELU()
        self.norm = nn.LayerNorm(config.n_embed, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(
        self, x: Float[Tensor, "*places embed"], words: Float[Tensor, "vocab embed"]
    ) -> Float[Tensor, "*places vocab"]:
        """Return a score for each word of the vocabulary.

        Args:
            x: The vectors to guess words from.
            words: The table of word vectors, `embedding.words.weight`.
        """
        return linear(self.norm(self.activation(self.dense(x))), words, self.bias)
