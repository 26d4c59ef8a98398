"""Pretraining: every word is read, the losses are those of the whole model, and a broken run goes on bit for bit."""

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nano_bert import NanoBertForClassification, NanoBertForPreTraining, WordPieceTokenizer, WordTokenizer
from nano_bert.data.documents import split_sentences
from nano_bert.task_heads import IGNORED
from nano_bert.tokenizer.base import Tokenizer
from nano_bert.training import Masking, Run, TrainingConfig, loop, pretrain, train
from nano_bert.training import run as runs
from nano_bert.training.pretraining import Pretraining
from nano_bert.training.resume import STATE_FILE
from tests.phrases import phrases

PHRASES = phrases()
STORIES = [". ".join(PHRASES.train.texts[n : n + 4]) + "." for n in range(0, 80, 4)]
ASIDE = [". ".join(PHRASES.validation.texts[n : n + 3]) + "!" for n in range(0, 9, 3)]
TOKENIZER = WordTokenizer.from_texts(STORIES, max_seq_len=20)
SETTINGS = {"epochs": 3, "batch_size": 8, "learning_rate": 1e-2}


def make_model(in_pairs: bool = False, **settings: Any) -> NanoBertForPreTraining:
    torch.manual_seed(settings.pop("seed", 0))
    sizes = {"vocab_size": len(TOKENIZER), "n_embed": 8, "n_heads": 2, "max_seq_len": 20, "dropout": 0.1}
    return NanoBertForPreTraining(**{**sizes, "pooler": in_pairs, **settings})


def make_task(
    model: NanoBertForPreTraining, tokenizer: Tokenizer = TOKENIZER, masking: Masking | None = None
) -> Pretraining:
    return Pretraining(model, tokenizer, STORIES, ASIDE, TrainingConfig(**SETTINGS), masking or Masking())


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def true_ids(batch: dict[str, Tensor]) -> Tensor:
    return torch.where(batch["labels"] == IGNORED, batch["input_ids"], batch["labels"])


# What there is to guess


@pytest.mark.parametrize("in_pairs", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_to_score_the_hidden_words_alone_changes_no_loss(seed: int, in_pairs: bool) -> None:
    """The whole model, with labels, scores every place: the loss, and its gradient, are the same."""
    model = make_model(in_pairs, seed=seed).eval().double()
    task = make_task(model)

    def loss_of(batch: dict[str, Tensor]) -> Tensor:
        return torch.stack([total / count for total, count in task.losses(batch)]).sum()

    for batch in task.batches(source(seed)):
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids", "labels")}
        whole = model(**inputs, next_sentence_label=batch["is_random"] if in_pairs else None).loss
        torch.testing.assert_close(loss_of(batch), whole, atol=1e-12, rtol=0)
    expected = torch.autograd.grad(whole, list(model.parameters()), allow_unused=True)
    found = torch.autograd.grad(loss_of(batch), list(model.parameters()), allow_unused=True)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)


@pytest.mark.parametrize("n_tokens", [3, 7, 20])
def test_every_word_is_read_once_an_epoch(n_tokens: int) -> None:
    """The rows of an epoch, as they were before words were hidden, are the texts; no row is longer than allowed."""
    task = make_task(make_model(max_seq_len=n_tokens))
    for seed in range(2):
        read: Counter[tuple[int, ...]] = Counter()
        n_batches = 0
        for batch in task.batches(source(seed)):
            assert batch["input_ids"].shape[0] <= SETTINGS["batch_size"]
            assert batch["input_ids"].shape[1] <= n_tokens
            n_batches += 1
            for row, mask in zip(true_ids(batch), batch["attention_mask"], strict=True):
                row = row[mask.bool()].tolist()
                assert (row[0], row[-1]) == (TOKENIZER.cls_id, TOKENIZER.sep_id)
                read[tuple(row[1:-1])] += 1
        expected: Counter[tuple[int, ...]] = Counter()
        for text in STORIES:
            ids, step = TOKENIZER.token_ids(text), n_tokens - 2
            expected.update(tuple(ids[start : start + step]) for start in range(0, len(ids), step))
        assert read == expected
        assert n_batches == task.n_batches


