"""The Hugging Face layout: what they call each part and each setting of a BERT, and what we call it.

Two tables say it, and two pairs of functions apply them, there and back. Only one thing is more than a name: they pack
the queries, keys and values of all heads into one matrix each, and we have an object for every head. The first rows of
their matrix are the first head, and so on; so it is cut, or stacked.
"""

import re
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from nano_bert.config import BertConfig

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
    ("masked_word_head.dense.", "cls.predictions.transform.dense."),
    ("masked_word_head.norm.", "cls.predictions.transform.LayerNorm."),
    ("masked_word_head.bias", "cls.predictions.bias"),
    ("next_sentence_head.", "cls.seq_relationship."),
)

# What older files call the two vectors of a LayerNorm, after the letters in its paper.
OLD_NAMES = (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias"))

# What some files hold twice: the words that are written are those that are read. The copy must be equal, and goes.
COPIES = (
    ("cls.predictions.decoder.weight", "embeddings.word_embeddings.weight"),
    ("cls.predictions.decoder.bias", "cls.predictions.bias"),
)

WORD_TABLES = COPIES[0]

# What some files hold and no model needs: the numbers 0, 1, 2, … of the positions.
UNUSED = ("embeddings.position_ids",)

# What stands before the name of a weight, and says only in which wrapper the model was when it was saved.
PREFIXES = re.compile(r"^((module|_orig_mod)\.)*(bert\.)?")

# Our name for a setting, and theirs. The sizes must be said; the rest have the same defaults here and there.
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
    "attention_dropout": "attention_probs_dropout_prob",
}

SIZES = ("vocab_size", "n_layers", "n_heads", "n_embed", "n_feed_forward", "max_seq_len")

# What a model is called that computes other numbers than a BERT from the same weights, so that nobody opens it as one;
# and the settings that it then has. (A mean over the tokens makes a difference to a classifier only.)
OWN_TYPES: dict[str, dict[str, Any]] = {
    "nano-bert-norm-first": {"norm_first": True},
    "nano-bert-mean-pooling": {"pooling": "mean"},
    "nano-bert-norm-first-mean-pooling": {"norm_first": True, "pooling": "mean"},
}

# A setting on which the numbers depend, and what it may be; the first is what is meant where it is not said.
DEMANDS: dict[str, tuple[Any, ...]] = {
    "model_type": ("bert", *OWN_TYPES),
    "hidden_act": ("gelu",),
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
    "pruned_heads": ({},),
}


def their_name(ours: str) -> str:
    """Return what they call a weight that has one of our names."""
    for our_part, their_part in PART_NAMES:
        ours = ours.replace(our_part, their_part)
    return ours


def our_name(theirs: str) -> str:
    """Return what we call a weight that has one of their names."""
    for our_part, their_part in PART_NAMES:
        theirs = theirs.replace(their_part, our_part)
    return theirs


def to_hugging_face(weights: Weights) -> dict[str, Tensor]:
    """Rename our weights to theirs, and stack the heads' queries, keys and values as they do.

    Examples:
        >>> from nano_bert import NanoBERT
        >>> from nano_bert.pretrained.weight_names import to_hugging_face
        >>> theirs = to_hugging_face(NanoBERT(vocab_size=9, n_heads=2, n_embed=4).state_dict())
        >>> theirs["encoder.layer.0.attention.self.query.weight"].shape  # two heads of (2, 4)
        torch.Size([4, 4])
    """
    tensors: dict[str, Tensor] = {}
    heads: dict[str, list[Tensor]] = {}
    for name, weight in weights.items():
        name = their_name(name)
        if ".attention.heads." in name:  # encoder.layer.0.attention.heads.1.query.weight
            layer, _, part = name.partition(".attention.heads.")
            heads.setdefault(f"{layer}.attention.self.{part.partition('.')[2]}", []).append(weight)
        else:
            tensors[name] = weight.contiguous()
    return tensors | {name: torch.cat(parts) for name, parts in heads.items()}


