"""The oracles: torch's and transformers' own BERT parts, carrying the weights of ours.

Sizes, weights, masks and texts are drawn from a seed, so that a test runs on many models and not on one.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jaxtyping
import torch
import transformers
from torch import Tensor, nn

from nano_bert import BertConfig
from nano_bert.attention import BertSelfAttention
from nano_bert.encoder import BertLayer
from nano_bert.pretrained.weight_names import COPIES, config_to_json, to_hugging_face

SEEDS = range(6)
PRECISIONS = {torch.float32: 1e-5, torch.float64: 1e-10}  # how near to the oracle we must come

Read = Callable[[nn.Parameter], Tensor | None]  # the weight itself, or its gradient


@contextmanager
def as_readers_run_it() -> Iterator[None]:
    """Switch the shape checks off: a reader runs the package without them and meets its own errors."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)


def random_config(seed: int, **fixed: Any) -> BertConfig:
    draw = random.Random(seed)
    n_heads = draw.randint(1, 4)
    settings = {
        "vocab_size": draw.randint(10, 40),
        "n_layers": draw.randint(1, 3),
        "n_heads": n_heads,
        "n_embed": n_heads * draw.randint(3, 6),
        "n_feed_forward": draw.choice([None, 5, 11]),
        "max_seq_len": draw.randint(9, 12),
        "n_token_types": draw.randint(1, 3),
        "labels": draw.choice([("no", "yes"), ("no", "perhaps", "yes")]),
        "dropout": draw.choice([0.0, 0.3]),
        "layer_norm_eps": draw.choice([1e-12, 1e-3]),
        "attention_dropout": draw.choice([None, 0.1, 0.2]),
    }
    return BertConfig(**{**settings, **fixed})


def random_weights(model: nn.Module, seed: int) -> Any:
    """Redraw all weights, also those that start as 0 or 1: an oracle sees no mix-up among equals."""
    torch.manual_seed(seed)
    for weight in model.parameters():
        nn.init.normal_(weight, mean=0.1, std=0.5)
    return model


def random_mask(n_texts: int, n_tokens: int, seed: int) -> Tensor:
    """Hide about a third of the tokens, wherever they stand, but never the first."""
    torch.manual_seed(seed)
    mask = torch.rand(n_texts, n_tokens) > 0.35
    mask[:, 0] = True
    return mask


def random_batch(config: BertConfig, seed: int) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    shape = (3, config.max_seq_len - seed % 3)
    return {
        "input_ids": torch.randint(config.vocab_size, shape),
        "attention_mask": random_mask(*shape, seed).long(),
        "token_type_ids": torch.randint(config.n_token_types, shape),
    }


def random_labels(config: BertConfig, batch: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Hide about a third of the words to be guessed, at least one, and say which pairs belong together."""
    torch.manual_seed(seed)
    words = torch.randint(config.vocab_size, batch["input_ids"].shape)
    asked = torch.rand(words.shape) < 0.35
    asked[0, 0] = True
    return {
        "labels": words.masked_fill(~asked, -100),
        "next_sentence_label": torch.randint(2, (len(words),)),
    }


def weight_of(parameter: nn.Parameter) -> Tensor:
    return parameter.detach().clone()


def gradient_of(parameter: nn.Parameter) -> Tensor | None:
    return parameter.grad


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


def assert_same(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], tolerance: float) -> None:
    """Compare tensors by name; where numbers are large (sums of gradients), the tolerance is a share of the largest."""
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        scale = max(1.0, theirs[name].abs().max().item())
        assert tensor.shape == theirs[name].shape, name
        difference = (tensor - theirs[name]).abs().max().item() / scale
        assert difference < tolerance, f"{name} differs by {difference:.1e}"


# torch packs the queries, keys and values of all heads into one matrix.


def packed_attention(attention: BertSelfAttention, read: Read) -> dict[str, Tensor]:
    """Return the weights (or gradients) of our heads, packed and named as torch does."""
    parts = [getattr(head, part) for part in ("query", "key", "value") for head in attention.heads]
    return {
        "in_proj_weight": torch.cat([read(part.weight) for part in parts]),
        "in_proj_bias": torch.cat([read(part.bias) for part in parts]),
        "out_proj.weight": read(attention.output.weight),
        "out_proj.bias": read(attention.output.bias),
    }


def packed_layer(layer: BertLayer, read: Read) -> dict[str, Tensor]:
    """Return the weights (or gradients) of our layer, named as torch does."""
    packed = {f"self_attn.{name}": weight for name, weight in packed_attention(layer.attention, read).items()}
    names = {
        "linear1": layer.feed_forward.expand,
        "linear2": layer.feed_forward.contract,
        "norm1": layer.attention_norm,
        "norm2": layer.feed_forward_norm,
    }
    for name, module in names.items():
        packed |= {f"{name}.weight": read(module.weight), f"{name}.bias": read(module.bias)}
    return packed


def torch_attention(attention: BertSelfAttention, config: BertConfig) -> nn.MultiheadAttention:
    dtype = attention.output.weight.dtype
    oracle = nn.MultiheadAttention(config.n_embed, config.n_heads, batch_first=True, dtype=dtype).eval()
    oracle.load_state_dict(packed_attention(attention, weight_of))
    return oracle


def torch_layer(layer: BertLayer, config: BertConfig) -> nn.TransformerEncoderLayer:
    oracle = nn.TransformerEncoderLayer(
        config.n_embed,
        config.n_heads,
        config.feed_forward_size,
        activation="gelu",
        layer_norm_eps=config.layer_norm_eps,
        norm_first=config.norm_first,
        batch_first=True,
        dtype=layer.attention.output.weight.dtype,
    ).eval()
    oracle.load_state_dict(packed_layer(layer, weight_of))
    return oracle


def hugging_face(model: nn.Module, kind: type = transformers.BertModel) -> Any:
    """Return the model of transformers with our settings and weights, its attentions and hidden states shown."""
    weights = to_hugging_face(model.state_dict())
    settings = transformers.BertConfig(**config_to_json(model.config, weights))
    settings._attn_implementation = "eager"  # the only one that gives its attention weights out
    settings.output_attentions = settings.output_hidden_states = True
    oracle = kind(settings).to(next(iter(weights.values())).dtype).eval()
    missing, left_over = oracle.load_state_dict(weights, strict=False)
    assert set(missing) <= {copy for copy, _ in COPIES}
    assert not left_over
    oracle.tie_weights()
    return oracle
