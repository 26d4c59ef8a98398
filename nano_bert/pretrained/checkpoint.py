"""Saving and loading: a model in a folder, in the layout that the Hugging Face libraries read and write.

The folder holds `config.json`, the settings, and `model.safetensors`, the weights: numbers only, so that opening
somebody's model cannot run somebody's code, as a pickle can. `nano_bert.pretrained.names` has the names.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nano_bert.base_model import BertModule
from nano_bert.config import BertConfig
from nano_bert.pretrained.files import write_atomically
from nano_bert.pretrained.hub import CONFIG, WEIGHTS, find_folder
from nano_bert.pretrained.names import (
    UNUSED,
    WORD_TABLES,
    Weights,
    config_from_json,
    config_to_json,
    from_hugging_face,
    to_hugging_face,
)

Model = TypeVar("Model", bound=BertModule)

# What may stand on top of a BERT. Each kind of model takes its own, and leaves the others in the file.
TASK_HEADS = ("pooler", "classifier", "masked_word_head", "next_sentence_head", "qa_outputs")


def save_checkpoint(folder: str | Path, config: BertConfig, weights: Weights) -> None:
    """Write a model's settings and weights into a folder that `transformers` can open, too.

    Args:
        folder: Where to write; it is made if it is missing.
        config: The settings.
        weights: The weights under our names: `model.state_dict()`.
    """
    tensors = to_hugging_face(weights)
    write_atomically(Path(folder) / WEIGHTS, to_safetensors(tensors, metadata={"format": "pt"}))
    write_atomically(Path(folder) / CONFIG, json.dumps(config_to_json(config, tensors), indent=2) + "\n")


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
                f"The classifier in {self.folder} is not one of texts ({architectures}). To train one on top of this "
                f"model, name its classes, as labels=[...]."
            )
        problem = self.settings.get("problem_type") or "single_label_classification"
        if problem != "single_label_classification" or len(self.config.labels) < 2:
            raise ValueError(f"The classifier in {self.folder} does not choose one class of several ({problem}).")

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
            raise ValueError(
                f"The weights in {self.folder} are not those of this model: missing are {missing[:5] or 'none'}, left "
                f"over are {left_over[:5] or 'none'}. Open the folder with the class that wrote it."
            )
        for name, weight in weights.items():
            if weight.shape != expected[name].shape:
                raise ValueError(
                    f"The weights in {self.folder} do not fit its {CONFIG}: {name} has the shape "
                    f"{tuple(weight.shape)}, but these settings make it {tuple(expected[name].shape)}."
                )
        return weights

    def build(self, kind: type[Model]) -> Model:
        """Return a model with these weights, ready to use."""
        with torch.device("meta"), Undrawn():  # no memory of its own, and no random number
            model = kind(self.config)
        model.load_state_dict(self.fit(model.state_dict()), assign=True)
        return model.eval()


class Undrawn(TorchFunctionMode):
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
    try:
        settings: Any = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{folder}/{CONFIG} is cut off or damaged ({error}). Get the file again.") from error
    try:
        if not hasattr(settings, "keys"):
            raise ValueError("It holds no settings.")
        config = config_from_json(settings)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{folder}/{CONFIG} is not that of a BERT which can be opened here. {error}") from error
    try:
        weights = read_weights(folder / WEIGHTS, config)
    except SafetensorError as error:
        raise ValueError(f"{folder}/{WEIGHTS} is cut off or damaged ({error}). Get the file again.") from error
    try:
        weights = from_hugging_face(weights, config.n_heads)
    except ValueError as error:
        raise ValueError(f"{folder}/{WEIGHTS} cannot be opened here. {error}") from error
    return Checkpoint(folder, settings, replace(config, pooler="pooler.dense.weight" in weights), weights)


def read_weights(path: Path, config: BertConfig) -> dict[str, Tensor]:
    """Read the weights one by one, as torch's usual floating-point numbers, whatever they are kept as.

    Raises:
        ValueError: If they are not numbers to compute with, or obviously not those of the settings. The second is seen
            before any memory is taken.
    """
    file: Any = safe_open(path, framework="pt")
    with file:
        names: list[str] = list(file.keys())
        shapes: dict[str, tuple[int, ...]] = {name: tuple(file.get_slice(name).get_shape()) for name in names}
    layers = {match[1] for name in shapes if (match := re.search(r"encoder\.layer\.(\d+)\.", name))}
    if len(layers) != config.n_layers:
        raise ValueError(f"{path} holds {len(layers)} layers, but {CONFIG} speaks of {config.n_layers}.")
    tables = {shape for name, shape in shapes.items() if name.endswith(WORD_TABLES)}
    if tables != {(config.vocab_size, config.n_embed)}:
        raise ValueError(
            f"{path} does not fit its {CONFIG}: the table of words has the shape {sorted(tables)}, but these settings "
            f"make it {(config.vocab_size, config.n_embed)}."
        )
    weights: dict[str, Tensor] = {}
    for name in shapes:
        if name.endswith(UNUSED):
            continue
        # Opened anew for each weight, so that the part of the file that was read leaves the memory again.
        file = safe_open(path, framework="pt")
        with file:
            weight: Tensor = file.get_tensor(name)
            if not weight.is_floating_point():
                raise ValueError(f"{path} keeps {name} as {weight.dtype}, which are no weights to compute with.")
            weights[name] = weight.to(torch.get_default_dtype(), copy=True)
        if not weights[name].sum().isfinite():
            raise ValueError(f"{path} is of no use: {name} holds NaN, infinity, or numbers nearly as large.")
    return weights
