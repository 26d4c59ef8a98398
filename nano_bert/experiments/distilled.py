"""Distilled: what a small model is given by a large one while it learns.

A teacher, which has fine-tuned published weights on labels (chapter 12), gives a student its answers to the training
texts, in probabilities (Hinton et al., 2015, https://arxiv.org/abs/1503.02531). They are asked for once, and kept.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor
from tqdm import tqdm

from nano_bert.data import Corpus
from nano_bert.fast.hardware import on_device
from nano_bert.model import NanoBertForClassification
from nano_bert.predict import load_classifier
from nano_bert.pretrained.safe_files import write_atomically
from nano_bert.tokenizer.base import Tokenizer
from nano_bert.training.classification import train
from nano_bert.training.distillation import distil, soften
from nano_bert.training.evaluation import predict_probabilities
from nano_bert.training.optimizer import TrainingConfig
from nano_bert.training.resume import describe_weights
from nano_bert.training.run import Run

TEMPERATURE = 3.0  # of the answers
AT_A_TIME = 4_000  # texts between two files: so much work, at most, is lost with the machine
ANSWERS = "answers.safetensors"


def find_teacher(name: str, folder: Path) -> Path:
    """Return the folder of a teacher.

    Raises:
        FileNotFoundError: If nobody has trained it yet.
    """
    place = folder / name
    if not (place / "config.json").is_file():
        raise FileNotFoundError(
            f"The student needs its teacher, {name}, and {place} holds no trained model. Let nano-bert reproduce train "
            f"it, or nano-bert train with --output {place}."
        )
    return place


def ask(folder: Path, texts: Sequence[str]) -> Float[Tensor, "text n_classes"]:
    """Return what a teacher answers to each text, in probabilities.

    Args:
        folder: The teacher's. What it has answered is kept there, so that the same texts are asked once, and a break
            costs little.
        texts: The texts.
    """
    model, tokenizer = load_classifier(folder)
    path = folder / ANSWERS
    texts_and_weights = describe_weights(model) + hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]
    found = from_safetensors(path.read_bytes()) if path.is_file() else {}
    kept = [found[texts_and_weights]] if texts_and_weights in found else []
    starts = range(sum(map(len, kept)), len(texts), AT_A_TIME)
    with on_device(model.fuse(), "cpu", "bfloat16"):
        for start in tqdm(starts, desc="asking the teacher", disable=not starts):
            kept.append(predict_probabilities(model, tokenizer, texts[start : start + AT_A_TIME]))
            write_atomically(path, to_safetensors({texts_and_weights: torch.cat(kept)}))
    return torch.cat(kept)


def learn_from(
    teacher: Path | None,
    model: NanoBertForClassification,
    tokenizer: Tokenizer,
    corpus: Corpus,
    settings: TrainingConfig,
    run: Run,
) -> list[dict[str, Any]]:
    """Train a model on labels or, if there is a teacher, on what it answers; return the history.

    The answers are softened. Afterwards the student's scores are made as much larger, so that it is as sure as its
    teacher.
    """
    if teacher is None:
        return train(model, tokenizer, corpus, settings, run)
    answers = soften(ask(teacher, corpus.train.texts), TEMPERATURE)
    history = distil(model, tokenizer, corpus, answers, settings, run)
    with torch.no_grad():
        model.classifier.weight.mul_(TEMPERATURE)
        model.classifier.bias.mul_(TEMPERATURE)
    return history
