"""What stands on the encoder: losses and gradients as transformers and torch have them, and labels that are none."""

import pytest
import torch
import transformers
from torch.nn.functional import cross_entropy

from nano_bert import NanoBertForPreTraining
from nano_bert.pretrained.weight_names import to_hugging_face
from nano_bert.task_heads import IGNORED, masked_mean, masked_word_loss, next_sentence_loss
from tests.oracles import (
    PRECISIONS,
    SEEDS,
    assert_same,
    gradients,
    hugging_face,
    random_batch,
    random_config,
    random_weights,
)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS.items())
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("pooler", [True, False], ids=["both heads", "words only"])
def test_losses_and_gradients_are_those_of_transformers(
    seed: int, dtype: torch.dtype, tolerance: float, pooler: bool
) -> None:
    config = random_config(seed, dropout=0.0, attention_dropout=0.0, pooler=pooler)
    model = random_weights(NanoBertForPreTraining(config), seed).to(dtype)
    oracle = hugging_face(model, transformers.BertForPreTraining if pooler else transformers.BertForMaskedLM)
    batch = random_batch(config, seed)
    batch["labels"] = batch["input_ids"].masked_fill(torch.rand(batch["input_ids"].shape) < 0.7, IGNORED)
    batch["labels"][0, 0] = 3
    if pooler:
        batch["next_sentence_label"] = torch.tensor([0, 1, seed % 2])
    ours, theirs = model(**batch), oracle(**batch)
    assert_same({"loss": ours.loss}, {"loss": theirs.loss}, tolerance)
    ours.loss.backward()
    theirs.loss.backward()

    found = to_hugging_face(gradients(model))
    expected = {name: weight.grad for name, weight in oracle.named_parameters() if weight.grad is not None}
    assert_same({name: found[name] for name in expected}, expected, tolerance)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_loss_is_torch_s_own(seed: int) -> None:
    torch.manual_seed(seed)
    logits, labels = torch.randn(4, 7, 9), torch.randint(9, (4, 7))
    labels[torch.rand(4, 7) < 0.5] = IGNORED
    expected = cross_entropy(logits.view(-1, 9), labels.view(-1))
    torch.testing.assert_close(masked_word_loss(logits, labels), expected)
    follows, is_random = torch.randn(4, 2), torch.tensor([0, 1, IGNORED, 1])
    torch.testing.assert_close(next_sentence_loss(follows, is_random), cross_entropy(follows, is_random))


def test_no_word_to_guess_costs_nothing() -> None:
    logits = torch.randn(2, 3, 5, requires_grad=True)
    loss = masked_word_loss(logits, torch.full((2, 3), IGNORED))
    loss.backward()
    assert loss == 0
    assert (logits.grad == 0).all(), "and teaches nothing, not even NaN"
    assert masked_word_loss(torch.zeros(0, 5), torch.zeros(0, dtype=torch.long)) == 0
    assert next_sentence_loss(torch.zeros(2, 2), torch.full((2,), IGNORED)) == 0


def test_tokens_that_are_not_asked_for_teach_nothing() -> None:
    logits = torch.randn(6, 5, requires_grad=True)
    masked_word_loss(logits, torch.tensor([IGNORED, 2, IGNORED, 4, IGNORED, 0])).backward()
    assert (logits.grad != 0).any(dim=1).tolist() == [False, True, False, True, False, True]


@pytest.mark.parametrize("wrong", [-1, -99, 5, 1000])
def test_a_label_that_is_no_word(wrong: int) -> None:
    with pytest.raises(ValueError, match=rf"id of the vocabulary \(0 to 4\), or -100 for none, but one is {wrong}\."):
        masked_word_loss(torch.zeros(3, 5), torch.tensor([0, IGNORED, wrong]))


@pytest.mark.parametrize("wrong", [-1, 2])
def test_a_label_that_is_no_answer(wrong: int) -> None:
    with pytest.raises(ValueError, match=rf"0 \(it follows\) or 1 \(it is random\), or -100 .*, but one is {wrong}\."):
        next_sentence_loss(torch.zeros(1, 2), torch.tensor([wrong]))


def test_the_mean_is_over_what_is_not_masked() -> None:
    torch.manual_seed(0)
    x, mask = torch.randn(3, 5, 4), torch.tensor([[1, 1, 0, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]).bool()
    expected = torch.stack([x[0, [0, 1, 3]].mean(dim=0), x[1, 4], torch.zeros(4)])
    torch.testing.assert_close(masked_mean(x, mask), expected)
