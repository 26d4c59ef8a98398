"""Task heads: what stands on top of the encoder, turns its vectors into an answer, and says what a wrong one costs.

(An *attention* head is in `nano_bert.attention`.)

Source: Devlin et al. (2019), sections 3.1 and 4, and the code published with it
(https://github.com/google-research/bert/blob/master/run_pretraining.py).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from nano_bert.attention import check_mask
from nano_bert.config import BertConfig, check_config
from nano_bert.embeddings import check_shape, check_whole, has_values

IGNORED = -100  # the label of a token that is not to be guessed: it counts in no loss


class BertPooler(nn.Module):
    """Sum up a text in one vector: that of its first token, `[CLS]`, through a linear layer and tanh."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        check_config(config)
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
        >>> from nano_bert.task_heads import masked_mean
        >>> x = torch.tensor([[1.0, 10.0], [3.0, 30.0], [99.0, 99.0]])
        >>> masked_mean(x, torch.tensor([True, True, False]))
        tensor([ 2., 20.])
    """
    mask = check_mask(mask, x.shape[:-1])
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
        >>> from nano_bert.task_heads import MaskedWordHead
        >>> head = MaskedWordHead(BertConfig(vocab_size=10, n_embed=4))
        >>> words = torch.randn(10, 4)  # a vector for each word
        >>> head(torch.randn(6, 4), words).shape  # a score for each of ten words, at each of six places
        torch.Size([6, 10])
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        check_config(config)
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


def masked_word_loss(logits: Float[Tensor, "*places vocab"], labels: Int[Tensor, "*places"]) -> Float[Tensor, ""]:
    """Return the mean cross-entropy over the tokens that are to be guessed; 0 if there are none.

    Examples:
        >>> import torch
        >>> from nano_bert.task_heads import IGNORED, masked_word_loss
        >>> logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0]])  # two places, four words
        >>> masked_word_loss(logits, torch.tensor([2, IGNORED]))  # one word of four, not known: log 4
        tensor(1.3863)
    """
    labels = _checked("labels", labels, "gives each token the id of the word that it hides", logits)
    return _mean_cross_entropy(logits, labels, f"an id of the vocabulary (0 to {logits.shape[-1] - 1})")


def next_sentence_loss(logits: Float[Tensor, "*batch 2"], is_random: Int[Tensor, "*batch"]) -> Float[Tensor, ""]:
    """Return the mean cross-entropy over the pairs; one with the label `IGNORED` does not count.

    Examples:
        >>> import torch
        >>> from nano_bert.task_heads import next_sentence_loss
        >>> next_sentence_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))  # a coin, not looked at: log 2
        tensor(0.6931)
    """
    is_random = _checked("next_sentence_label", is_random, "says of each pair whether it is random", logits)
    return _mean_cross_entropy(logits, is_random, "0 (it follows) or 1 (it is random)")


def classification_loss(
    logits: Float[Tensor, "*batch n_classes"], labels: Int[Tensor, "*batch"], names: Sequence[str]
) -> Float[Tensor, ""]:
    """Return the mean cross-entropy over the texts; `names` are those of the classes."""
    known = ", ".join(f"{index} ({name})" for index, name in enumerate(names))
    labels = _checked("labels", labels, "gives each text its class", logits)
    wrong = (labels < 0) | (labels >= len(names))
    if has_values(labels) and wrong.any():
        raise ValueError(f"{int(labels[wrong][0])} is not the id of a class. The classes of this model are: {known}.")
    return cross_entropy(logits.reshape(-1, len(names)), labels.reshape(-1))


def _mean_cross_entropy(logits: Tensor, labels: Tensor, known: str) -> Tensor:
    wrong = (labels != IGNORED) & ((labels < 0) | (labels >= logits.shape[-1]))
    if has_values(labels) and wrong.any():
        raise ValueError(f"A label is {known}, or {IGNORED} for none, but one is {int(labels[wrong][0])}.")
    scores, labels = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)
    total = cross_entropy(scores, labels, ignore_index=IGNORED, reduction="sum")
    return total / (labels != IGNORED).sum().clamp(min=1)


def _checked(name: str, labels: Tensor, purpose: str, logits: Tensor) -> Tensor:
    """Return the labels as the loss needs them; refuse other numbers, and another shape than the answers have."""
    check_whole(name, labels)
    check_shape(name, labels, purpose, logits.shape[:-1])
    return labels.long()
