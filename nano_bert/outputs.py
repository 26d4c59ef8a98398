"""What the models answer: one small record for each, with the names that the field uses."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from jaxtyping import Float
from torch import Tensor
from torch.utils._pytree import register_dataclass

AttentionWeights = tuple[Float[Tensor, "*batch head query key"], ...]
HiddenStates = tuple[Float[Tensor, "*batch _ embed"], ...]

# What a fused model does not keep: the field that holds it, and the name by which it is asked for.
NOT_KEPT = {"layer_states": "hidden_states", "attention_weights": "attentions"}


@dataclass
class Output:
    """What all answers hold, by name; also, as in transformers, by `out["logits"]`, `out[0]`, and in a loop.

    What is None is left out there, so `out[0]` of a classifier is its loss where labels were given, else its logits.
    PyTorch knows the answers, too: `torch.export` takes a model as it is, and a `tree_map` its answer.

    Attributes:
        attention_weights: What `attentions` returns; None where the heads are fused.

    Examples:
        >>> import torch
        >>> from nano_bert import NanoBertForClassification
        >>> model = NanoBertForClassification(vocab_size=10)
        >>> input_ids = torch.tensor([[1, 7, 8, 2]])
        >>> list(model(input_ids).keys())
        ['logits', 'attentions']
        >>> loss, logits, attentions = model(input_ids, labels=torch.tensor([1]))
        >>> logits.shape
        torch.Size([1, 2])
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

    def _given(self) -> dict[str, Any]:
        """Return what is not None, by name, the attention weights last."""
        first, *others = fields(self)
        given = {one.name: getattr(self, one.name) for one in (*others, first)}
        return {NOT_KEPT.get(name, name): value for name, value in given.items() if value is not None}

    def keys(self) -> list[str]:
        """Return the names of what is not None."""
        return list(self._given())

    def to_tuple(self) -> tuple[Any, ...]:
        """Return what is not None."""
        return tuple(self._given().values())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.to_tuple())

    def __len__(self) -> int:
        return len(self._given())

    def __contains__(self, name: object) -> bool:
        return name in self._given()

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return self.to_tuple()[key]
        if key in self or (key in NOT_KEPT.values() and hasattr(type(self), key)):
            return getattr(self, key)
        raise KeyError(f"There is no {key!r} in this answer; there are: {', '.join(self.keys())}.")


@dataclass
class BertOutput(Output):
    """What NanoBERT says of each token, and of the text as a whole.

    Attributes:
        last_hidden_state: A vector for each token, knowing all the others: (batch, seq, embed).
        pooler_output: A vector for the whole text: (batch, embed). None where the model has no pooler.
        layer_states: What `hidden_states` returns; None where the heads are fused.
    """

    last_hidden_state: Float[Tensor, "*batch _ embed"]
    pooler_output: Float[Tensor, "*batch embed"] | None
    layer_states: HiddenStates | None

    def __post_init__(self) -> None:
        if self.attention_weights is None:  # a fused encoder hands on the last hidden state alone
            self.layer_states = None

    @property
    def hidden_states(self) -> HiddenStates:
        """The tokens' vectors after the embeddings and after each layer: (batch, seq, embed) each.

        Raises:
            AttributeError: If the heads are fused, since a fused model forgets what the next layer has read.
        """
        if self.layer_states is None:
            raise AttributeError(
                "A fused model keeps the last hidden state alone, and forgets those that the next layer has read. Ask "
                "it again after model.unfuse(): then it gives the hidden states of all layers."
            )
        return self.layer_states


@dataclass
class ClassifierOutput(Output):
    """What a classifier says of a text.

    Attributes:
        loss: Mean cross-entropy against the labels, where labels were given.
        logits: A score for each class; `logits.softmax(dim=-1)` makes them probabilities: (batch, n_classes).
    """

    loss: Float[Tensor, ""] | None
    logits: Float[Tensor, "*batch n_classes"]


@dataclass
class PreTrainingOutput(Output):
    """What a model in pretraining guesses.

    Attributes:
        loss: The sum of the two losses, as far as their labels were given.
        prediction_logits: For each token, a score for each entry of the vocabulary: (batch, seq, vocab).
        seq_relationship_logits: Two scores a text: that its second part follows the first, and that it was drawn at
            random: (batch, 2). None where the model has no such head.
    """

    loss: Float[Tensor, ""] | None
    prediction_logits: Float[Tensor, "*batch seq vocab"]
    seq_relationship_logits: Float[Tensor, "*batch 2"] | None


for kind in (BertOutput, ClassifierOutput, PreTrainingOutput):
    register_dataclass(kind, serialized_type_name=f"{kind.__module__}.{kind.__name__}")
