"""The whole model: embeddings, encoder and pooler, and a classifier on top.

Source: Devlin et al. (2019), sections 3 and 4 (https://arxiv.org/abs/1810.04805). The parts and their
defaults are those of the published code, so that published weights give the same numbers here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nano_bert.config import BertConfig, make_config
from nano_bert.embeddings import BertEmbeddings
from nano_bert.encoder import BertEncoder
from nano_bert.pretrained import fit_weights, load_checkpoint, save_checkpoint


@dataclass
class BertOutput:
    """What NanoBERT says of each token, and of the text as a whole.

    Attributes:
        last_hidden_state: A vector for each token, knowing all the others: (batch, seq, embed).
        pooler_output: A vector for the whole text: (batch, embed).
        hidden_states: The tokens' vectors after the embeddings and after each layer.
        attentions: One tensor of attention weights a layer: (batch, head, query, key).
    """

    last_hidden_state: Float[Tensor, "*batch seq embed"]
    pooler_output: Float[Tensor, "*batch embed"]
    hidden_states: tuple[Float[Tensor, "*batch seq embed"], ...]
    attentions: tuple[Float[Tensor, "*batch head query=seq key=seq"], ...]


@dataclass
class ClassifierOutput:
    """What a classifier says of a text.

    Attributes:
        logits: A score for each class; `logits.softmax(dim=-1)` makes them probabilities: (batch, n_classes).
        loss: Mean cross-entropy against the labels, where labels were given.
        attentions: One tensor of attention weights a layer: (batch, head, query, key).
    """

    logits: Float[Tensor, "*batch n_classes"]
    loss: Float[Tensor, ""] | None
    attentions: tuple[Float[Tensor, "*batch head query=seq key=seq"], ...]


class BertPooler(nn.Module):
    """Sum up a text in one vector: that of its first token, `[CLS]`, through a linear layer and tanh."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.n_embed, config.n_embed)

    def forward(self, x: Float[Tensor, "*batch seq embed"]) -> Float[Tensor, "*batch embed"]:
        """Return one vector a text."""
        return self.dense(x[..., 0, :]).tanh()


Model = TypeVar("Model", bound="BertModule")