def from_hugging_face(tensors: Weights, n_heads: int) -> dict[str, Tensor]:
    """Rename their weights to ours, and cut queries, keys and values into `n_heads` heads.

    The parts of the encoder get no prefix, whether they had one ("bert.") or not; nor one that torch has put before
    all names because the model was saved from within a wrapper ("module.", "_orig_mod.").

    Raises:
        ValueError: If a weight is there twice, or has one of our names; or if the words that a model writes with are
            not those that it reads with: here they are one table.

    Examples:
        >>> import torch
        >>> from nano_bert.pretrained.weight_names import from_hugging_face
        >>> theirs = {"bert.encoder.layer.0.attention.self.key.bias": torch.tensor([1.0, 2.0, 3.0, 4.0])}
        >>> ours = from_hugging_face(theirs, n_heads=2)
        >>> ours["encoder.layers.0.attention.heads.1.key.bias"]
        tensor([3., 4.])
    """
    theirs: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        for old, new in OLD_NAMES:
            name = name.replace(old, new)
        name = PREFIXES.sub("", name)
        if name in theirs:
            raise ValueError(f"{name} is there twice, once under an older name or with another prefix.")
        if ".attention.heads." in name or their_name(our_name(name)) != name:
            raise ValueError(f"{name} is not what Hugging Face calls a weight: it is, in part, a name of this package.")
        if name.startswith("bert."):
            raise ValueError(f"bert.{name} has the prefix of the encoder twice.")
        if ".attention.self." in name and tensor.dim() == 0:
            raise ValueError(f"{name} is a single number, which cannot be shared out among heads.")
        theirs[name] = tensor
    for copy, original in COPIES:
        second = theirs.pop(copy, None)
        if second is not None and not torch.equal(second, theirs.setdefault(original, second)):
            raise ValueError(f"{copy} and {original} are one and the same in this package, but here they differ.")

    weights: dict[str, Tensor] = {}
    for name, tensor in theirs.items():
        name = our_name(name)
        if ".attention.self." in name:
            layer, _, part = name.partition(".attention.self.")
            for index, rows in enumerate(tensor.chunk(n_heads)):
                weights[f"{layer}.attention.heads.{index}.{part}"] = rows.clone()
        elif name not in UNUSED:
            weights[name] = tensor
    return weights


def config_to_json(config: BertConfig, tensors: Weights) -> dict[str, Any]:
    """Return the settings under their names, with those that only we have beside them."""
    ours = config.to_dict()
    ours |= {"n_feed_forward": config.feed_forward_size, "attention_dropout": config.attention_dropout_rate}
    architectures = {
        "classifier.weight": "BertForSequenceClassification",
        "cls.seq_relationship.weight": "BertForPreTraining",
        "cls.predictions.bias": "BertForMaskedLM",
    }
    architecture = next((kind for name, kind in architectures.items() if name in tensors), "BertModel")
    pooling = config.pooling if "classifier.weight" in tensors else "cls"
    own = {"norm_first": config.norm_first, "pooling": pooling}
    types = [kind for kind, said in OWN_TYPES.items() if {"norm_first": False, "pooling": "cls", **said} == own]
    return {
        "model_type": types[0] if types else "bert",
        "architectures": [architecture],
        **{theirs: ours[name] for name, theirs in SETTING_NAMES.items()},
        "hidden_act": "gelu",
        "id2label": {str(index): label for index, label in enumerate(config.labels)},
        "label2id": {label: index for index, label in enumerate(config.labels)},
        "norm_first": config.norm_first,
        "segment_range": config.segment_range,
        "pooling": config.pooling,
    }


def config_from_json(settings: Mapping[str, Any]) -> BertConfig:
    """Return the settings under our names, or say why this model is not one of ours.

    Classes without a name get theirs: LABEL_0, … What they drop before a classifier (`classifier_dropout`) is here the
    same share as of all features.

    Raises:
        ValueError: If the model is not a BERT, or computes something that this package does not; or if a size is
            missing or cannot be right.
        TypeError: If a size is not a whole number.
    """
    for name, known in DEMANDS.items():
        if settings.get(name) not in (None, *known):
            raise ValueError(
                f"nano-BERT knows {name} {' and '.join(map(str, known))}, but this model has {settings[name]!r}."
            )
    for name, value in OWN_TYPES.get(settings.get("model_type") or "", {}).items():
        if settings.get(name) != value:
            raise ValueError(f"It calls itself {settings['model_type']}, but says {name} = {settings.get(name)!r}.")
    said = {ours: settings[theirs] for ours, theirs in SETTING_NAMES.items() if settings.get(theirs) is not None}
    # Each has a default of its own there; here one follows the other where nothing else is said.
    dropped = [said.setdefault(name, BertConfig.dropout) for name in ("dropout", "attention_dropout")]
    said["attention_dropout"] = None if dropped[0] == dropped[1] else dropped[1]
    for size in SIZES:
        if size not in said:
            raise ValueError(f"It does not say {SETTING_NAMES[size]}.")
    n_labels: Any = settings.get("num_labels")
    if n_labels is not None and (type(n_labels) is not int or not 1 <= n_labels <= 100_000):
        raise ValueError(f"num_labels is the number of classes, but it is {n_labels!r}.")
    labels: Any = settings.get("id2label") or {str(index): f"LABEL_{index}" for index in range(n_labels or 2)}
    if not hasattr(labels, "keys") or labels.keys() != {str(index) for index in range(len(labels))}:
        raise ValueError(
            f'id2label gives each class its name, such as {{"0": "bad", "1": "good"}}, but it is {labels}.'
        )
    if n_labels not in (None, len(labels)):
        raise ValueError(f"It says num_labels = {n_labels}, but id2label names {len(labels)} classes.")
    return BertConfig(
        **said,
        **{name: settings[name] for name in ("norm_first", "segment_range", "pooling") if name in settings},
        labels=tuple(str(labels[str(index)]) for index in range(len(labels))),
    )
