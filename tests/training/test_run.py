"""A run is for one training, and tells how far it has come."""

from pathlib import Path

import pytest
import torch

from nano_bert import NanoBertForClassification, NanoBertForPreTraining, WordTokenizer
from nano_bert.training import Run, TrainingConfig, pretrain, train
from tests.phrases import phrases

CORPUS = phrases()
TOKENIZER = WordTokenizer.from_texts(CORPUS.train.texts, max_seq_len=32)
SETTINGS = TrainingConfig(epochs=2)


def new_model() -> NanoBertForClassification:
    torch.manual_seed(0)
    return NanoBertForClassification(vocab_size=len(TOKENIZER), n_embed=4, max_seq_len=32)


@pytest.mark.parametrize("folder", [None, "run"])
def test_a_run_used_twice_is_refused(folder: str | None, tmp_path: Path) -> None:
    run = Run(None if folder is None else tmp_path / folder)
    train(new_model(), TOKENIZER, CORPUS, SETTINGS, run)
    with pytest.raises(ValueError, match=r"This Run is over: a Run is for one training\. Make a new one"):
        train(new_model(), TOKENIZER, CORPUS, SETTINGS, run)
    texts, model = CORPUS.train.texts, NanoBertForPreTraining(vocab_size=len(TOKENIZER), pooler=False)
    with pytest.raises(ValueError, match="This Run is over"):
        pretrain(model, TOKENIZER, texts, texts[:4], SETTINGS, run=run)


def test_a_refused_run_leaves_the_model_clear_and_as_it_was() -> None:
    run = Run()
    train(new_model(), TOKENIZER, CORPUS, SETTINGS, run)
    model = new_model()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with pytest.raises(ValueError, match="This Run is over"):
        train(model, TOKENIZER, CORPUS, SETTINGS, run)
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


def test_a_run_knows_how_far_it_has_come() -> None:
    run = Run()
    history = train(new_model(), TOKENIZER, CORPUS, SETTINGS, run)
    assert history is run.progress.history
    assert (run.progress.epoch, run.progress.step) == (2, 0)
    best = max(history, key=lambda line: line["validation_accuracy"])
    assert (run.progress.best_epoch, run.progress.best_score) == (best["epoch"], best["validation_accuracy"])


@pytest.mark.parametrize("show_progress", [False, True])
def test_a_bar_is_drawn_where_it_is_asked_for(show_progress: bool, capfd: pytest.CaptureFixture[str]) -> None:
    train(new_model(), TOKENIZER, CORPUS, SETTINGS, Run(show_progress=show_progress))
    assert ("epoch 2/2: 100%" in capfd.readouterr().err) == show_progress