@pytest.mark.parametrize("in_pairs", [False, True])
def test_rows_are_filled_up_and_the_filling_is_masked(in_pairs: bool) -> None:
    filled = 0
    tokenizer = WordTokenizer(TOKENIZER.id_to_token, max_seq_len=64)
    for batch in make_task(make_model(in_pairs, max_seq_len=64), tokenizer).batches(source()):
        padding = batch["attention_mask"] == 0
        assert torch.equal(padding, batch["input_ids"] == TOKENIZER.pad_id)
        assert (batch["labels"][padding] == IGNORED).all()
        assert (batch["token_type_ids"][padding] == 0).all()
        filled += int(padding.sum())
    assert filled > 0


def test_pairs_stand_in_two_segments() -> None:
    task = make_task(make_model(in_pairs=True))
    n_random = n_pairs = n_batches = 0
    for batch in task.batches(source()):
        n_batches += 1
        n_pairs += len(batch["input_ids"])
        n_random += int(batch["is_random"].sum())
        for row, segments in zip(true_ids(batch).tolist(), batch["token_type_ids"].tolist(), strict=True):
            row = [index for index in row if index != TOKENIZER.pad_id]
            first_end = row.index(TOKENIZER.sep_id)
            assert row[0] == TOKENIZER.cls_id
            assert row.count(TOKENIZER.sep_id) == 2
            assert row[-1] == TOKENIZER.sep_id
            assert 1 < first_end < len(row) - 2, "neither half is empty"
            assert segments[: len(row)] == [0] * (first_end + 1) + [1] * (len(row) - first_end - 1)
    assert (n_pairs, n_random, n_batches) == (len(STORIES), len(STORIES) // 2, task.n_batches)


def test_a_pair_that_follows_is_found_in_its_text() -> None:
    texts = [" ".join(map(str, TOKENIZER.token_ids(text))) for text in STORIES]
    for batch in make_task(make_model(in_pairs=True)).batches(source()):
        for row, is_random in zip(true_ids(batch).tolist(), batch["is_random"].tolist(), strict=True):
            middle, end = (place for place, index in enumerate(row) if index == TOKENIZER.sep_id)
            both = " ".join(map(str, row[1:middle] + row[middle + 1 : end]))
            assert any(both in text for text in texts) != is_random


def test_other_words_are_hidden_in_each_epoch_and_the_same_ones_in_validation() -> None:
    model = make_model(in_pairs=True)
    task = make_task(model)
    first, other = ([batch["labels"] for batch in task.batches(source(seed))] for seed in (1, 2))
    assert not all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(first, other, strict=True))
    model.eval()
    torch.manual_seed(1)
    before = task.validate()
    model.train()
    torch.manual_seed(2)
    assert task.validate() == before, "dropout is off, and the same words are hidden"
    assert not model.training


def test_whole_words_are_hidden_where_that_is_asked_for() -> None:
    tokenizer = WordPieceTokenizer.from_texts(STORIES, vocab_size=60)
    goes_on = torch.tensor([token.startswith("##") for token in tokenizer.id_to_token])
    model = make_model(vocab_size=len(tokenizer), max_seq_len=99)
    torn: list[int] = []
    for whole_words in (False, True):
        torn.append(0)
        for batch in make_task(model, tokenizer, Masking(whole_words=whole_words)).batches(source()):
            chosen = batch["labels"] != IGNORED
            torn[-1] += int(((chosen[:, 1:] != chosen[:, :-1]) & goes_on[true_ids(batch)][:, 1:]).sum())
    assert torn[0] > 0 == torn[1]


def test_each_epoch_of_a_run_hides_other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    real = Pretraining.batches
    monkeypatch.setattr(
        Pretraining, "batches", lambda self, generator: seeds.append(generator.initial_seed()) or real(self, generator)
    )
    short_run()
    assert len(set(seeds)) == 3


