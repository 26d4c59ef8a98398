"""Saving and loading: a model in a folder, in the layout that the Hugging Face libraries read and write.

The folder holds `config.json`, the settings, and `model.safetensors`, the weights: numbers only, so that
opening a stranger's model cannot run a stranger's code, as a pickle can. Names differ between the two
libraries; the tables below say how, and the rest of the module applies them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load as read_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor

from nano_bert.config import BertConfig
from nano_bert.files import write_atomically

Weights = Mapping[str, Float[Tensor, "..."]]

# Our name for a part of the model, and theirs. The order matters on the way back: longer names come first.
PART_NAMES = (
    ("embedding.words.", "embeddings.word_embeddings."),
    ("embedding.positions.", "embeddings.position_embeddings."),
    ("embedding.segments.", "embeddings.token_type_embeddings."),
    ("embedding.norm.", "embeddings.LayerNorm."),
    ("encoder.layers.", "encoder.layer."),
    (".attention.output.", ".attention.output.dense."),
    (".attention_norm.", ".attention.output.LayerNorm."),
    (".feed_forward.expand.", ".intermediate.dense."),
    (".feed_forward.contract.", ".output.dense."),
    (".feed_forward_norm.", ".output.LayerNorm."),
)

# Our name for a setting, and theirs.
SETTING_NAMES = {
    "vocab_size": "vocab_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "n_embed": "hidden_size",
    "n_feed_forward": "intermediate_size",
    "max_seq_len": "max_position_embeddings",
    "n_token_types": "type_vocab_size",
    "dropout": "hidden_dropout_prob",
    "layer_norm_eps": "layer_norm_eps",
    "initializer_range": "initializer_range",
    "pad_id": "pad_token_id",
}


def save_checkpoint(folder: str | Path, config: BertConfig, weights: Weights) -> None:
    """Write a model's settings and weights into a folder that `transformers` can open, too.

    Args:
        folder: Where to write; it is made if it is missing.
        config: The settings.
        weights: The weights under our names: `model.state_dict()`.
    """
    tensors = to_hugging_face(weights)
    write_atomically(Path(folder) / "model.safetensors", to_safetensors(tensors, metadata={"format": "pt"}))
    write_atomically(Path(folder) / "config.json", json.dumps(config_to_json(config, tensors), indent=2) + "\n")


def load_checkpoint(folder: str | Path) -> tuple[BertConfig, dict[str, Tensor]]:
    """Read a folder back: the settings, and the weights under our names.

    Raises:
        FileNotFoundError: If the folder is not a checkpoint.
        ValueError: If a file is broken, or holds a model that this package does not know.
    """
    for name in ("config.json", "model.safetensors"):
        if not (Path(folder) / name).is_file():
            raise FileNotFoundError(f"{folder} is not a saved model: it has no file {name}.")
    try:
        settings = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
        config = config_from_json(settings)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{folder}/config.json is broken, or is not that of a BERT ({type(error).__name__}: {error})."
        ) from error
    try:
        tensors = read_safetensors((Path(folder) / "model.safetensors").read_bytes())
    except SafetensorError as error:
        raise ValueError(f"{folder}/model.safetensors is cut off or damaged ({error}). Get the file again.") from error
    return config, from_hugging_face(tensors, config.n_heads)


def fit_weights(weights: Weights, expected: Weights, folder: str | Path) -> dict[str, Tensor]:
    """Return just the weights that a model expects, or say what does not fit.

    A bare NanoBERT reads what it needs of a classifier's folder; the weights on top are left out.

    Args:
        weights: What was found in the folder.
        expected: The model's own `state_dict()`.
        folder: For the message.

    Raises:
        ValueError: If a weight is missing, left over or of another shape.
    """
    if not any(name.startswith("bert.") for name in expected):
        weights = {name.removeprefix("bert."): weight for name, weight in weights.items()}
        weights = {name: weight for name, weight in weights.items() if not name.startswith("classifier.")}
    missing, left_over = sorted(expected.keys() - weights.keys()), sorted(weights.keys() - expected.keys())
    if missing or left_over:
        raise ValueError(
            f"The weights in {folder} are not those of this model: missing are {missing[:5] or 'none'}, left over are "
            f"{left_over[:5] or 'none'}. Open the folder with the class that wrote it."
        )
    for name, weight in weights.items():
        if weight.shape != expected[name].shape:
            raise ValueError(
                f"The weights in {folder} do not fit its config.json: {name} has the shape {tuple(weight.shape)}, "
                f"but these settings make it {tuple(expected[name].shape)}."
            )
    return dict(weights)


def to_hugging_face(weights: Weights) -> dict[str, Tensor]:
    """Rename our weights to theirs, and stack the heads' queries, keys and values as they do.

    Examples:
        >>> from nano_bert import NanoBERT
        >>> from nano_bert.pretrained import to_hugging_face
        >>> theirs = to_hugging_face(NanoBERT(vocab_size=9, n_heads=2, n_embed=4).state_dict())
        >>> theirs["encoder.layer.0.attention.self.query.weight"].shape  # two heads of (2, 4)
        torch.Size([4, 4])
    """
    tensors: dict[str, Tensor] = {}
    heads: dict[str, list[Tensor]] = {}
    for name, weight in weights.items():
        for ours, theirs in PART_NAMES:
            name = name.replace(ours, theirs)
        if ".attention.heads." in name:  # encoder.layer.0.attention.heads.1.query.weight
            layer, _, part = name.partition(".attention.heads.")
            heads.setdefault(f"{layer}.attention.self.{part.partition('.')[2]}", []).append(weight)
        else:
            tensors[name] = weight.contiguous()
    return tensors | {name: torch.cat(parts) for name, parts in heads.items()}


def from_hugging_face(tensors: Weights, n_heads: int) -> dict[str, Tensor]:
    """Rename their weights to ours, and cut queries, keys and values into `n_heads` heads."""
    weights: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        for ours, theirs in PART_NAMES:
            name = name.replace(theirs, ours)
        if ".attention.self." in name:
            layer, _, part = name.partition(".attention.self.")
            for index, rows in enumerate(tensor.chunk(n_heads)):
                weights[f"{layer}.attention.heads.{index}.{part}"] = rows.clone()
        else:
            weights[name] = tensor
    return weights


def config_to_json(config: BertConfig, tensors: Weights) -> dict[str, Any]:
    """Return the settings under their names, with those that only we have beside them."""
    ours = config.to_dict() | {"n_feed_forward": config.feed_forward_size}
    is_classifier = "classifier.weight" in tensors
    return {
        # Where the numbers would differ from theirs, the name must differ too, so that nobody opens it as BERT.
        "model_type": "nano-bert-norm-first" if config.norm_first else "bert",
        "architectures": ["BertForSequenceClassification" if is_classifier else "BertModel"],
        **{theirs: ours[name] for name, theirs in SETTING_NAMES.items()},
        "attention_probs_dropout_prob": config.dropout,
        "hidden_act": "gelu",
        "id2label": {str(index): label for index, label in enumerate(config.labels)},
        "label2id": {label: index for index, label in enumerate(config.labels)},
        "norm_first": config.norm_first,
        "segment_range": config.segment_range,
        "pooling": config.pooling,
    }


def config_from_json(settings: Mapping[str, Any]) -> BertConfig:
    """Return the settings under our names, or say why this model is not one of ours.

    Raises:
        ValueError: If the model is not a BERT, or computes something that this package does not.
        KeyError: If a setting is missing.
    """
    demands = {
        "model_type": ("bert", "nano-bert-norm-first"),
        "hidden_act": ("gelu",),
        "position_embedding_type": ("absolute",),
    }
    for name, known in demands.items():
        if settings.get(name, known[0]) not in known:
            raise ValueError(f"nano-BERT knows {name} {' and '.join(known)}, but this model has {settings[name]!r}.")
    labels = settings.get("id2label") or {"0": "negative", "1": "positive"}
    return BertConfig(
        **{ours: settings[theirs] for ours, theirs in SETTING_NAMES.items()},
        norm_first=settings.get("norm_first", False),
        segment_range=settings.get("segment_range", BertConfig.segment_range),
        pooling=settings.get("pooling", "cls"),
        labels=tuple(labels[index] for index in sorted(labels, key=int)),
    )
