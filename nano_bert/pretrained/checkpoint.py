"""Saving and loading: a model in a folder, in the layout that the Hugging Face libraries read and write.

The folder holds `config.json`, the settings, and `model.safetensors`, the weights: numbers only, so that opening
somebody's model cannot run somebody's code, as a pickle can. `nano_bert.pretrained.weight_names` has the names.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nano_bert.bert_module import BertModule
from nano_bert.config import BertConfig
from nano_bert.pretrained.hub import CONFIG, WEIGHTS, find_folder, local_folder
from nano_bert.pretrained.safe_files import read_json, write_atomically
from nano_bert.pretrained.tensors import Entry, check_weight, read_contents, read_tensors
from nano_bert.pretrained.weight_names import (
    UNUSED,
    WORD_TABLES,
    Weights,
    config_from_json,
    config_to_json,
    from_hugging_face,
    to_hugging_face,
)
from nano_bert.tokenizer.check_given import shown

Model = TypeVar("Model", bound=BertModule)

# What may stand on top of a BERT, and its parts. Each kind of model takes its own, and leaves the others in the file.
PAIR = ("weight", "bias")
TASK_HEADS = {
    "pooler": ("dense.weight", "dense.bias"),
    "classifier": PAIR,
    "masked_word_head": ("bias", "dense.weight", "dense.bias", "norm.weight", "norm.bias"),
    "next_sentence_head": PAIR,
    "qa_outputs": PAIR,
}

MOST_LAYERS, MOST_HEADS = 500, 4_000  # BERT-large has 24 and 384: to make the objects of more takes seconds


def save_checkpoint(folder: str | Path, config: BertConfig, weights: Weights) -> None:
    """Write a model's settings and weights into a folder that `transformers` can open, too.

    Args:
        folder: Where to write; it is made if it is missing.
        config: The settings.
        weights: The weights under our names: `model.state_dict()`.

    Raises:
        ValueError: If the folder could not be opened again, since a weight is not finite, or there are other layers or
            heads than the settings say. What was there before stays.
    """
    for name, weight in weights.items():
        check_weight("This model", name, weight)
    folder, tensors = local_folder(folder), to_hugging_face(weights)
    check_contents("This model", tensors, config)
    write_atomically(folder / WEIGHTS, to_safetensors(tensors, metadata={"format": "pt"}))
    write_atomically(folder / CONFIG, json.dumps(config_to_json(config, tensors), indent=2) + "\n")


@dataclass(frozen=True)
class Checkpoint:
    """What a folder holds.

    Attributes:
        folder: Where it was read from.
        settings: `config.json` as it is.
        config: Its settings under our names.
        weights: The weights under our names, those of the encoder without a prefix.
    """

    folder: Path
    settings: Mapping[str, Any]
    config: BertConfig
    weights: Weights

    def with_new(self, config: BertConfig, parts: Mapping[str, nn.Module]) -> "Checkpoint":
        """Return the checkpoint with some parts of the model replaced by new ones."""
        weights = {name: weight for name, weight in self.weights.items() if name.partition(".")[0] not in parts}
        for prefix, part in parts.items():
            weights |= {f"{prefix}.{name}": weight for name, weight in part.state_dict().items()}
        return replace(self, config=config, weights=weights)

    def check_is_classifier(self) -> None:
        """Refuse a model with no classifier of texts on top, or one that answers something else than one class."""
        if "classifier.weight" not in self.weights:
            raise ValueError(
                f"{self.folder} holds no classifier. To train one on top of this model, name its classes: "
                f'from_pretrained({str(self.folder)!r}, labels=["negative", "positive"]).'
            )
        architectures = self.settings.get("architectures")
        if architectures not in (None, [], ["BertForSequenceClassification"]):
            raise ValueError(
                f"The classifier in {self.folder} is not one of texts ({shown(architectures)}). To train one "
                f"on top of this model, name its classes, as labels=[...]."
            )
        problem = self.settings.get("problem_type") or "single_label_classification"
        if problem != "single_label_classification" or len(self.config.labels) < 2:
            raise ValueError(
                f"The classifier in {self.folder} does not choose one class of several ({shown(problem)})."
            )

    def fit(self, expected: Weights) -> dict[str, Tensor]:
        """Return just the weights that a model expects, under its own names, or say what does not fit.

        Args:
            expected: The model's own `state_dict()`.

        Raises:
            ValueError: If a weight is missing, left over or of another shape.
        """
        tops = {name.removeprefix("bert.").partition(".")[0] for name in expected}
        weights: dict[str, Tensor] = {}
        for name, weight in self.weights.items():
            top = name.partition(".")[0]
            if top in tops or top not in TASK_HEADS:
                weights[f"bert.{name}" if f"bert.{name}" in expected else name] = weight
        missing, left_over = sorted(expected.keys() - weights.keys()), sorted(weights.keys() - expected.keys())
        if missing or left_over:
            lacks, others = (shown(names[:5] or "none", 400) for names in (missing, left_over))
            raise ValueError(
                f"The weights in {self.folder} are not those of this model: missing are {lacks}, left over are "
                f"{others}. Open the folder with the class that wrote it."
            )
        for head, parts in TASK_HEADS.items():  # also of those that are not needed here
            absent = [f"{head}.{part}" for part in parts if f"{head}.{part}" not in self.weights]
            if 0 < len(absent) < len(parts):
                raise ValueError(f"Of the {head} in {self.folder} only a part is there: missing are {absent}.")
        for name, weight in weights.items():
            if weight.shape != expected[name].shape:
                raise ValueError(
                    f"The weights in {self.folder} do not fit its {CONFIG}: {name} has the shape "
                    f"{tuple(weight.shape)}, but these settings make it {tuple(expected[name].shape)}."
                )
        return weights

    def build(self, kind: type[Model]) -> Model:
        """Return a model with these weights, ready to use."""
        with torch.device("meta"), WithoutDrawing():  # no memory of its own, and no random number
            model = kind(self.config)
        model.load_state_dict(self.fit(model.state_dict()), assign=True)
        return model.eval()


class WithoutDrawing(TorchFunctionMode):
    """While it lasts, no tensor's numbers are drawn: where there are none yet, torch would load a second of code."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do what torch was asked for, unless it is to draw."""
        if func.__name__ in ("normal_", "uniform_", "kaiming_uniform_"):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def load_checkpoint(name: str | Path) -> Checkpoint:
    """Read a folder, or a model of the Hugging Face hub.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If a file is broken, or holds a model that this package does not know.
    """
    folder = find_folder(name)
    settings = read_json(folder / CONFIG)
    try:
        config = config_from_json(settings)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{folder}/{CONFIG} is not that of a BERT which can be opened here. {shown(error, 1_500)}"
        ) from error
    contents = read_contents(folder / WEIGHTS)
    check_contents(f"{folder / WEIGHTS}", contents, config)
    needed = [name for name in contents if not name.endswith(UNUSED)]
    tensors = read_tensors(folder / WEIGHTS, contents, needed)
    try:
        weights = from_hugging_face(tensors, config.n_heads)
    except ValueError as error:
        raise ValueError(f"{folder}/{WEIGHTS} cannot be opened here. {shown(error, 1_500)}") from error
    return Checkpoint(folder, settings, replace(config, pooler="pooler.dense.weight" in weights), weights)


