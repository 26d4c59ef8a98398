"""The whole model: embeddings, encoder and pooler, and on top a classifier or the heads of pretraining.

Source: Devlin et al. (2019), sections 3 and 4 (https://arxiv.org/abs/1810.04805). The parts and their
defaults are those of the published code, so that published weights give the same numbers here.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from nano_bert.attention import check_mask
from nano_bert.bert_module import BertModule, draw
from nano_bert.config import BertConfig, Pooling, class_names
from nano_bert.embeddings import BertEmbeddings
from nano_bert.encoder import BertEncoder
from nano_bert.outputs import BertOutput, ClassifierOutput, PreTrainingOutput
from nano_bert.task_heads import (
    BertPooler,
    MaskedWordHead,
    classification_loss,
    masked_mean,
    masked_word_loss,
    next_sentence_loss,
)


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
        self.pooler = BertPooler(self.config) if self.config.pooler else None
        self._draw_weights()

    def _draw_weights(self) -> None:
        """Start at random: embeddings from a normal distribution, no bias, no vector for padding."""
        draw(self)
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
        hidden_states, attentions = self.encoder(x, self.mask_for(input_ids, attention_mask))
        pooler_output = None if self.pooler is None else self.pooler(hidden_states[-1])
        return BertOutput(hidden_states[-1], pooler_output, hidden_states, attention_weights=attentions)

    def mask_for(
        self, input_ids: Int[Tensor, "*batch seq"], attention_mask: Shaped[Tensor, "*batch seq"] | None
    ) -> Bool[Tensor, "*batch seq"]:
        """Return the mask as True and False; where none is given, every token is visible but `[PAD]`."""
        if attention_mask is None:
            return input_ids != self.config.pad_id
        return check_mask(attention_mask, input_ids.shape, "of input_ids, ")


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
        if self.config.pooling == "cls" and not self.config.pooler:
            raise ValueError('pooling="cls" reads the pooler, but this model has none: choose pooling="mean".')
        self.bert = NanoBERT(self.config)
        self.dropout = nn.Dropout(self.config.dropout)
        self.classifier = draw(nn.Linear(self.config.n_embed, len(self.config.labels)))

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        labels: Sequence[str] | None = None,
        pooling: Pooling | None = None,
        dropout: float | None = None,
        attention_dropout: float | None = None,
    ) -> "NanoBertForClassification":
        """Return a trained classifier; or, with `labels`, a trained model under a new classifier, to be fine-tuned.

        Args:
            folder: As in `NanoBERT.from_pretrained`.
            labels: Names of the classes of a new classifier, whose weights are drawn at random. By default the
                classifier of the folder is taken.
            pooling: With `labels`: what the new classifier reads, "cls" or "mean".
            dropout: With `labels`: the share of features dropped in training. By default as the folder says.
            attention_dropout: With `labels`: the share of attention weights dropped. By default as the folder says or,
                where that has one rate for both, the same as `dropout`.

        Raises:
            FileNotFoundError: If there is no such model.
            ValueError: If it is broken, or another kind of model, or has no classifier and none is asked for.
        """
        from nano_bert.pretrained.checkpoint import load_checkpoint

        choices = {"pooling": pooling, "dropout": dropout, "attention_dropout": attention_dropout}
        chosen: dict[str, Any] = {name: value for name, value in choices.items() if value is not None}
        checkpoint = load_checkpoint(folder)
        if labels is not None:
            config = replace(checkpoint.config, labels=class_names(labels), **chosen)
            new: dict[str, nn.Module] = {"classifier": draw(nn.Linear(config.n_embed, len(config.labels)))}
            if config.pooling == "cls" and not config.pooler:
                config, new["pooler"] = replace(config, pooler=True), draw(BertPooler(config))
            return checkpoint.with_new(config, new).build(cls)
        for name in chosen:
            raise ValueError(f"{name} is a choice for a new classifier: give the names of its classes, too, as labels.")
        checkpoint.check_is_classifier()
        return checkpoint.build(cls)

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
        out: BertOutput = self.bert(input_ids, attention_mask, token_type_ids)
        if self.config.pooling == "mean":
            pooled = masked_mean(out.last_hidden_state, self.bert.mask_for(input_ids, attention_mask))
        else:
            pooled = out.pooler_output
        logits = self.classifier(self.dropout(pooled))
        loss = None if labels is None else classification_loss(logits, labels, self.config.labels)
        return ClassifierOutput(loss, logits, attention_weights=out.attention_weights)


class NanoBertForPreTraining(BertModule):
    """NanoBERT with the two heads from which it learns a language: hidden words, and next sentences.

    Args:
        config: The settings. With `pooler=False` there is no head for next sentences: the model guesses words only.
        **settings: The settings of `BertConfig`, by name, instead of `config`.

    Examples:
        >>> import torch
        >>> from nano_bert import NanoBertForPreTraining
        >>> model = NanoBertForPreTraining(vocab_size=10, n_embed=4)
        >>> input_ids = torch.tensor([[1, 7, 4, 2]])  # [CLS], a word, [MASK], [SEP]
        >>> out = model(input_ids, labels=torch.tensor([[-100, -100, 8, -100]]))
        >>> out.prediction_logits.shape, out.seq_relationship_logits.shape
        (torch.Size([1, 4, 10]), torch.Size([1, 2]))
        >>> out.loss.shape  # one number
        torch.Size([])
    """

    def __init__(self, config: BertConfig | None = None, **settings: Any) -> None:
        super().__init__(config, **settings)
        self.bert = NanoBERT(self.config)
        self.masked_word_head = draw(MaskedWordHead(self.config))
        self.next_sentence_head = draw(nn.Linear(self.config.n_embed, 2)) if self.config.pooler else None

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "NanoBertForPreTraining":
        """Return a trained model with its heads; without the one for next sentences where the folder has none.

        Args:
            folder: As in `NanoBERT.from_pretrained`.

        Raises:
            FileNotFoundError: If there is no such model.
            ValueError: If it is broken, or another kind of model, or has no head that guesses words.
        """
        from nano_bert.pretrained.checkpoint import load_checkpoint

        checkpoint = load_checkpoint(folder)
        if "masked_word_head.bias" not in checkpoint.weights:
            raise ValueError(f"The model in {checkpoint.folder} guesses no words: it has no head for hidden words.")
        config = replace(checkpoint.config, pooler="next_sentence_head.weight" in checkpoint.weights)
        return replace(checkpoint, config=config).build(cls)

    def guess_words(self, x: Float[Tensor, "*places embed"]) -> Float[Tensor, "*places vocab"]:
        """Return a score for each word of the vocabulary, from the last hidden states of some tokens or all."""
        return self.masked_word_head(x, self.bert.embedding.words.weight)

    def forward(
        self,
        input_ids: Int[Tensor, "*batch seq"],
        attention_mask: Shaped[Tensor, "*batch seq"] | None = None,
        token_type_ids: Int[Tensor, "*batch seq"] | None = None,
        labels: Int[Tensor, "*batch seq"] | None = None,
        next_sentence_label: Int[Tensor, "*batch"] | None = None,
    ) -> PreTrainingOutput:
        """Guess every word, and whether the second sentence follows the first.

        Args:
            input_ids: Ids of the tokens, some of them hidden.
            attention_mask: 1 (or True) for a token, 0 for padding.
            token_type_ids: Segment of each token, 0 or 1.
            labels: The true id of each token that is to be guessed, and -100 for all others.
            next_sentence_label: 0 where the second sentence follows the first, 1 where it was drawn at random.

        Raises:
            TypeError: If the ids are not whole numbers.
            ValueError: If the ids, the mask or the labels do not fit; the message says how.
        """
        out: BertOutput = self.bert(input_ids, attention_mask, token_type_ids)
        words = self.guess_words(out.last_hidden_state)
        follows = None if self.next_sentence_head is None else self.next_sentence_head(out.pooler_output)
        losses: list[Tensor] = []
        if labels is not None:
            losses.append(masked_word_loss(words, labels))
        if next_sentence_label is not None:
            if follows is None:
                raise ValueError("This model has no head for next sentences, so it takes no next_sentence_label.")
            losses.append(next_sentence_loss(follows, next_sentence_label))
        loss = torch.stack(losses).sum() if losses else None
        return PreTrainingOutput(loss, words, follows, attention_weights=out.attention_weights)
