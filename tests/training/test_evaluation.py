"""Evaluation: the metrics are scikit-learn's, and a probability does not depend on the company of a text."""

import random

import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from nano_bert import NanoBertForClassification, WordTokenizer
from nano_bert.data import Split
from nano_bert.training.evaluation import evaluate, measure, predict_probabilities
from tests.oracles import random_weights
from tests.phrases import phrases

NAMES = ("negative", "neutral", "positive")
TEXTS = [*phrases().train.texts[:20], "", "unheard of", "good " * 50]


@pytest.fixture
def tokenizer() -> WordTokenizer:
    return WordTokenizer.from_texts(TEXTS[:20], max_seq_len=16)


@pytest.fixture
def model(tokenizer: WordTokenizer) -> NanoBertForClassification:
    model = NanoBertForClassification(
        vocab_size=len(tokenizer), n_heads=2, n_embed=8, max_seq_len=16, dropout=0.3, labels=NAMES, pooling="mean"
    )
    random_weights(model, 0)
    model.classifier.weight.data *= 10  # so that its answers differ from text to text
    return model.eval()


@pytest.mark.parametrize("n_answered", [1, 2, 3], ids="{} classes answered".format)
@pytest.mark.parametrize("n_true", [1, 2, 3], ids="{} classes true".format)
@pytest.mark.parametrize("n_classes", [2, 3], ids="{} classes".format)
def test_metrics_are_those_of_scikit_learn(n_classes: int, n_true: int, n_answered: int) -> None:
    """Also where a class never comes up, in the truth or in the answers: its F1 is then 0."""
    draw = random.Random(100 * n_classes + 10 * n_true + n_answered)
    true = [draw.randrange(min(n_true, n_classes)) for _ in range(50)]
    answered = [draw.randrange(min(n_answered, n_classes)) for _ in range(50)]
    classes = list(range(n_classes))
    ours = measure(true, answered, NAMES[:n_classes])
    assert ours.accuracy == pytest.approx(accuracy_score(true, answered))
    f1 = f1_score(true, answered, labels=classes, average=None, zero_division=0)
    assert ours.f1 == pytest.approx(dict(zip(NAMES, f1, strict=False)))
    assert ours.macro_f1 == pytest.approx(f1.mean())
    assert ours.confusion == confusion_matrix(true, answered, labels=classes).tolist()


def test_metrics_print_the_true_class_down_and_the_answer_across() -> None:
    lines = str(measure([0, 0, 0, 1], [1, 1, 0, 1], ("no", "yes"))).splitlines()
    assert lines[0] == "accuracy 0.500, macro-F1 0.500 (F1: no 0.500, yes 0.500)"
    assert [line.split() for line in lines[1:]] == [["answered:", "no", "yes"], ["no", "1", "2"], ["yes", "0", "1"]]


@pytest.mark.parametrize(
    ("true", "answered", "sentence"),
    [
        ([], [], "Each text needs one answer, but there are 0 texts and 0 answers"),
        ([0, 1], [1], "there are 2 texts and 1 answers"),
        ([2], [0], "2 is not the id of a class: the 2 classes are no, yes"),
        ([0], [-1], "-1 is not the id of a class"),
    ],
)
def test_answers_that_cannot_be_measured_are_refused(true: list[int], answered: list[int], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        measure(true, answered, ("no", "yes"))


def test_a_text_has_the_same_probabilities_alone(model: NanoBertForClassification, tokenizer: WordTokenizer) -> None:
    alone = torch.stack([model(tokenizer(text)).logits.softmax(dim=-1) for text in TEXTS])
    assert (alone.max(dim=0).values - alone.min(dim=0).values).max() > 0.5, "the texts differ, or this proves little"
    torch.testing.assert_close(predict_probabilities(model, tokenizer, TEXTS), alone)


@pytest.mark.parametrize("n_tokens", [1, 20, 70, 1000])
def test_how_many_texts_are_read_at_a_time_changes_nothing(
    model: NanoBertForClassification, tokenizer: WordTokenizer, n_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = predict_probabilities(model, tokenizer, TEXTS)
    monkeypatch.setattr("nano_bert.training.evaluation.TOKENS_AT_A_TIME", n_tokens)
    torch.testing.assert_close(predict_probabilities(model, tokenizer, TEXTS), expected)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_and_the_mode_is_as_before(
    model: NanoBertForClassification, tokenizer: WordTokenizer, training: bool
) -> None:
    expected = predict_probabilities(model, tokenizer, TEXTS)
    model.train(training)
    assert torch.equal(predict_probabilities(model, tokenizer, TEXTS), expected)
    assert all(module.training == training for module in model.modules())


def test_no_gradients_are_kept(model: NanoBertForClassification, tokenizer: WordTokenizer) -> None:
    assert not predict_probabilities(model, tokenizer, TEXTS).requires_grad
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("texts", "error", "sentence"),
    [([], ValueError, "no text to judge: give at least one"), ("good film", TypeError, "put it in a list")],
)
def test_texts_that_cannot_be_judged_are_refused(
    model: NanoBertForClassification, tokenizer: WordTokenizer, texts: list[str], error: type, sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        predict_probabilities(model, tokenizer, texts)


def test_evaluate_compares_with_the_labels(model: NanoBertForClassification, tokenizer: WordTokenizer) -> None:
    answers = predict_probabilities(model, tokenizer, TEXTS).argmax(dim=-1).tolist()
    assert evaluate(model, tokenizer, Split(TEXTS, answers)).accuracy == 1.0
    wrong = [(answer + 1) % 3 for answer in answers]
    assert evaluate(model, tokenizer, Split(TEXTS, wrong)).accuracy == 0.0
