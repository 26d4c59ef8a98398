"""Who takes part in the benchmark.

The contenders are one classifier with one set of weights, computed in different ways: ours with an object for each
head and fused, BERT of transformers with its own attention ("eager") and with PyTorch's (SDPA), and a stack of
PyTorch's own layers. All read [CLS] through a pooler. Fused, ours computes but one row of its last layer, where the
others compute them all; so it takes part once more, as "fused_all_rows", without that advantage.
"""

import copy
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
import transformers
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nano_bert import BertConfig, NanoBertForClassification
from nano_bert.outputs import ClassifierOutput
from nano_bert.pretrained.weight_names import config_to_json, to_hugging_face
from tests.benchmarks.stopwatch import Work
from tests.oracles import torch_layer

Batch = dict[str, Tensor]

THREADS = 2  # where nothing else is said
TOKENS, SHORTEST = 128, 20  # every batch is this wide; where lengths are "realistic", a text has 20 tokens or more


class Size(NamedTuple):
    """A model, its batch, and how often it is measured."""

    n_layers: int
    n_heads: int
    vocab_size: int
    batch: int
    rounds: int


SIZES = {
    3: Size(n_layers=1, n_heads=1, vocab_size=20_000, batch=32, rounds=60),  # the first nano-BERT
    128: Size(n_layers=2, n_heads=2, vocab_size=20_000, batch=32, rounds=30),  # BERT-tiny
    384: Size(n_layers=6, n_heads=12, vocab_size=30_522, batch=8, rounds=10),  # MiniLM
    768: Size(n_layers=12, n_heads=12, vocab_size=30_522, batch=4, rounds=5),  # BERT-base
}


class TorchEncoder(nn.Module):
    """Our embeddings, pooler and classifier around PyTorch's own encoder."""

    def __init__(self, model: NanoBertForClassification) -> None:
        super().__init__()
        layers = [torch_layer(layer, model.config) for layer in model.bert.encoder.layers]
        for layer in layers:
            layer.self_attn.dropout = layer.dropout1.p = layer.dropout2.p = model.config.dropout
            layer.dropout.p = 0.0  # between the two products of the feed-forward network, where BERT has none
        with warnings.catch_warnings():  # with an odd number of heads it says that it has no fast path
            warnings.simplefilter("ignore", UserWarning)
            self.encoder = nn.TransformerEncoder(layers[0], num_layers=0)
        self.encoder.layers, self.encoder.num_layers = nn.ModuleList(layers), len(layers)
        parts = copy.deepcopy(model)
        self.embedding, self.pooler = parts.bert.embedding, parts.bert.pooler
        self.dropout, self.classifier = parts.dropout, parts.classifier

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None) -> ClassifierOutput:
        x = self.encoder(self.embedding(input_ids), src_key_padding_mask=attention_mask == 0)
        return classified(self, self.pooler(x), labels)


def classified(model: Any, pooled: Tensor, labels: Tensor | None) -> ClassifierOutput:
    logits = model.classifier(model.dropout(pooled))
    loss = None if labels is None else cross_entropy(logits, labels)
    return ClassifierOutput(loss=loss, logits=logits, attention_weights=None)


def in_transformers(model: NanoBertForClassification, attention: str) -> Any:
    weights = to_hugging_face(model.state_dict())
    settings = transformers.BertConfig(**config_to_json(model.config, weights))
    settings._attn_implementation = attention
    theirs = transformers.BertForSequenceClassification(settings)
    missing, left_over = theirs.load_state_dict(weights, strict=False)
    assert not missing, missing
    assert not left_over, left_over
    return theirs


class Contender:
    """A model that learns from a batch, or reads it."""

    def __init__(self, module: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> None:
        self.module, self.optimizer = module, optimizer or adamw(module)

    def learn(self, batch: Batch) -> None:
        self.module(**batch).loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    @torch.no_grad()
    def read(self, batch: Batch) -> Tensor:
        ids, mask = batch["input_ids"], batch["attention_mask"]
        return self.module(input_ids=ids, attention_mask=mask).logits


def adamw(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)


def make_model(size_of: int, **settings: Any) -> NanoBertForClassification:
    """Draw a classifier of one of the sizes, with other settings where some are given."""
    size = SIZES[size_of]
    shape = {"n_embed": size_of, "n_layers": size.n_layers, "n_heads": size.n_heads, "max_seq_len": TOKENS}
    torch.manual_seed(0)
    return NanoBertForClassification(BertConfig(**{**shape, "vocab_size": size.vocab_size, "dropout": 0.1, **settings}))


def make_contenders(n_embed: int) -> dict[str, Contender]:
    """Return all contenders of a size."""
    heads = make_model(n_embed)
    fused_all_rows = copy.deepcopy(heads)
    fused_all_rows.bert.fuse()  # what is fused by itself does not know which rows are read on top of it
    models = {
        "heads": heads,
        "fused": copy.deepcopy(heads).fuse(),
        "fused_all_rows": fused_all_rows,
        "transformers_eager": in_transformers(heads, "eager"),
        "transformers_sdpa": in_transformers(heads, "sdpa"),
        "torch_encoder": TorchEncoder(heads),
    }
    return {name: Contender(model) for name, model in models.items()}


def make_batch(n_embed: int, lengths: str) -> Batch:
    """Draw a batch; its texts are "full", or "realistic": 20 to 128 tokens and the rest padding, the same for all."""
    size = SIZES[n_embed]
    generator = torch.Generator().manual_seed(0)
    n_tokens = torch.full((size.batch,), TOKENS)
    if lengths == "realistic":
        n_tokens[1:] = torch.randint(SHORTEST, TOKENS, (size.batch - 1,), generator=generator)
    mask = (torch.arange(TOKENS) < n_tokens[:, None]).long()
    return {
        "input_ids": torch.randint(5, size.vocab_size, mask.shape, generator=generator) * mask,
        "attention_mask": mask,
        "labels": torch.randint(2, (size.batch,), generator=generator),
    }


def steps(contenders: Mapping[str, Contender], mode: str, batch: Batch) -> dict[str, Work]:
    """Return the work of a mode, "training" or "inference", after telling the models which it is."""
    for contender in contenders.values():
        contender.module.train(mode == "training")
    return {
        name: partial(contender.learn if mode == "training" else contender.read, batch)
        for name, contender in contenders.items()
    }
