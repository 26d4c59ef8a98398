"""Saving and loading: a model in a folder, in the layout that the Hugging Face libraries read and write.

The folder holds `config.json`, the settings, and `model.safetensors`, the weights: numbers only, so that opening a
stranger's model cannot run a stranger's code, as a pickle can. `nano_bert.hugging_face` has the names.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from nano_bert.config import BertConfig
from nano_bert.files import write_atomically
from nano_bert.hugging_face import Weights, config_from_json, config_to_json, from_hugging_face, to_hugging_face

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FILES = (CONFIG, WEIGHTS, "vocab.txt", "tokenizer_config.json")  # all that is taken from the hub

# What may stand on top of a BERT. Each kind of model takes its own, and leaves the others in the file.
TOPS = ("pooler.", "classifier.", "masked_word_head.", "next_sentence_head.", "qa_outputs.")


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
        architecture = (self.settings.get("architectures") or ["BertForSequenceClassification"])[0]
        if architecture != "BertForSequenceClassification":
            raise ValueError(
                f"The classifier in {self.folder} is that of a {architecture}: it does not classify texts."
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
        has_top = any(name.startswith("bert.") for name in expected)
        weights: dict[str, Tensor] = {}
        for name, weight in self.weights.items():
            full_name = f"bert.{name}" if has_top and not name.startswith(TOPS[1:]) else name
            if full_name in expected or not name.startswith(TOPS):
                weights[full_name] = weight
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


def load_checkpoint(name: str | Path) -> Checkpoint:
    """Read a folder, or a model of the Hugging Face hub.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If a file is broken, or holds a model that this package does not know.
    """
    folder = find_folder(name)
    if not (folder / WEIGHTS).is_file() and list(folder.glob("*.bin")):
        raise ValueError(
            f"{folder} keeps its weights in a .bin file. That is a pickle, and opening a pickle can run any program "
            f"that somebody put into it; so it is not opened here. Convert it once, with transformers: "
            f"AutoModelForPreTraining.from_pretrained({str(folder)!r}).save_pretrained(new_folder)."
        )
    for file in (CONFIG, WEIGHTS):
        if not (folder / file).is_file():
            raise FileNotFoundError(f"{folder} is not a saved model: it has no file {file}.")
    try:
        settings = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        config = config_from_json(settings)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{folder}/{CONFIG} is broken, or is not that of a BERT ({type(error).__name__}: {error})."
        ) from error
    try:
        weights = from_hugging_face(read_weights(folder / WEIGHTS, config), config.n_heads)
    except SafetensorError as error:
        raise ValueError(f"{folder}/{WEIGHTS} is cut off or damaged ({error}). Get the file again.") from error
    weights = {name.removeprefix("bert."): weight for name, weight in weights.items()}
    return Checkpoint(folder, settings, replace(config, pooler="pooler.dense.weight" in weights), weights)


def read_weights(path: Path, config: BertConfig) -> dict[str, Tensor]:
    """Read the weights one by one, as torch's usual floating-point numbers, whatever they are kept as.

    Raises:
        ValueError: If they are not numbers to compute with, or obviously not those of the settings. The second is seen
            before any memory is taken.
    """
    file: Any = safe_open(path, framework="pt")
    names: list[str] = list(file.keys())
    layers = {match[1] for name in names if (match := re.search(r"encoder\.layer\.(\d+)\.", name))}
    if len(layers) != config.n_layers:
        raise ValueError(f"{path} holds {len(layers)} layers, but {CONFIG} speaks of {config.n_layers}.")
    weights: dict[str, Tensor] = {}
    for name in names:
        weight: Tensor = file.get_tensor(name)
        if "position_ids" not in name:
            if not weight.is_floating_point():
                raise ValueError(f"{path} keeps {name} as {weight.dtype}, which are no weights to compute with.")
            if not weight.isfinite().all():
                raise ValueError(f"{path} is of no use: {name} holds numbers that are not finite (NaN or infinity).")
            weights[name] = weight.to(torch.get_default_dtype(), copy=True)
    return weights


def find_folder(name: str | Path) -> Path:
    """Return the folder of a model: the one of this name, or the local copy of a model of the Hugging Face hub.

    Raises:
        FileNotFoundError: If there is neither.
    """
    folder = Path(name)
    if folder.is_dir() or not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", str(name)):
        return folder
    try:
        from huggingface_hub import snapshot_download  # only here, for only this needs it
    except ImportError as error:
        raise FileNotFoundError(
            f"There is no folder {name}. To get a model of this name from the Hugging Face hub: pip install "
            "huggingface_hub"
        ) from error
    try:
        return Path(snapshot_download(str(name), allow_patterns=list(FILES)))
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"There is no folder {name}, and the Hugging Face hub gave no model of this name, or was not reached "
            f"({type(error).__name__}). See https://huggingface.co/{name}"
        ) from error