@pytest.mark.parametrize("in_pairs", [False, True])
def test_validation_counts_by_words_and_by_pairs(in_pairs: bool) -> None:
    """One batch or many: the same words are hidden in all, and every word has the same weight."""
    model = make_model(in_pairs, seed=5).eval()
    task = make_task(model)
    loss, n_words, n_right, n_right_pairs = 0.0, 0, 0, 0
    for batch in task._hide(task.validation, source(0)):
        out = model(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"])
        logs = out.prediction_logits.log_softmax(dim=-1)
        for place in (batch["labels"] != IGNORED).nonzero().tolist():
            truth = batch["labels"][tuple(place)]
            loss, n_words = loss - logs[tuple(place)][truth].item(), n_words + 1
            n_right += int(logs[tuple(place)].argmax() == truth)
        if in_pairs:
            n_right_pairs += int((out.seq_relationship_logits.argmax(dim=-1) == batch["is_random"]).sum())
    score, notes = task.validate()
    assert score == -notes["validation_loss"]
    assert notes.pop("validation_loss") == pytest.approx(loss / n_words, abs=1e-5)
    expected = {"validation_accuracy": n_right / n_words}
    assert notes == (expected | {"validation_next_sentence": n_right_pairs / len(ASIDE)} if in_pairs else expected)


# It learns


def test_it_learns_from_the_context() -> None:
    """Who knows the frequencies alone pays the entropy of a word; who reads the words around it, much less."""
    corpus = phrases(1000)
    tokenizer = WordTokenizer.from_texts(corpus.train.texts, max_seq_len=32)
    counts = Counter(word for text in corpus.validation.texts for word in tokenizer.token_ids(text))
    n_words = counts.total()
    entropy = -sum(n / n_words * math.log(n / n_words) for n in counts.values())
    model = make_model(vocab_size=len(tokenizer), n_embed=32, max_seq_len=32, dropout=0.0)
    settings = TrainingConfig(epochs=8, learning_rate=1e-2)
    history = pretrain(model, tokenizer, corpus.train.texts, corpus.validation.texts, settings)
    assert history[0]["train_loss"] > 0.8 * entropy
    assert history[-1]["validation_loss"] < 0.6 * entropy, f"the entropy is {entropy:.2f}"
    assert history[-1]["validation_accuracy"] > 0.4


def test_it_learns_which_sentence_follows() -> None:
    """A colour is followed by the same colour: only who compares both parts can tell."""
    texts = [f"{name} {name}. {name} {name}." for name in ("red", "green", "blue", "white")] * 40
    tokenizer = WordTokenizer.from_texts(texts, max_seq_len=16)
    sizes = {"vocab_size": len(tokenizer), "n_embed": 32, "max_seq_len": 16, "dropout": 0.0, "initializer_range": 0.3}
    settings = TrainingConfig(epochs=16, learning_rate=1e-2, patience=16, batch_size=16)
    history = pretrain(make_model(True, **sizes), tokenizer, texts, texts[:40], settings)
    assert history[0]["validation_next_sentence"] < 0.7
    assert history[-1]["validation_next_sentence"] > 0.9


def test_the_best_epoch_is_kept() -> None:
    model = make_model()
    history = pretrain(model, TOKENIZER, STORIES, ASIDE, TrainingConfig(epochs=30, learning_rate=0.05, patience=4))
    best = min(line["validation_loss"] for line in history)
    assert history[-1]["validation_loss"] > best, "a test that needs an epoch which is worse"
    assert len(history) < 30, "patience has an end"
    assert history[-5]["validation_loss"] == best
    assert not model.training
    # Afterwards its heads are clear again, and give the same numbers to rounding.
    assert make_task(model).validate()[1]["validation_loss"] == pytest.approx(best, rel=1e-6)


# It can be resumed


class PowerCut(Exception):
    pass


def short_run(
    in_pairs: bool = False, folder: Path | None = None, resume: bool = False, texts: Any = STORIES, **changed: Any
) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    masking = Masking(**{name: changed.pop(name) for name in ("share", "whole_words") if name in changed})
    model = make_model(in_pairs, **{name: changed.pop(name) for name in ("n_embed", "dropout") if name in changed})
    settings = TrainingConfig(**{**SETTINGS, **changed})
    history = pretrain(model, TOKENIZER, texts, ASIDE, settings, masking, Run(folder, resume))
    seconds = ("cpu_seconds", "wall_seconds")  # all that may differ
    return model.state_dict(), [{k: v for k, v in line.items() if k not in seconds} for line in history]


def break_off(monkeypatch: pytest.MonkeyPatch, call: int, *arguments: Any) -> None:
    """Start a run whose power fails at the n-th step."""
    real: Callable[..., Any] = loop.train_step
    calls: list[int] = []

    def step(*given: Any) -> float:
        calls.append(1)
        if len(calls) == call:
            raise PowerCut
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", step)
        with pytest.raises(PowerCut):
            short_run(*arguments)


def same_run(first: tuple[Any, Any], second: tuple[Any, Any]) -> bool:
    return first[1] == second[1] and all(torch.equal(weight, second[0][name]) for name, weight in first[0].items())


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that is complete."""
    folder = tmp_path_factory.mktemp("runs")
    short_run(folder=folder)
    return folder


@pytest.fixture(scope="module", params=[False, True], ids=["words", "pairs"])
def unbroken(request: pytest.FixtureRequest) -> tuple[bool, tuple[Any, Any]]:
    return request.param, short_run(request.param)


@pytest.mark.parametrize("save_every", [1, 4], ids="state every {} steps".format)
@pytest.mark.parametrize("step", [2, 3, 4, 7, 9])
def test_a_run_that_breaks_off_goes_on_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbroken: Any, step: int, save_every: int
) -> None:
    """With dropout, so that torch's own randomness has to be taken up, too."""
    in_pairs, expected = unbroken
    monkeypatch.setattr(runs, "SAVE_EVERY", save_every)
    break_off(monkeypatch, step, in_pairs, tmp_path)
    assert same_run(short_run(in_pairs, tmp_path, resume=True), expected)
    monkeypatch.setattr(loop, "train_step", None)  # what is complete does not begin again
    assert same_run(short_run(in_pairs, tmp_path, resume=True), expected)


def test_the_same_seed_the_same_run_and_another_another(unbroken: Any) -> None:
    in_pairs, expected = unbroken
    assert same_run(short_run(in_pairs), expected)
    assert not same_run(short_run(in_pairs, seed=1), expected)
    assert not same_run(short_run(in_pairs, dropout=0.2), expected)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"share": 0.2}, "share"),
        ({"whole_words": True}, "whole_words"),
        ({"seed": 2}, "seed"),
        ({"epochs": 4}, "epochs"),
        ({"n_embed": 4}, "n_embed"),
        ({"in_pairs": True}, "in_pairs"),
        ({"fused": False}, "fused"),
        ({"texts": STORIES[1:]}, "fingerprint of the texts"),
        ({"texts": [*STORIES[:-1], "another."]}, "fingerprint of the texts"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else value,
)
def test_another_run_is_not_gone_on_with(kept: Path, changed: dict[str, Any], name: str) -> None:
    before = (kept / STATE_FILE).read_bytes()
    with pytest.raises(ValueError, match=f"was started with {name} = .*, but now it is"):
        short_run(**{"folder": kept, "resume": True, **changed})
    assert (kept / STATE_FILE).read_bytes() == before


