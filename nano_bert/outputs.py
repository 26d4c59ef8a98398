"""What the models answer: one small record for each, with the names that the field uses."""

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

AttentionWeights = tuple[Float[Tensor, "*batch head query key"], ...]


@dataclass
class Output:
    """What all answers hold.

    Attributes:
        attention_weights: What `attentions` returns; None where the heads are fused.
    """

    attention_weights: AttentionWeights | None = field(kw_only=True)

    @property
    def attentions(self) -> AttentionWeights:
        """One tensor of attention weights a layer: (batch, head, query, key).

        Raises:
            AttributeError: If the heads are fused, since fused heads give no weights.
        """
        if self.attention_weights is None:
            raise AttributeError(
                "Fused heads give no attention weights. Ask the model again after model.unfuse(): then each head is an "
                "object of its own, and gives its weights."
            )
        return self.attention_weights


@dataclass
class BertOutput(Output):
    """What NanoBERT says of each token, and of the text as a whole.

    Attributes:
        last_hidden_state: A vector for each token, knowing all the others: (batch, seq, embed).
        pooler_output: A vector for the whole text: (batch, embed). None where the model has no pooler.
        hidden_states: The tokens' vectors after the embeddings and after each layer.
    """

    last_hidden_state: Float[Tensor, "*batch _ embed"]
    pooler_output: Float[Tensor, "*batch embed"] | None
    hidden_states: tuple[Float[Tensor, "*batch _ embed"], ...]


@dataclass
class ClassifierOutput(Output):
    """What a classifier says of a text.

    Attributes:
        logits: A score for each class; `logits.softmax(dim=-1)` makes them probabilities: (batch, n_classes).
        loss: Mean cross-entropy against the labels, where labels were given.
    """

    logits: Float[Tensor, "*batch n_classes"]
    loss: Float[Tensor, ""] | None


@dataclass
class PreTrainingOutput(Output):
    """What a model in pretraining guesses.

    Attributes:
        prediction_logits: For each token, a score for each entry of the vocabulary: (batch, seq, vocab).
        seq_relationship_logits: Two scores a text: that its second part follows the first, and that it was drawn at
            random: (batch, 2). None where the model has no such head.
        loss: The sum of the two losses, as far as their labels were given.
    """

    prediction_logits: Float[Tensor, "*batch seq vocab"]
    seq_relationship_logits: Float[Tensor, "*batch 2"] | None
    loss: Float[Tensor, ""] | None
