"""Starts: both trainings are the same but for what the weights begin with."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nano_bert.experiments import starts
from nano_bert.experiments.recipes import PRETRAINING
from nano_bert.experiments.starts import make_starts_record
from nano_bert.training import TrainingConfig
from tests.phrases import phrases

CORPUS = phrases(200)
RECORD = Path(__file__).parents[2] / "docs" / "results" / "starts.json"


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    model = {**PRETRAINING.model, "n_layers": 1, "n_heads": 2, "n_embed": 32, "max_seq_len": 16}
    small = replace(PRETRAINING, model=model, training=TrainingConfig(epochs=5))
    monkeypatch.setattr(starts, "PRETRAINING", small)
    monkeypatch.setattr(starts, "N_MEASURED", 10)
    monkeypatch.setattr(starts, "N_TEXTS", 60)


def test_the_record_holds_a_loss_for_each_start_seed_and_epoch(tiny: None) -> None:
    record = make_starts_record(CORPUS, [3, 4, 5])
    json.dumps(record, allow_nan=False)
    assert list(record["losses"]) == ["at random", "with neighbours"]
    for of_start in record["losses"].values():
        assert [len(run) for run in of_start] == [1, 1, 1]
        assert len({tuple(run) for run in of_start}) == 3, "each seed is a run of its own"
    assert (record["texts"], record["settings"]["epochs"], record["seeds"]) == (60, 1, [3, 4, 5])


def test_only_the_start_differs(tiny: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []

    def pretrain(model: Any, *given: Any) -> list[dict[str, float]]:
        seen.append((model, *given))
        return [{"validation_loss": 1.0}]

    monkeypatch.setattr(starts, "pretrain", pretrain)
    make_starts_record(CORPUS, [7])
    (at_random, *how), (with_neighbours, *how_too) = seen
    assert how[1:] == how_too[1:]
    assert how[-2].seed == 7
    changed = {
        name.rsplit(".", 2)[-2]
        for (name, one), other in zip(at_random.named_parameters(), with_neighbours.parameters(), strict=True)
        if not torch.equal(one, other)
    }
    assert changed == {"words", "positions", "query", "key"}
    assert CORPUS.test.texts[0] not in how[1]


def test_the_record_was_measured_with_the_settings_of_today() -> None:
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    assert record["model"] == dict(PRETRAINING.model)
    assert record["share_hidden"] == PRETRAINING.masking.share
    settings = TrainingConfig(**{**record["settings"], "betas": tuple(record["settings"]["betas"])})
    assert replace(settings, epochs=PRETRAINING.training.epochs) == PRETRAINING.training
    assert (record["texts"], settings.epochs, len(record["seeds"])) == (starts.N_TEXTS, starts.EPOCHS, 3)
    assert all(len(runs) == 3 for runs in record["losses"].values())