def check_contents(owner: str, contents: Mapping[str, Entry | Tensor], config: BertConfig) -> None:
    """Refuse weights that are not those of the settings, before any of them is read or written, or a model is made."""
    layers = {match[1] for name in contents if (match := re.search(r"encoder\.layer\.(\d+)\.", name))}
    if len(layers) != config.n_layers:
        raise ValueError(f"{owner} holds {len(layers)} layers, but {CONFIG} speaks of {config.n_layers}.")
    if config.n_layers > MOST_LAYERS or config.n_layers * config.n_heads > MOST_HEADS:
        raise ValueError(
            f"{owner} holds {config.n_layers} layers with {config.n_heads} heads each, which is more than any BERT has."
        )
    tables = {tuple(entry.shape) for name, entry in contents.items() if name.endswith(WORD_TABLES)}
    if tables != {(config.vocab_size, config.n_embed)}:
        raise ValueError(
            f"{owner} does not fit its {CONFIG}: the table of words has the shape {shown(sorted(tables))}, but these "
            f"settings make it {(config.vocab_size, config.n_embed)}."
        )
    square = (config.n_embed, config.n_embed)  # the queries of all heads, one above the other
    queries = {tuple(entry.shape) for name, entry in contents.items() if name.endswith(".self.query.weight")}
    if queries - {square}:
        raise ValueError(
            f"{owner} does not fit its {CONFIG}: {config.n_heads} heads of {config.head_size} features make queries of "
            f"the shape {square}, but these have {shown(sorted(queries - {square}))}."
        )
    found = sum(math.prod(entry.shape) for name, entry in contents.items() if not name.endswith(UNUSED))
    most = 3 * (config.n_parameters + len(config.labels) * (config.n_embed + 1))  # with any head, and a table twice
    if found > most:
        raise ValueError(f"{owner} does not fit its {CONFIG}: it holds {found:,} numbers, and needs {most:,} at most.")
