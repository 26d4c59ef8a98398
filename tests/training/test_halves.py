"""Halves: each stands beside its own other half, cut where it says, and what is learnt is which belong together."""

import math
import random
from typing import Any

import pytest
import torch
from torch import Tensor

from nano_bert import NanoBertForPreTraining, WordTokenizer
from nano_bert.data.phrases import NEGATIVE, PARTS, POSITIVE
from nano_bert.task_heads import IGNORED
from nano_bert.training import Masking, TrainingConfig
from nano_bert.training import halves as module
from nano_bert.training.halves import MARGIN, TEMPERATURE, Halves, match_halves, match_loss, match_scores


def make_reviews(n: int, seed: int) -> list[str]:
    """Return reviews of four sentences, all of one opinion."""
    choose = random.Random(seed)
    camps = [choose.choice((POSITIVE, NEGATIVE)) for _ in range(n)]
    return [
        " . ".join(
            f"the {part} was {word}" for part, word in zip(choose.sample(PARTS, 4), choose.sample(camp, 4), strict=True)
        )
        for camp in camps
    ]


REVIEWS, ASIDE = make_reviews(600, 0), make_reviews(60, 1)
TOKENIZER = WordTokenizer.from_texts(REVIEWS, max_seq_len=32)


def make_model(seed: int = 0, **settings: Any) -> NanoBertForPreTraining:
    torch.manual_seed(seed)
    sizes: dict[str, Any] = {
        "n_layers": 1,
        "n_heads": 2,
        "n_embed": 32,
        "max_seq_len": 32,
        "dropout": 0.0,
        "pooler": False,
    }
    return NanoBertForPreTraining(vocab_size=len(TOKENIZER), **{**sizes, **settings})


def make_task(texts: list[str], batch_size: int = 8, max_seq_len: int = 32) -> Halves:
    model = make_model(max_seq_len=max_seq_len)
    return Halves(model, TOKENIZER, texts, ASIDE, TrainingConfig(batch_size=batch_size), Masking())


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", range(4))
def test_scores_and_loss_are_those_of_the_formula(seed: int) -> None:
    torch.manual_seed(seed)
    first, second = torch.randn(5, 7, dtype=torch.double), torch.randn(5, 7, dtype=torch.double)
    scores, losses = torch.empty(5, 5, dtype=torch.double), list[Tensor]()
    for row in range(5):
        for column in range(5):
            scores[row, column] = torch.cosine_similarity(first[row], second[column], dim=0) / TEMPERATURE
    for n in range(5):
        losses += [-scores[n].softmax(0)[n].log(), -scores[:, n].softmax(0)[n].log()]
    torch.testing.assert_close(match_scores(first, second), scores)
    torch.testing.assert_close(match_loss(scores), torch.stack(losses).mean())


