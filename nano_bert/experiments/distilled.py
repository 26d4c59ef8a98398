"""Distilled: what a small model is given by a large one, before it learns and while it does.

A teacher, which has fine-tuned published weights on labels (chapter 12), gives a student two things. Its *words*: the
student's table begins as the teacher's, in the few directions in which the words differ most. And its *answers*: to
whole reviews and to their sentences, which nobody has labelled, but a teacher can be asked about (Tang et al., 2019,
https://arxiv.org/abs/1903.12136).
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor
from tqdm import tqdm

from nano_bert.data import Corpus, Split
from nano_bert.fast.hardware import on_device
from nano_bert.model import NanoBertForClassification
from nano_bert.predict import load_classifier
from nano_bert.pretrained.safe_files import write_atomically
from nano_bert.tokenizer.base import Tokenizer
from nano_bert.training.classification import train
from nano_bert.training.distillation import distil
from nano_bert.training.evaluation import predict_probabilities
from nano_bert.training.optimizer import TrainingConfig
from nano_bert.training.resume import describe_weights
from nano_bert.training.run import Run

LEAST = 15  # words of a piece: a sentence that is shorter goes together with the next
SPREAD = 0.1  # standard deviation of the numbers that a student's words begin with
AT_A_TIME = 4_000  # texts between two files: so much work, at most, is lost with the machine
ANSWERS = "answers.safetensors"


def cut_up(text: str, least: int = LEAST) -> list[str]:
    """Cut a text into pieces, each of one sentence or a few; what is left at the end belongs to the last.

    Args:
        text: The text.
        least: How many words a piece has at least, if the text has them.

    Examples:
        >>> from nano_bert.experiments.distilled import cut_up
        >>> cut_up("Slow? Yes. But the ending, what an ending! I cried. Go and see it.", least=4)
        ['Slow? Yes. But the ending, what an ending!', 'I cried. Go and see it.']
    """
    pieces: list[str] = []
    piece: list[str] = []
    for sentence in re.split(r"(?<=[.!?])\s+", text):
        piece += sentence.split()
        if len(piece) >= least:
            pieces.append(" ".join(piece))
            piece = []
    rest = " ".join(piece)
    return [*pieces[:-1], " ".join([*pieces[-1:], rest])] if rest else pieces


def add_pieces(corpus: Corpus) -> Corpus:
    """Return a corpus with more training texts: those that it had, and then their pieces.

    A piece is given the label of its text, for want of a better one; `distil` looks at no label of a training text.
    """
    pairs = list(zip(corpus.train.texts, corpus.train.labels, strict=True))
    pairs += [(piece, label) for text, label in pairs for piece in cut_up(text)]
    return replace(corpus, name=f"{corpus.name}, with pieces", train=Split(*map(list, zip(*pairs, strict=True))))


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


def begin_with_words(student: NanoBertForClassification, tokenizer: Tokenizer, folder: Path) -> None:
    """Let a student's words begin as the teacher's: each as the mean of its pieces, in fewer directions.

    Of the teacher's directions those are kept in which the words differ most (principal components: Pearson, 1901,
    https://doi.org/10.1080/14786440109462720). Special tokens stay as they were drawn.

    Args:
        student: Its word vectors are overwritten.
        tokenizer: The student's.
        folder: The teacher's.

    Raises:
        ValueError: If the student has more features than the teacher.
    """
    teacher, pieces = load_classifier(folder)
    table = teacher.bert.embedding.words.weight.detach()
    if student.config.n_embed > table.shape[1]:
        raise ValueError(
            f"A student's words begin as its teacher's in fewer features, but the student has {student.config.n_embed} "
            f"and the teacher {table.shape[1]}: give the student a smaller n_embed."
        )
    ids = [index for index in range(len(tokenizer)) if index not in tokenizer.special_ids]
    parts = [pieces.token_ids(tokenizer.id_to_token[index]) or [pieces.unk_id] for index in ids]
    words = torch.stack([table[part].mean(dim=0) for part in parts])
    words = words - words.mean(dim=0)
    _, directions = torch.linalg.eigh(words.mT @ words)  # from the weakest to the strongest
    words = words @ directions[:, -student.config.n_embed :]
    with torch.no_grad():
        student.bert.embedding.words.weight[ids] = words * (SPREAD / words.std())


def learn_from(
    teacher: Path | None,
    model: NanoBertForClassification,
    tokenizer: Tokenizer,
    corpus: Corpus,
    settings: TrainingConfig,
    run: Run,
) -> list[dict[str, Any]]:
    """Train a model on labels or, if there is a teacher, on what it answers; return the history."""
    if teacher is None:
        return train(model, tokenizer, corpus, settings, run)
    begin_with_words(model, tokenizer, teacher)
    corpus = add_pieces(corpus)
    return distil(model, tokenizer, corpus, ask(teacher, corpus.train.texts), settings, run)
