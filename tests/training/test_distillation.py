"""Distillation: the loss is torch's divergence, one-hot answers are labels, and the true labels are not looked at."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from nano_bert import NanoBertForClassification, WordTokenizer
from nano_bert.data import Split
from nano_bert.training import Run, TrainingConfig, train
from nano_bert.training.distillation import Distillation, distil, soften
from tests.oracles import as_readers_run_it
from tests.phrases import phrases

CORPUS = phrases()
TOKENIZER = WordTokenizer.from_texts(CORPUS.train.texts, max_seq_len=32)
SETTINGS = TrainingConfig(epochs=3, batch_size=16, learning_rate=1e-2, word_dropout=0.1)


def student(dropout: float = 0.1) -> NanoBertForClassification:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"n_embed": 4, "max_seq_len": 32, "initializer_range": 0.5, "dropout": dropout}
    return NanoBertForClassification(vocab_size=len(TOKENIZER), **settings)


def answers(seed: int = 0) -> Tensor:
    return torch.rand(len(CORPUS.train), 2, generator=torch.Generator().manual_seed(seed)).softmax(dim=-1)


def weights(model: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(model.parameters()).detach()


def test_answers_beyond_doubt_are_labels() -> None:
    taught, trained = student(), student()
    sure = one_hot(torch.tensor(CORPUS.train.labels), 2).float()
    theirs, ours = train(trained, TOKENIZER, CORPUS, SETTINGS), distil(taught, TOKENIZER, CORPUS, sure, SETTINGS)
    torch.testing.assert_close(weights(taught), weights(trained), atol=1e-5, rtol=1e-5)
    for one, other in zip(ours, theirs, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], abs=1e-5)
        assert one["validation_accuracy"] == other["validation_accuracy"]


@pytest.mark.parametrize("seed", range(3))
def test_gradients_are_those_of_the_divergence(seed: int) -> None:
    taught, other = student(dropout=0.0), student(dropout=0.0)
    task = Distillation(taught, TOKENIZER, CORPUS, answers(seed), replace(SETTINGS, word_dropout=0.0))
    for batch in task.batches(torch.Generator().manual_seed(seed)):
        [(loss, n_texts)] = task.losses(batch)
        (loss / n_texts).backward()
        shares = other(batch["input_ids"], batch["attention_mask"]).logits.log_softmax(dim=-1)
        nn.KLDivLoss(reduction="batchmean")(shares, batch["answers"]).backward()
    for (name, one), two in zip(taught.named_parameters(), other.parameters(), strict=True):
        assert (one.grad is None) == (two.grad is None), name
        if one.grad is not None and two.grad is not None:
            torch.testing.assert_close(one.grad, two.grad, atol=1e-5, rtol=1e-5)


def test_every_text_comes_with_its_own_answer() -> None:
    given, seen = answers(), 0
    expected = {tuple(TOKENIZER.encode(text)): row for text, row in zip(CORPUS.train.texts, given, strict=True)}
    task = Distillation(student(), TOKENIZER, CORPUS, given, replace(SETTINGS, word_dropout=0.0))
    for batch in task.batches(torch.Generator().manual_seed(1)):
        for ids, mask, row in zip(batch["input_ids"], batch["attention_mask"].bool(), batch["answers"], strict=True):
            assert torch.equal(expected[tuple(ids[mask].tolist())], row)
            seen += 1
    assert seen == len(CORPUS.train)


def test_the_labels_of_the_texts_are_not_looked_at() -> None:
    one, other = student(), student()
    swapped = replace(CORPUS, train=Split(CORPUS.train.texts, [1 - label for label in CORPUS.train.labels]))
    distil(one, TOKENIZER, CORPUS, answers(), SETTINGS)
    distil(other, TOKENIZER, swapped, answers(), SETTINGS)
    assert torch.equal(weights(one), weights(other))


def test_a_run_goes_on_with_the_same_answers_only(tmp_path: Path) -> None:
    distil(student(), TOKENIZER, CORPUS, answers(), SETTINGS, Run(tmp_path))
    distil(student(), TOKENIZER, CORPUS, answers(), SETTINGS, Run(tmp_path, resume=True))
    with pytest.raises(ValueError, match="fingerprint of the teacher's answers"):
        distil(student(), TOKENIZER, CORPUS, answers() / 2 + 0.25, SETTINGS, Run(tmp_path, resume=True))


N_TEXTS = len(CORPUS.train)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (torch.ones(N_TEXTS), ValueError, r"tensor of shape \(\d+, 2\); but these answers have the shape \(\d+,\)"),
        (torch.full((N_TEXTS - 1, 2), 0.5), ValueError, "one probability for each of 2 classes"),
        (torch.full((N_TEXTS, 3), 1 / 3), ValueError, "one probability for each of 2 classes"),
        (torch.ones(N_TEXTS, 2), ValueError, r"sum to 1, but the answer to text 0 is \[1.0, 1.0\]"),
        (torch.tensor([[1.5, -0.5]] * N_TEXTS), ValueError, "Probabilities are at least 0"),
        (torch.full((N_TEXTS, 2), torch.nan), ValueError, "Probabilities are at least 0"),
        (torch.ones(N_TEXTS, 2, dtype=torch.long), TypeError, "a tensor of probabilities, but these are torch.int64"),
        ([[0.5, 0.5]] * N_TEXTS, TypeError, "a tensor of probabilities, but these are list"),
    ],
)
def test_other_answers_are_refused(given: Any, error: type[Exception], message: str) -> None:
    model = student()
    before = weights(model).clone()
    with as_readers_run_it(), pytest.raises(error, match=message):
        distil(model, TOKENIZER, CORPUS, given, SETTINGS)
    assert torch.equal(weights(model), before)


def test_answers_in_another_precision_or_with_a_gradient_are_taken() -> None:
    model = student()
    distil(model, TOKENIZER, CORPUS, answers().double().requires_grad_(), SETTINGS)
    assert weights(model).isfinite().all()


@pytest.mark.parametrize("corpus", [None, CORPUS.train, "imdb"], ids=["None", "a split", "a name"])
def test_what_is_no_corpus_is_refused_in_a_sentence(corpus: Any) -> None:
    with as_readers_run_it(), pytest.raises(TypeError, match=r"^corpus must be a Corpus, but it is of the type"):
        distil(student(), TOKENIZER, corpus, answers(), SETTINGS)


def test_a_student_of_other_classes_is_refused() -> None:
    model = NanoBertForClassification(vocab_size=len(TOKENIZER), n_embed=4, max_seq_len=32, labels=("a",))
    with pytest.raises(ValueError, match="class"):
        distil(model, TOKENIZER, CORPUS, answers(), SETTINGS)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0, 20.0])
def test_softened_answers_are_those_of_scores_divided_by_the_temperature(temperature: float) -> None:
    scores = 4 * torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    softened = soften(scores.softmax(dim=-1), temperature)
    torch.testing.assert_close(softened, (scores / temperature).softmax(dim=-1), atol=1e-5, rtol=1e-4)
    assert torch.equal(softened.argmax(dim=-1), scores.argmax(dim=-1))


def test_answers_beyond_doubt_stay_probabilities() -> None:
    softened = soften(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), 3.0)
    assert softened.isfinite().all()
    torch.testing.assert_close(softened.sum(dim=-1), torch.ones(2))
    assert softened[0, 1] > 0.99


@pytest.mark.parametrize(
    "given",
    [torch.tensor([[-2.0, 2.0]]), torch.tensor([[0.5, 0.6]]), torch.tensor([0.5, 0.5]), torch.full((1, 2), torch.nan)],
)
def test_what_is_no_probability_is_not_softened(as_a_reader: None, given: Tensor) -> None:
    with pytest.raises(ValueError, match=r"Probabilities are at least 0 and sum to 1|a row for each text"):
        soften(given, 2.0)


def test_labels_and_words_are_not_softened(as_a_reader: None) -> None:
    with pytest.raises(TypeError, match=r"but these are torch\.int64"):
        soften(torch.tensor([[0, 1]]), 2.0)
    with pytest.raises(TypeError, match="A temperature is a number"):
        soften(answers(), "hot")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="A temperature is above 0 and finite, but it is"):
        soften(answers(), temperature)
