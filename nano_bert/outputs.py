"""What the models answer: one small record for each, with the names that the field uses."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass
class BertOutput:
    """What NanoBERT says of each token, and of the text as a whole.

    Attributes:
        last_hidden_state: A vector for each token, knowing all the others: (batch, seq, embed).
        pooler_output: A vector for the whole text: (batch, embed). None where the model has no pooler.
        hidden_states: The tokens' vectors after the embeddings and after each layer.
        attentions: One tensor of attention weights a layer: (batch, head, query, key). None where nobody asked.
    """

    last_hidden_state: Float[Tensor, "*batch read embed"]
    pooler_output: Float[Tensor, "*batch embed"] | None
    hidden_states: tuple[Float[Tensor, "*batch _ embed"], ...]
    attentions: tuple[Float[Tensor, "*batch head _ key"], ...] | None


@dataclass
class ClassifierOutput:
    """What a classifier says of a text.

    Attributes:
        logits: A score for each class; `logits.softmax(dim=-1)` makes them probabilities: (batch, n_classes).
        loss: Mean cross-entropy against the labels, where labels were given.
        attentions: One tensor of attention weights a layer: (batch, head, query, key). None where nobody asked.
    """

    logits: Float[Tensor, "*batch n_classes"]
    loss: Float[Tensor, ""] | None
    attentions: tuple[Float[Tensor, "*batch head _ key"], ...] | None


@dataclass
class PreTrainingOutput:
    """What a model in pretraining guesses.

    Attributes:
        prediction_logits: For each token, a score for each entry of the vocabulary: (batch, seq, vocab).
        seq_relationship_logits: Two scores a text: that its second part follows the first, and that it was drawn at
            random: (batch, 2). None where the model has no such head.
        loss: The sum of the two losses, as far as their labels were given.
        attentions: One tensor of attention weights a layer: (batch, head, query, key). None where nobody asked.
    """

    prediction_logits: Float[Tensor, "*batch seq vocab"]
    seq_relationship_logits: Float[Tensor, "*batch 2"] | None
    loss: Float[Tensor, ""] | None
    attentions: tuple[Float[Tensor, "*batch head query key"], ...] | None
