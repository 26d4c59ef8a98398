"""Evaluation: how often is the model right, and in what way is it wrong?

Accuracy is the share of right answers. F1 is the harmonic mean of precision and recall *of one class*, so it
is always said of which; macro-F1 is their plain mean (van Rijsbergen, 1979, chapter 7; Sokolova and Lapalme,
2009, https://doi.org/10.1016/j.ipm.2009.03.002).
"""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from nano_bert.bert_module import BertModule
from nano_bert.data.corpus import Split, check_split
from nano_bert.fast.data_parallel import sum_over_processes
from nano_bert.fast.distributed import rank, world_size
from nano_bert.fast.hardware import to_device
from nano_bert.model import NanoBertForClassification, NanoBertForPreTraining
from nano_bert.tokenizer.base import Tokenizer
from nano_bert.tokenizer.check_given import Text, check_kind, check_texts

TOKENS_AT_A_TIME = 16_384

HOW_TO_GET: dict[type, str] = {
    NanoBertForClassification: "A model gets a new classifier by NanoBertForClassification.from_pretrained(folder, "
    'labels=["negative", "positive"]), which is then trained.',
    NanoBertForPreTraining: "It is one that guesses words: NanoBertForPreTraining.from_pretrained(folder).",
}


@dataclass(frozen=True)
class Metrics:
    """How good a list of answers is.

    Attributes:
        accuracy: Share of texts whose class was found, 0 to 1.
        f1: F1 of each class, by its name.
        macro_f1: The mean of the F1 of all classes.
        confusion: Counts by true class, then by answered class.
    """

    accuracy: float
    f1: dict[str, float]
    macro_f1: float
    confusion: list[list[int]]

    def __str__(self) -> str:
        names = list(self.f1)
        width = max(map(len, [*names, "answered:"])) + 2
        rows = [["answered:", *names]]
        rows += [[f"{name}", *map(str, row)] for name, row in zip(names, self.confusion, strict=True)]
        table = "\n".join("".join(cell.rjust(width) for cell in row) for row in rows)
        f1 = ", ".join(f"{name} {value:.3f}" for name, value in self.f1.items())
        return f"accuracy {self.accuracy:.3f}, macro-F1 {self.macro_f1:.3f} (F1: {f1})\n{table}"


def measure(true: Sequence[int], answered: Sequence[int], names: Sequence[str]) -> Metrics:
    """Compare answers with the truth.

    Args:
        true: The true class of each text, as an id.
        answered: The answer for each text, as an id.
        names: The names of the classes.

    Raises:
        TypeError: If an id is no whole number.
        ValueError: If there is nothing to compare, or not an answer for each text, or an id that no class has.

    Examples:
        >>> from nano_bert.training.evaluation import measure
        >>> metrics = measure(true=[1, 1, 1, 0], answered=[1, 1, 0, 0], names=("negative", "positive"))
        >>> print(metrics)
        accuracy 0.750, macro-F1 0.733 (F1: negative 0.667, positive 0.800)
          answered:   negative   positive
           negative          1          0
           positive          1          2
    """
    check_texts("names", names)
    true, answered = _class_ids("true", true), _class_ids("answered", answered)
    if len(true) != len(answered) or len(true) == 0:
        raise ValueError(f"Each text needs one answer, but there are {len(true)} texts and {len(answered)} answers.")
    unknown = {*true, *answered} - {*range(len(names))}
    if unknown:
        raise ValueError(f"{min(unknown)} is not the id of a class: the {len(names)} classes are {', '.join(names)}.")
    confusion = [[0] * len(names) for _ in names]
    for truth, answer in zip(true, answered, strict=True):
        confusion[truth][answer] += 1
    f1: dict[str, float] = {}
    for index, name in enumerate(names):
        right = confusion[index][index]
        n_true, n_answered = sum(confusion[index]), sum(row[index] for row in confusion)
        f1[name] = 2 * right / (n_true + n_answered) if n_true + n_answered else 0.0
    accuracy = sum(confusion[index][index] for index in range(len(names))) / len(true)
    return Metrics(accuracy, f1, sum(f1.values()) / len(f1), confusion)


def _class_ids(name: str, given: Iterable[SupportsIndex]) -> list[int]:
    """Return ids as Python's own numbers, from a list, an array or a tensor."""
    try:
        return [operator.index(one) for one in given]
    except TypeError:
        raise TypeError(f"{name} holds an id of a class for each text, a whole number, not {given!r:.80}.") from None


def predict_probabilities(
    model: NanoBertForClassification, tokenizer: Tokenizer, texts: Sequence[Text]
) -> Float[Tensor, "text n_classes"]:
    """Return the probability of each class for each text, as `probabilities_of_rows` does for ids.

    Raises:
        TypeError: If the texts are one string, not a list.
        ValueError: If there are none.
    """
    check_tokenizer(model, tokenizer, NanoBertForClassification)
    texts = check_texts("texts", texts)
    if not texts:
        raise ValueError("There is no text to judge: give at least one.")
    return probabilities_of_rows(model, tokenizer, [tokenizer.encode(text) for text in texts])


