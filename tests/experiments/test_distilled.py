"""A student: what it is given by its teacher, against the teacher itself."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nano_bert import BertConfig, NanoBertForClassification, WordTokenizer
from nano_bert.data import Split
from nano_bert.experiments import distilled
from nano_bert.experiments.distilled import ask, find_teacher
from nano_bert.experiments.recipes import Recipe, build, run_recipe
from nano_bert.experiments.records import make_record
from nano_bert.predict import load_classifier
from nano_bert.training import Run, TrainingConfig
from nano_bert.training.distillation import distil, soften
from nano_bert.training.evaluation import predict_probabilities
from tests.oracles import random_weights
from tests.phrases import phrases

CORPUS = phrases(40)
STUDENT = Recipe(
    corpus="phrases",
    about="a test",
    model={"n_embed": 4, "max_seq_len": 16, "pooling": "mean"},
    training=TrainingConfig(epochs=1),
    teacher="teacher-100",
)


def a_teacher(folder: Path, seed: int = 0, n_embed: int = 12) -> Path:
    tokenizer = WordTokenizer.from_texts(CORPUS.train.texts, max_seq_len=24)
    config = BertConfig(len(tokenizer), n_heads=2, n_embed=n_embed, max_seq_len=24, labels=CORPUS.label_names)
    model = NanoBertForClassification(config)
    random_weights(model, seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


# Answers


def test_the_answers_are_the_teachers(tmp_path: Path) -> None:
    folder = a_teacher(tmp_path / "teacher")
    answers = ask(folder, CORPUS.train.texts)
    expected = predict_probabilities(*load_classifier(folder), CORPUS.train.texts)
    assert answers.dtype == torch.float32
    torch.testing.assert_close(answers, expected, atol=0.02, rtol=0)  # it computes in 16 bits
    torch.testing.assert_close(answers.sum(dim=1), torch.ones(len(answers)), atol=1e-3, rtol=0)


def test_what_was_answered_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, texts = a_teacher(tmp_path / "teacher"), CORPUS.train.texts
    expected = ask(folder, texts)
    monkeypatch.setattr(distilled, "predict_probabilities", None)  # a single question would fail
    assert ask(folder, texts).equal(expected)
    with pytest.raises(TypeError):
        ask(folder, texts[1:])


def test_after_a_break_only_the_rest_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, texts = a_teacher(tmp_path / "teacher"), CORPUS.train.texts
    asked: list[int] = []
    monkeypatch.setattr(distilled, "AT_A_TIME", 10)
    real = distilled.predict_probabilities

    def stop(model: NanoBertForClassification, tokenizer: WordTokenizer, some: list[str]) -> torch.Tensor:
        asked.append(len(some))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return real(model, tokenizer, some)

    monkeypatch.setattr(distilled, "predict_probabilities", stop)
    with pytest.raises(KeyboardInterrupt):
        ask(folder, texts)
    answers = ask(folder, texts)
    assert sum(asked) == len(texts) + 10, "of the texts the third ten were asked twice"
    torch.testing.assert_close(answers, real(*load_classifier(folder), texts), atol=0.02, rtol=0)


def test_another_teacher_is_asked_anew(tmp_path: Path) -> None:
    first = ask(a_teacher(tmp_path / "teacher"), CORPUS.train.texts)
    answers = ask(a_teacher(tmp_path / "teacher", seed=1), CORPUS.train.texts)
    assert not answers.equal(first)


# Recipes


def test_a_recipe_with_a_teacher_learns_its_answers(tmp_path: Path) -> None:
    """The labels of the training texts are turned round, and nothing changes."""
    a_teacher(tmp_path / "teacher-100")
    model, _, history = run_recipe(STUDENT, CORPUS, 0, Run(tmp_path / "student"))
    turned = replace(CORPUS, train=Split(CORPUS.train.texts, [1 - label for label in CORPUS.train.labels]))
    other, _, again = run_recipe(STUDENT, turned, 0, Run(tmp_path / "other"))
    assert history[0]["train_loss"] == again[0]["train_loss"]
    assert all(weight.equal(other.state_dict()[name]) for name, weight in model.state_dict().items())


def test_a_student_learns_softened_answers_and_is_as_sure_as_its_teacher(tmp_path: Path) -> None:
    teacher = a_teacher(tmp_path / "teacher-100")
    taught, tokenizer, _ = run_recipe(STUDENT, CORPUS, 0, Run(tmp_path / "student"))
    other, _ = build(STUDENT, CORPUS, 0)
    softened = soften(ask(teacher, CORPUS.train.texts), distilled.TEMPERATURE)
    distil(other, tokenizer, CORPUS, softened, STUDENT.training)
    assert taught.classifier.weight.equal(3 * other.classifier.weight)
    assert taught.classifier.bias.equal(3 * other.classifier.bias)
    assert taught.bert.embedding.words.weight.equal(other.bert.embedding.words.weight)


def test_a_record_of_a_student_is_complete_and_names_its_teacher(tmp_path: Path) -> None:
    a_teacher(tmp_path / "teacher-100")
    record = make_record("student", STUDENT, CORPUS, [0, 1], tmp_path)
    assert record["recipe"]["teacher"] == "teacher-100"
    assert [run["seed"] for run in record["runs"]] == [0, 1]
    shutil.rmtree(tmp_path / "student-1")
    a_teacher(tmp_path / "teacher-100", seed=1)
    with pytest.raises(ValueError, match="was started with fingerprint of the teacher's answers = "):
        make_record("student", STUDENT, CORPUS, [0], tmp_path)


def test_a_teacher_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"The student needs its teacher, teacher-100, and .* holds no trained"):
        find_teacher("teacher-100", tmp_path)
    for work in (
        lambda: make_record("student", STUDENT, CORPUS, [0], tmp_path),
        lambda: run_recipe(STUDENT, CORPUS, 0, Run(tmp_path / "student")),
    ):
        with pytest.raises(FileNotFoundError, match="The student needs its teacher"):
            work()
