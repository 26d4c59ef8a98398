"""A BERT for pencil and paper: one layer, two heads, four features, and weights chosen by hand.

It reads the sentence of the book, "the film was good not bad". Each feature has a meaning, and most weights are 0, so
that every number on the way can be redone by hand. It was never trained. It is right about "the film was good not bad"
and its twin "the film was bad not good", and wrong about sentences that it was not made for, such as "not not good".
"""

from typing import Any

import torch
from torch import nn

from nano_bert.model import NanoBertForClassification
from nano_bert.tokenizer.words import WordTokenizer

SENTENCE = "the film was good not bad"
FEATURES = ("praise", "blame", "denial", "place")


def pencil_bert() -> tuple[NanoBertForClassification, WordTokenizer]:
    """Return the classifier for pencil and paper, and its tokenizer.

    Examples:
        >>> import torch
        >>> from nano_bert.pencil import pencil_bert
        >>> model, tokenizer = pencil_bert()
        >>> batch = tokenizer.encode_batch(["the film was good not bad", "the film was bad not good"])
        >>> probabilities = model(**batch).logits.softmax(dim=-1).detach()
        >>> [model.config.labels[best] for best in probabilities.argmax(dim=-1).tolist()]
        ['praise', 'blame']
    """
    tokenizer = WordTokenizer(vocab=SENTENCE.split(), max_seq_len=8)
    model = NanoBertForClassification(
        vocab_size=len(tokenizer), n_heads=2, n_embed=4, max_seq_len=8, labels=("blame", "praise"), pooling="mean"
    )
    for module in model.modules():  # what is not chosen below is 0, and a LayerNorm scales by 1
        if isinstance(module, nn.Linear | nn.Embedding):
            for weight in module.parameters():
                nn.init.zeros_(weight)

    with torch.no_grad():
        # Each word: praise, blame, denial, place. A word that is none of these denies nothing: its denial is -1.
        words = model.bert.embedding.words.weight
        words[1:] = torch.tensor([0.0, 0.0, -1.0, 0.0])
        words[tokenizer.vocab["good"]] = torch.tensor([1.0, 0.0, 0.0, 0.0])
        words[tokenizer.vocab["bad"]] = torch.tensor([0.0, 1.0, 0.0, 0.0])
        words[tokenizer.vocab["not"]] = torch.tensor([0.0, 0.0, 1.0, 0.0])
        # Each place is a step of 0.2, from -0.8 to 0.6: early places are negative.
        model.bert.embedding.positions.weight[:, 3] = (torch.arange(8) - 4) / 5

        layer: Any = model.bert.encoder.layers[0]
        denial, mood = layer.attention.heads
        # The first head asks: who denies? Query: I deny nothing myself, so I ask. Key: I deny. Value: how much I deny,
        # and where I stand. The second number of query and key settles a draw: of two that fit, the earlier is taken.
        _set(denial.query, [[0, 0, -1, 0], [0, 0, 0, 0]], bias=[2, 1])
        _set(denial.key, [[0, 0, 1, 0], [0, 0, 0, -1]])
        _set(denial.value, [[0, 0, 1, 0], [0, 0, 0, 1]])
        # The second head asks: who praises? Query: I deny nothing. Key: I praise. Value: half of praise less blame.
        _set(mood.query, [[0, 0, -1, 0], [0, 0, 0, 0]], bias=[0, 1])
        _set(mood.key, [[1, -1, 0, 0], [0, 0, 0, -1]])
        _set(mood.value, [[0.5, -0.5, 0, 0], [0, 0, 0, 0]])
        # A little of the mood goes to praise and blame, the denial to denial. The place of "not" is taken off a word's
        # own: what is left says how far behind it the word stands.
        _set(layer.attention.output, [[0, 0, 0.1, 0], [0, 0, -0.1, 0], [1, 0, 0, 0], [0, -1, 0, 0]])

        # The feed-forward network uses 2 of its 16 neurons: praise that is denied by a word before it becomes blame,
        # and the other way round.
        layer.feed_forward.expand.weight[:2] = torch.tensor([[5.0, -5.0, 5.0, 6.0], [-5.0, 5.0, 5.0, 6.0]])
        layer.feed_forward.expand.bias[:2] = -11.0
        layer.feed_forward.contract.weight[:2, :2] = torch.tensor([[-3.0, 3.0], [3.0, -3.0]])

        # The pooler hands [CLS] on through tanh. The classifier reads the mean of all words: praise against blame.
        pooler: Any = model.bert.pooler
        pooler.dense.weight.copy_(torch.eye(4))
        _set(model.classifier, [[-2, 2, 0, 0], [2, -2, 0, 0]])
    return model.eval(), tokenizer


def _set(layer: nn.Linear, weight: list[list[int | float]], bias: list[int] | None = None) -> None:
    """Choose the weights of a linear layer, one row for each feature that comes out."""
    layer.weight.copy_(torch.tensor(weight))
    if bias is not None:
        layer.bias.copy_(torch.tensor(bias))
