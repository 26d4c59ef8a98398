"""The package under the names of the reader's file: what every part is compared with.

Most parts have the same name and are called in the same way. The few that the book gives another form stand here.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from nano_bert.attention import BertAttentionHead, BertSelfAttention
from nano_bert.config import BertConfig
from nano_bert.embeddings import BertEmbeddings
from nano_bert.encoder import BertEncoder, BertLayer, FeedForward
from nano_bert.model import NanoBERT
from nano_bert.model import NanoBertForPreTraining as WithNamedAnswers
from nano_bert.task_heads import (
    IGNORED,
    BertPooler,
    MaskedWordHead,
    masked_mean,
    masked_word_loss,
    next_sentence_loss,
)
from nano_bert.tokenizer.wordpiece import WordPieceTokenizer
from nano_bert.tokenizer.words import WordTokenizer
from nano_bert.training import optimizer as package
from nano_bert.training.masking import mask_words


class NanoBertForPreTraining(WithNamedAnswers):
    """The package's model; it answers with the two scores alone, as the reader's does."""

    def forward(self, *inputs: Any, **more: Any) -> Any:
        """Return the scores of the words, and those of the pairs."""
        out = super().forward(*inputs, **more)
        return out.prediction_logits, out.seq_relationship_logits


def train_step(model: Any, optimizer: torch.optim.Optimizer, batch: Mapping[str, Tensor], clip: float = 1.0) -> float:
    """Learn from a batch, with the package's own step."""
    model.train()
    words, _ = model(batch["input_ids"], batch["attention_mask"])
    loss = masked_word_loss(words, batch["labels"])
    return package.train_step(model, optimizer, loss, optimizer.param_groups[0]["lr"], clip)


@torch.no_grad()
def share_guessed(model: Any, batch: Mapping[str, Tensor]) -> float:
    """Return the share of hidden words that are guessed right, as in the package's pretraining."""
    model.eval()
    words, _ = model(batch["input_ids"], batch["attention_mask"])
    asked = batch["labels"] != IGNORED
    return int((words.argmax(dim=-1) == batch["labels"])[asked].sum()) / int(asked.sum())


PACKAGE = SimpleNamespace(
    BertAttentionHead=BertAttentionHead,
    BertConfig=BertConfig,
    BertEmbeddings=BertEmbeddings,
    BertEncoder=BertEncoder,
    BertLayer=BertLayer,
    BertPooler=BertPooler,
    BertSelfAttention=BertSelfAttention,
    FeedForward=FeedForward,
    LayerNorm=nn.LayerNorm,
    MaskedWordHead=MaskedWordHead,
    NanoBERT=NanoBERT,
    NanoBertForPreTraining=NanoBertForPreTraining,
    WordPieceTokenizer=WordPieceTokenizer,
    WordTokenizer=WordTokenizer,
    from_pretrained=NanoBERT.from_pretrained,
    mask_words=mask_words,
    masked_mean=masked_mean,
    masked_word_loss=masked_word_loss,
    next_sentence_loss=next_sentence_loss,
    share_guessed=share_guessed,
    train_step=train_step,
)
