"""A student: what it is given by its teacher, against the teacher itself and NumPy's singular values."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nano_bert import BertConfig, NanoBertForClassification, WordTokenizer
from nano_bert.data import Corpus, Split
from nano_bert.experiments import distilled
from nano_bert.experiments.distilled import SPREAD, add_pieces, ask, begin_with_words, cut_up, find_teacher
from nano_bert.experiments.recipes import Recipe, run_recipe
from nano_bert.experiments.records import make_record
from nano_bert.predict import load_classifier
from nano_bert.training import Run, TrainingConfig
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


# Pieces


@given(st.text(alphabet="ab .!?\n\t", max_size=120), st.integers(1, 9))
def test_the_pieces_are_the_text(text: str, least: int) -> None:
    pieces = cut_up(text, least)
    assert " ".join(pieces).split() == text.split()
    assert all(pieces)
    if len(text.split()) >= least:
        assert all(len(piece.split()) >= least for piece in pieces)
    for piece in pieces[:-1]:
        assert piece[-1] in ".!?"
    if not text.split():
        assert pieces == []


def test_the_training_texts_come_first_and_then_their_pieces() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen."
    corpus = Corpus("toy", ("no", "yes"), Split([f"{text} {text}", "short."], [1, 0]), CORPUS.validation, CORPUS.test)
    more = add_pieces(corpus)
    assert more.train == Split([f"{text} {text}", "short.", text, text, "short."], [1, 0, 1, 1, 0])
    assert (more.validation, more.test) == (CORPUS.validation, CORPUS.test)
    assert more.name != corpus.name, "a run with other texts is another run"


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


# Words


def test_the_words_begin_as_the_teachers_best_directions(tmp_path: Path) -> None:
    """As NumPy's singular values give them; products of pairs are compared, since the sign of a direction is free."""
    folder = a_teacher(tmp_path / "teacher")
    tokenizer = WordTokenizer.from_texts(CORPUS.train.texts, max_seq_len=16)
    torch.manual_seed(1)
    student = NanoBertForClassification(vocab_size=len(tokenizer), labels=CORPUS.label_names, n_embed=3)
    before = student.bert.embedding.words.weight.detach().clone()
    begin_with_words(student, tokenizer, folder)
    table = student.bert.embedding.words.weight.detach()
    n_special = len(tokenizer.special_ids)
    assert table[:n_special].equal(before[:n_special])
    teacher, _ = load_classifier(folder)
    words: Any = teacher.bert.embedding.words.weight.detach()[n_special:].numpy()  # both have the same words
    u, s, _ = np.linalg.svd(words - words.mean(axis=0), full_matrices=False)
    best: Any = u[:, :3] * s[:3]
    best *= SPREAD / best.std(ddof=1)
    products = table[n_special:] @ table[n_special:].mT
    torch.testing.assert_close(products, torch.from_numpy(best @ best.T), atol=1e-5, rtol=0)


def test_a_word_of_several_pieces_is_their_mean_and_one_without_pieces_is_unknown(tmp_path: Path) -> None:
    words = ["wonderful", "film", "unread"]
    tokenizer = WordTokenizer.from_texts([" ".join(words)])
    teacher = NanoBertForClassification(vocab_size=9, n_embed=3, labels=CORPUS.label_names)
    table = teacher.bert.embedding.words.weight
    parts = {"wonderful": [5, 6], "film": [7], "unread": []}
    with torch.no_grad():
        table.copy_(torch.randn(9, 3, generator=torch.Generator().manual_seed(0)))

    class Pieces:
        unk_id = 3

        def token_ids(self, word: str) -> list[int]:
            return parts[word]

    student = NanoBertForClassification(vocab_size=len(tokenizer), n_embed=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distilled, "load_classifier", MagicMock(return_value=(teacher, Pieces())))
        begin_with_words(student, tokenizer, tmp_path)
    got = student.bert.embedding.words.weight.detach()[[tokenizer.vocab[word] for word in words]]
    means = torch.stack([table[[5, 6]].mean(dim=0), table[7], table[3]]).detach()
    expected = torch.cdist(means, means)  # in three of three directions all distances are kept, but for the scale
    torch.testing.assert_close(torch.cdist(got, got) / torch.cdist(got, got).max(), expected / expected.max())


def test_a_student_larger_than_its_teacher_is_refused(tmp_path: Path) -> None:
    folder = a_teacher(tmp_path / "teacher", n_embed=2)
    tokenizer = WordTokenizer.from_texts(CORPUS.train.texts)
    student = NanoBertForClassification(vocab_size=len(tokenizer), n_embed=4)
    with pytest.raises(ValueError, match=r"the student has 4 and the teacher 2: give the student a smaller n_embed\.$"):
        begin_with_words(student, tokenizer, folder)


# Recipes


def test_a_recipe_with_a_teacher_learns_its_answers(tmp_path: Path) -> None:
    """The labels of the training texts are turned round, and nothing changes."""
    a_teacher(tmp_path / "teacher-100")
    model, _, history = run_recipe(STUDENT, CORPUS, 0, Run(tmp_path / "student"))
    turned = replace(CORPUS, train=Split(CORPUS.train.texts, [1 - label for label in CORPUS.train.labels]))
    other, _, again = run_recipe(STUDENT, turned, 0, Run(tmp_path / "other"))
    assert history[0]["train_loss"] == again[0]["train_loss"]
    assert all(weight.equal(other.state_dict()[name]) for name, weight in model.state_dict().items())


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