@pytest.mark.parametrize(("n_words", "max_seq_len"), [(2, 32), (3, 32), (9, 32), (24, 8), (41, 12)])
def test_a_text_is_cut_through_the_middle(n_words: int, max_seq_len: int) -> None:
    """The first half is read from its beginning on, the second up to its end; both stand in the same line."""
    words = list(TOKENIZER.id_to_token[5:])
    texts = [" ".join(random.Random(seed).choices(words, k=n_words)) for seed in range(7)]
    seen: list[str] = []
    lengths: set[int] = set()
    for batch in make_task(texts, batch_size=3, max_seq_len=max_seq_len).batches(source()):
        ids = torch.where(batch["labels"] == IGNORED, batch["input_ids"], batch["labels"])
        firsts, seconds = ([TOKENIZER.decode(row).split() for row in half] for half in ids.chunk(2))
        for first, second in zip(firsts, seconds, strict=True):
            [text] = [
                text for text in texts if text.split()[: len(first)] == first and text.split()[-len(second) :] == second
            ]
            for half, n in ((first, n_words // 2), (second, n_words - n_words // 2)):
                most = min(n, max_seq_len - 2)
                assert min(math.ceil(n * (1 - MARGIN)), most) <= len(half) <= most
                lengths.add(len(half))
            seen.append(text)
    assert sorted(seen) == sorted(texts)
    assert len(lengths) > 1 or n_words < 9 or max_seq_len < 32, "a half must not be told by its length"


def test_texts_of_one_word_or_none_are_left_out() -> None:
    batches = list(make_task(["good", "", "the plot was good", "the hero was bad"]).batches(source()))
    assert [len(batch["input_ids"]) for batch in batches] == [4]  # two texts, two halves each


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_camps_fall_apart_without_a_label(seed: int) -> None:
    """All that the halves of these reviews have in common is their opinion: words of a camp come to lie together."""
    model = make_model(seed)
    history = match_halves(model, TOKENIZER, REVIEWS, ASIDE, TrainingConfig(epochs=6, learning_rate=5e-3, seed=seed))
    batch = TOKENIZER.encode_batch([f"the plot was {word}" for word in (*POSITIVE, *NEGATIVE)])
    with torch.no_grad():
        vectors = model.bert(batch["input_ids"]).last_hidden_state.mean(dim=-2)
    cosines = match_scores(vectors, vectors) * TEMPERATURE
    n = len(POSITIVE)
    assert cosines[:n, n:].mean() + 0.1 < min(cosines[:n, :n].mean(), cosines[n:, n:].mean())
    assert history[-1]["validation_halves"] < history[0]["validation_halves"]


def test_halves_of_other_texts_teach_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the second halves dealt in another order, the camps would stay together: the test above would see it."""

    def of_others(scores: Tensor) -> Tensor:
        return match_loss(scores.roll(1, dims=1))

    monkeypatch.setattr(module, "match_loss", of_others)
    model = make_model()
    match_halves(model, TOKENIZER, REVIEWS, ASIDE, TrainingConfig(epochs=6, learning_rate=5e-3))
    batch = TOKENIZER.encode_batch([f"the plot was {word}" for word in ("good", "bad")])
    with torch.no_grad():
        good, bad = model.bert(batch["input_ids"]).last_hidden_state.mean(dim=-2)
    assert torch.cosine_similarity(good, bad, dim=0) > 0.9


def test_a_run_is_the_same_twice() -> None:
    runs = [
        match_halves(make_model(), TOKENIZER, REVIEWS[:40], ASIDE, TrainingConfig(epochs=2, batch_size=8))
        for _ in range(2)
    ]
    for ours, again in zip(*runs, strict=True):
        assert {name: of for name, of in ours.items() if "seconds" not in name} == {
            name: of for name, of in again.items() if "seconds" not in name
        }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"texts": ["the plot was good"]}, "nothing to learn from: it takes two texts of two words or more"),
        ({"texts": ["good", "bad", ""]}, "There is nothing to learn from"),
        ({"validation": ["the plot was good", "bad"]}, "nothing to measure with"),
        ({"settings": TrainingConfig(batch_size=1)}, "set batch_size to 2 texts or more"),
        ({"settings": TrainingConfig(word_dropout=0.1)}, "set word_dropout to 0"),
        ({"masking": 0.2}, "Masking"),
        ({"model": 3}, "NanoBertForPreTraining"),
        ({"texts": ["zzz qqq", "qqq zzz"]}, "no text has a word of the vocabulary"),
        ({"model": make_model(pooler=True)}, "take pooler=False"),
    ],
)
def test_what_cannot_be_matched_is_refused(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"texts": REVIEWS[:8], "validation": ASIDE, "settings": None, "masking": None, **change}
    model = given.pop("model", None) or make_model()
    with pytest.raises((TypeError, ValueError), match=message):
        match_halves(model, TOKENIZER, **given)


def test_many_processes_cannot_share_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "world_size", lambda: 2)
    with pytest.raises(ValueError, match="one process has to hold them all"):
        match_halves(make_model(), TOKENIZER, REVIEWS[:8], ASIDE)


def test_what_has_no_two_halves_is_refused(as_a_reader: None) -> None:
    with pytest.raises(ValueError, match=r"form a square, but these have the shape \(2, 3\)"):
        match_loss(torch.zeros(2, 3))
    for ids, most in ((range(1), 5), (range(9), 0)):
        with pytest.raises(ValueError, match="give no two halves"):
            module.cut(ids, most, source())