def test_other_validation_texts_are_another_run(kept: Path) -> None:
    with pytest.raises(ValueError, match="was started with fingerprint of the texts"):
        pretrain(make_model(), TOKENIZER, STORIES, ASIDE[1:], TrainingConfig(**SETTINGS), run=Run(kept, resume=True))


def test_no_classifier_goes_on_as_a_pretraining(tmp_path: Path) -> None:
    model = NanoBertForClassification(vocab_size=len(TOKENIZER), n_embed=8, n_heads=2, max_seq_len=20)
    train(model, TOKENIZER, PHRASES, TrainingConfig(**SETTINGS), Run(tmp_path))
    with pytest.raises(ValueError, match="was started with corpus = phrases, but now it is pretraining"):
        short_run(folder=tmp_path, resume=True)


# What makes no sense


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ([], "There is nothing to learn from: no text has a word of the vocabulary"),
        (["", "  \n"], "There is nothing to learn from"),
        (["zzz qqq xxx"], "There is nothing to learn from: no text has a word of the vocabulary"),
    ],
    ids=str,
)
def test_no_texts_or_none_with_a_word(texts: list[str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        short_run(texts=texts)
    with pytest.raises(ValueError, match="There is nothing to measure with"):
        pretrain(make_model(), TOKENIZER, STORIES, texts)


def test_no_text_with_two_sentences() -> None:
    with pytest.raises(ValueError, match="to learn from: no text has two sentences with words of the vocabulary"):
        short_run(in_pairs=True, texts=PHRASES.train.texts)
    assert all(len(split_sentences(text)) == 1 for text in PHRASES.train.texts)


def test_one_text_with_two_sentences() -> None:
    with pytest.raises(ValueError, match="too few or too alike: there are 1 of two sentences or more"):
        short_run(in_pairs=True, texts=STORIES[:1])


def test_one_string_is_no_list_of_texts(as_a_reader: None) -> None:
    with pytest.raises(TypeError, match="texts is a list of texts, but it is one string: put it in a list"):
        short_run(texts="the film was good")
    with pytest.raises(TypeError, match="it is one string"):
        pretrain(make_model(), TOKENIZER, STORIES, "the film was good")


@pytest.mark.parametrize(("in_pairs", "max_seq_len"), [(False, 1), (False, 2), (True, 1), (True, 4)])
def test_no_room_for_a_word(in_pairs: bool, max_seq_len: int) -> None:
    sentence = f"max_seq_len={max_seq_len} leaves no room for a word .*: take {5 if in_pairs else 3} or more"
    with pytest.raises(ValueError, match=sentence):
        pretrain(make_model(in_pairs, max_seq_len=max_seq_len), TOKENIZER, STORIES, ASIDE)


@pytest.mark.parametrize(("in_pairs", "max_seq_len"), [(False, 3), (True, 5)])
def test_just_room_enough(in_pairs: bool, max_seq_len: int) -> None:
    texts = ["good film. bad film.", "the film was good. was it?", "a plot. the end."]
    tokenizer = WordTokenizer.from_texts(texts, max_seq_len=max_seq_len)
    model = make_model(in_pairs, vocab_size=len(tokenizer), max_seq_len=max_seq_len)
    [line] = pretrain(model, tokenizer, texts, texts, TrainingConfig(epochs=1))
    assert math.isfinite(line["train_loss"])


def test_words_are_hidden_and_not_dropped() -> None:
    with pytest.raises(ValueError, match="words are hidden, not dropped: set word_dropout to 0"):
        short_run(word_dropout=0.1)


@pytest.mark.parametrize("share", [0, 2, float("nan")])
def test_a_bad_share_is_refused_before_anything_is_read(
    as_a_reader: None, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    monkeypatch.setattr(Pretraining, "_read", None)
    with pytest.raises(ValueError, match="share is a part of the tokens"):
        short_run(share=share)


def test_a_tokenizer_that_cuts_nothing_or_earlier_than_the_model() -> None:
    """The rows are as long as both allow."""
    pieces = WordPieceTokenizer(TOKENIZER.id_to_token)
    assert pieces.max_seq_len is None
    settings = TrainingConfig(epochs=1)
    [line] = pretrain(make_model(), pieces, STORIES, ASIDE, settings)
    assert line == {**pretrain(make_model(), TOKENIZER, STORIES, ASIDE, settings)[0], **{
        name: line[name] for name in ("cpu_seconds", "wall_seconds")}}  # fmt: skip
    assert math.isfinite(pretrain(make_model(max_seq_len=99), TOKENIZER, STORIES, ASIDE, settings)[0]["train_loss"])