class BertModule(nn.Module):
    """What every model shares: a configuration, and a folder to be kept in."""

    config: BertConfig

    def __init__(self, config: BertConfig | None = None, **settings: Any) -> None:
        super().__init__()
        self.config = make_config(config, settings)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into a folder, in the layout of Hugging Face."""
        save_checkpoint(folder, self.config, self.state_dict())

    @classmethod
    def from_pretrained(cls: type[Model], folder: str | Path) -> Model:
        """Return the model that `save_pretrained` wrote, ready to use: dropout is off.

        Raises:
            FileNotFoundError: If the folder is not a checkpoint.
            ValueError: If the checkpoint is broken, or is that of another model.
        """
        config, weights = load_checkpoint(folder)
        model = cls(config)
        model.load_state_dict(fit_weights(weights, model.state_dict(), folder))
        return model.eval()


class NanoBERT(BertModule):
    """BERT: token ids go in, one vector a token comes out, each made in the light of all the others.

    Args:
        config: The settings. Instead, they can be given one by one: `NanoBERT(vocab_size=100, n_layers=2)`.
        **settings: The settings of `BertConfig`, by name.

    Examples:
        >>> import torch
        >>> from nano_bert import NanoBERT
        >>> model = NanoBERT(vocab_size=10, n_layers=2, n_heads=1, n_embed=3, max_seq_len=16).eval()
        >>> out = model(torch.tensor([[1, 7, 8, 2], [1, 9, 2, 0]]))  # a batch of two; 0 is padding
        >>> out.last_hidden_state.shape, out.pooler_output.shape
        (torch.Size([2, 4, 3]), torch.Size([2, 3]))
        >>> [weights.shape for weights in out.attentions]
        [torch.Size([2, 1, 4, 4]), torch.Size([2, 1, 4, 4])]
    """

    def __init__(self, config: BertConfig | None = None, **settings: Any) -> None:
        super().__init__(config, **settings)
        self.embedding = BertEmbeddings(self.config)
        self.encoder = BertEncoder(self.config)
        self.pooler = BertPooler(self.config)
        self._draw_weights()

    def _draw_weights(self) -> None:
        """Start at random: embeddings from a normal distribution, no bias, no vector for padding.

        Matrices start orthogonal (Saxe et al., 2014, https://arxiv.org/abs/1312.6120): they turn vectors and do not
        flatten them, as a random matrix of three rows easily does. (BERT draws them all from a normal distribution;
        with 768 rows that makes less of a difference.)
        """
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.orthogonal_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.embedding.words.weight, std=self.config.initializer_range)
        nn.init.zeros_(self.embedding.words.weight[self.config.pad_id])
        nn.init.normal_(self.embedding.positions.weight, std=self.config.initializer_range)
        nn.init.normal_(self.embedding.segments.weight, std=self.config.segment_range)

    def forward(
        self,
        input_ids: Int[Tensor, "*batch seq"],
        attention_mask: Shaped[Tensor, "*batch seq"] | None = None,
        token_type_ids: Int[Tensor, "*batch seq"] | None = None,
    ) -> BertOutput:
        """Read texts.

        Args:
            input_ids: Ids of the tokens, of one text (seq) or of a batch (batch, seq).
            attention_mask: 1 (or True) for a token, 0 for padding, in the shape of `input_ids`. By default,
                tokens with the id of `[PAD]` are padding.
            token_type_ids: Segment of each token, 0 or 1. By default all are 0.

        Raises:
            TypeError: If the ids are not whole numbers.
            ValueError: If the ids or the mask do not fit; the message says how.
        """
        x = self.embedding(input_ids, token_type_ids)
        if attention_mask is None:
            attention_mask = input_ids != self.config.pad_id
        mask = check_mask(attention_mask, input_ids)
        hidden_states, attentions = self.encoder(x, mask)
        return BertOutput(hidden_states[-1], self.pooler(hidden_states[-1]), hidden_states, attentions)


class NanoBertForClassification(BertModule):
    """NanoBERT with a linear layer on top that scores each class.

    Args:
        config: The settings; `labels` names the classes and `pooling` says what the classifier reads:
            "cls", the pooled first token, or "mean", the mean of the tokens that are not masked.
        **settings: The settings of `BertConfig`, by name, instead of `config`.

    Examples:
        >>> import torch
        >>> from nano_bert import NanoBertForClassification
        >>> model = NanoBertForClassification(vocab_size=10, labels=("bad", "fair", "good"), pooling="mean")
        >>> out = model(torch.tensor([[1, 7, 8, 2], [1, 9, 2, 0]]), labels=torch.tensor([2, 0]))
        >>> out.logits.shape
        torch.Size([2, 3])
        >>> out.loss.shape  # one number: the mean over the batch
        torch.Size([])
    """

    def __init__(self, config: BertConfig | None = None, **settings: Any) -> None:
        super().__init__(config, **settings)
        self.bert = NanoBERT(self.config)
        self.dropout = nn.Dropout(self.config.dropout)
        self.classifier = nn.Linear(self.config.n_embed, len(self.config.labels))
        nn.init.orthogonal_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(
        self,
        input_ids: Int[Tensor, "*batch seq"],
        attention_mask: Shaped[Tensor, "*batch seq"] | None = None,
        token_type_ids: Int[Tensor, "*batch seq"] | None = None,
        labels: Int[Tensor, "*batch"] | None = None,
    ) -> ClassifierOutput:
        """Score the classes of each text; `labels`, where given, are the ids of the true classes.

        Raises:
            TypeError: If the ids are not whole numbers.
            ValueError: If the ids, the mask or the labels do not fit; the message says how.
        """
        if attention_mask is None:
            attention_mask = input_ids != self.config.pad_id
        out: BertOutput = self.bert(input_ids, attention_mask, token_type_ids)
        if self.config.pooling == "cls":
            pooled = out.pooler_output
        else:
            pooled = masked_mean(out.last_hidden_state, attention_mask.bool())
        logits = self.classifier(self.dropout(pooled))
        loss = None
        if labels is not None:
            check_labels(labels, self.config.labels)
            loss = cross_entropy(logits, labels)
        return ClassifierOutput(logits, loss, out.attentions)


def masked_mean(
    x: Float[Tensor, "*batch seq embed"], mask: Bool[Tensor, "*batch seq"]
) -> Float[Tensor, "*batch embed"]:
    """Return the mean of each text's vectors, padding left out; zeros for a text that is all padding.

    Examples:
        >>> import torch
        >>> from nano_bert.model import masked_mean
        >>> x = torch.tensor([[1.0, 10.0], [3.0, 30.0], [99.0, 99.0]])
        >>> masked_mean(x, torch.tensor([True, True, False]))
        tensor([ 2., 20.])
    """
    weights = mask.unsqueeze(-1).to(x.dtype)  # (*batch, seq, 1)
    return (x * weights).sum(dim=-2) / weights.sum(dim=-2).clamp(min=1)


def check_mask(attention_mask: Tensor, input_ids: Tensor) -> Tensor:
    """Return the mask as True and False; refuse one of another shape or with other values than 0 and 1."""
    if attention_mask.shape != input_ids.shape:
        raise ValueError(
            f"attention_mask says of each token whether it may be looked at, so it needs the shape of input_ids, "
            f"{tuple(input_ids.shape)}, but it has {tuple(attention_mask.shape)}."
        )
    mask = attention_mask.bool()
    if not torch.equal(mask.to(attention_mask.dtype), attention_mask):
        raise ValueError("attention_mask holds 1 for a token and 0 for padding, but this one holds other numbers.")
    return mask


def check_labels(labels: Tensor, names: Sequence[str]) -> None:
    """Refuse labels that are not the id of a class."""
    wrong = labels[(labels < 0) | (labels >= len(names))]
    if wrong.numel() > 0:
        known = ", ".join(f"{index} ({name})" for index, name in enumerate(names))
        raise ValueError(f"{int(wrong[0])} is not the id of a class. The classes of this model are: {known}.")
