"""A teacher's lessons: what a small model is to learn from a large one.

The large model has been fine-tuned on whole reviews. It is asked about each of them, and about each piece of them, of
some sixty words. Nobody has labelled those pieces; their review's label would be wrong for many, since a review that
praises a film often begins with what it is not. The teacher's answer is not the truth either, but it is closer.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from nano_bert.data import Corpus, Split
from nano_bert.fast.hardware import on_device
from nano_bert.model import NanoBertForClassification
from nano_bert.pretrained.safe_files import write_atomically
from nano_bert.tokenizer.wordpiece import WordPieceTokenizer
from nano_bert.training.evaluation import predict_probabilities
from nano_bert.training.resume import describe_weights

N_WORDS = 60  # of a piece: a few sentences


def cut_up(text: str, n_words: int = N_WORDS) -> list[str]:
    """Cut a text into pieces of like length, of about so many words.

    Examples:
        >>> from nano_bert.experiments.distilled import cut_up
        >>> cut_up("not a good start , but what a film", n_words=4)
        ['not a good start', ', but what a film']
    """
    words = text.split()
    n_pieces = max(1, round(len(words) / n_words))
    ends = [round(number * len(words) / n_pieces) for number in range(n_pieces + 1)]
    return [" ".join(words[start:end]) for start, end in zip(ends, ends[1:], strict=False)]


def lessons(corpus: Corpus, teacher: Path, dtype: str) -> tuple[Corpus, Float[Tensor, "text n_classes"]]:
    """Return a corpus whose training texts are whole texts and their pieces, and what a teacher answers to each.

    Args:
        corpus: The corpus that the teacher has learnt from.
        teacher: The folder of its run. Its answers are kept there, too.
        dtype: In what it computes, "float32" or "bfloat16".

    Raises:
        FileNotFoundError: If there is no teacher in the folder.
    """
    if not (teacher / "model.safetensors").is_file():
        raise FileNotFoundError(
            f"There is no teacher to learn from in {teacher}: its recipe comes first. With `nano-bert reproduce "
            f"{corpus.name}` all come in their order."
        )
    texts = [*corpus.train.texts, *(piece for text in corpus.train.texts for piece in cut_up(text))]
    answers = ask(teacher, texts, dtype)
    likely = Split(texts, answers.argmax(dim=-1).tolist())
    return replace(corpus, name=f"{corpus.name}, as a teacher sees it", train=likely), answers


def ask(teacher: Path, texts: Sequence[str], dtype: str) -> Float[Tensor, "text n_classes"]:
    """Return a teacher's answers to some texts; the same weights are not asked twice."""
    model, tokenizer = NanoBertForClassification.from_pretrained(teacher), WordPieceTokenizer.from_pretrained(teacher)
    known = {"asked": describe_weights(model) + hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]}
    kept = teacher / "answers.safetensors"
    if kept.is_file():
        with safe_open(kept, framework="pt") as file:
            if file.metadata() == known:
                return file.get_tensor("answers")
    with on_device(model, "cpu", dtype):
        answers = predict_probabilities(model.fuse(), tokenizer, texts)
    write_atomically(kept, save({"answers": answers}, known))
    return answers