@torch.no_grad()
def probabilities_of_rows(
    model: NanoBertForClassification, tokenizer: Tokenizer, rows: Sequence[Sequence[int]]
) -> Float[Tensor, "row n_classes"]:
    """Return the probability of each class for each row of ids.

    Dropout is off meanwhile, and no gradients are kept. Rows of like length go together, so that little is padded (the
    padding changes no number), and so many at a time that memory stays small.

    Args:
        model: The classifier; afterwards it is in the mode it was in before.
        tokenizer: The tokenizer that the model was trained with.
        rows: The ids of each text, `[CLS]` and `[SEP]` included.
    """
    check_tokenizer(model, tokenizer, NanoBertForClassification)
    longest = max(map(len, rows), default=0)
    if longest > model.config.max_seq_len:
        raise ValueError(
            f"A text has {longest} tokens, but the model reads {model.config.max_seq_len} at most. Let the tokenizer "
            f"cut: make it with max_seq_len={model.config.max_seq_len}."
        )
    was_training = model.training
    model.eval()
    probabilities = torch.zeros(len(rows), len(model.config.labels))
    left = sorted(range(len(rows)), key=lambda index: -len(rows[index]))  # the longest first
    while left:
        n_rows = max(1, TOKENS_AT_A_TIME // len(rows[left[0]]))
        chosen, left = left[:n_rows], left[n_rows:]
        inputs = to_device(tokenizer.pad([rows[index] for index in chosen]), model.device)
        probabilities[chosen] = shares_of(model(**inputs).logits.to(probabilities.device))
    model.train(was_training)
    return probabilities


def shares_of(scores: Float[Tensor, "*places answer"]) -> Float[Tensor, "*places answer"]:
    """Return the probability of each answer, from its score.

    Raises:
        ValueError: If a score is no finite number.
    """
    wrong = scores[~scores.isfinite()]
    if len(wrong) > 0:
        raise ValueError(
            f"The model answers with {wrong[0].item()}, which is no probability: a weight is not a number, or far too "
            f"large. Was it trained with too high a learning rate, or is its file damaged?"
        )
    return scores.float().softmax(dim=-1)


def check_tokenizer(model: BertModule, tokenizer: Tokenizer, kind: type[BertModule] = BertModule) -> None:
    """Refuse a model of another kind, and a tokenizer that was not made for it: another vocabulary or other padding.

    Args:
        model: The model.
        tokenizer: What should be its tokenizer.
        kind: What the model is needed as.

    Raises:
        TypeError: If one of them is something else.
        ValueError: If they do not fit; the message says where they differ.
    """
    check_kind("model", model, kind, HOW_TO_GET.get(kind, ""))
    check_kind("tokenizer", tokenizer, Tokenizer, "It is a WordTokenizer or a WordPieceTokenizer of this package.")
    config = model.config
    if len(tokenizer) != config.vocab_size:
        raise ValueError(
            f"The model was made for a vocabulary of {config.vocab_size} entries, but the tokenizer knows "
            f"{len(tokenizer)}: give the model's own tokenizer, or make a model with vocab_size=len(tokenizer)."
        )
    if tokenizer.pad_id != config.pad_id:
        raise ValueError(
            f"The tokenizer fills up texts with the id {tokenizer.pad_id}, but the model takes {config.pad_id} for "
            f"padding, and would look at the one and hide the other: give the model's own tokenizer, or make a model "
            f"with pad_id=tokenizer.pad_id."
        )


def evaluate(model: NanoBertForClassification, tokenizer: Tokenizer, split: Split) -> Metrics:
    """Ask the model about every text of a split, and compare its answers with the labels.

    Raises:
        ValueError: If the split is empty, or holds a label or a text that is beyond the model.
    """
    answers = answer(model, tokenizer, split)
    return measure(split.labels, answers, model.config.labels)


def answer(model: NanoBertForClassification, tokenizer: Tokenizer, split: Split) -> list[int]:
    """Return the answer of the model for every text of a split, as the id of a class.

    In many processes each asks about its part, and all return all answers.

    Raises:
        ValueError: If the split is empty, or holds a label or a text that is beyond the model.
    """
    check_tokenizer(model, tokenizer, NanoBertForClassification)
    check_split(split, len(model.config.labels), "The split")
    mine = range(rank(), len(split), world_size())
    answered = torch.zeros(len(split), dtype=torch.long)
    if len(mine) > 0 or world_size() == 1:
        texts = [split.texts[index] for index in mine]
        answered[list(mine)] = predict_probabilities(model, tokenizer, texts).argmax(dim=-1)
    return sum_over_processes(answered).tolist()
