"""Probes of pretraining: the scores, the losses, and a step of learning."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from nano_bert.check.bench import Bench, Seen
from nano_bert.check.fit import UnfitError


def loss(bench: Bench) -> Iterator[Seen]:
    """Score words and pairs, and say what wrong scores cost; also where nothing is asked."""
    config = bench.config(layer_norm_eps=bench.one_of(1e-12, 0.1))
    part, words = bench.make("MaskedWordHead", config), bench.numbers(20, config[1].n_embed)
    yield Seen("the scores of MaskedWordHead", part(bench.numbers(*bench.batch(), 3, config[1].n_embed), words))
    new = bench.make("MaskedWordHead", config, new=True)
    yield Seen("the bias of the words with which MaskedWordHead begins", new(words[:2], words * 0))
    logits, labels = bench.numbers(3, 6, 9, scale=2.0).requires_grad_(), bench.ids(9, 3, 6)
    labels[:, 0] = bench.one_of(0, 4)
    labels[0, 1:], labels[1, 3:] = -100, -100
    for name, kept in (("", labels), (" where nothing is asked", torch.full_like(labels, -100))):
        what = f"masked_word_loss{name}"
        value = bench.part("masked_word_loss")(logits, kept)
        if not isinstance(value, Tensor):
            raise UnfitError(f"{what} should be a tensor of one number, since training goes back through it.")
        yield Seen(what, value)
        logits.grad = None
        value.backward()
        yield Seen(f"the gradient of {what}", logits.grad)
    flat = bench.part("masked_word_loss")(logits[0], labels[0])
    yield Seen("masked_word_loss of one text", flat)
    pairs, answers = bench.numbers(5, 2, scale=2.0), bench.ids(2, 5)
    answers[:2] = torch.tensor([0, 1])
    yield Seen("next_sentence_loss", bench.part("next_sentence_loss")(pairs, answers))
    whole = bench.make("NanoBertForPreTraining", config)
    input_ids, mask, segments = bench.ids(20, 2, 6), bench.mask(2, 6), bench.ids(2, 2, 6)
    answer = bench.several(whole(input_ids, mask, segments), 2, "the scores of the words, and those of the pairs")
    yield Seen("the scores of all words at each place", answer[0])
    yield Seen("the scores of the pairs", answer[1])
    words, _ = whole(input_ids)
    yield Seen("the scores of the words, no mask given", words)
    words.square().sum().backward()
    table = next(one for one in whole.parameters() if one.shape == (20, config[1].n_embed))
    is_none = table.grad is None
    asked = "the gradient that comes back to the table of words ([PAD] left out)"
    yield Seen(asked, torch.zeros_like(table[1:]) if is_none else table.grad[1:], 1e-3)


class Descent(torch.optim.Optimizer):
    """Walk downhill, without momentum.

    (The first use of an optimizer of torch's own imports so much that it takes a second, or ten on a busy computer.)
    """

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self.param_groups = [{"params": list(parameters), "lr": 0.5}]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for one in self.param_groups[0]["params"]:
            one.grad = None if set_to_none or one.grad is None else torch.zeros_like(one)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Go a step."""
        for one in self.param_groups[0]["params"]:
            if one.grad is not None:
                one -= self.param_groups[0]["lr"] * one.grad


def training(bench: Bench) -> Iterator[Seen]:
    """Take three steps; after each, the model is asked anew. Then measure, without learning."""
    config = bench.config(dropout=0.0, n_layers=1)
    model, batches = bench.make("NanoBertForPreTraining", config), [batch_of(bench) for _ in range(3)]
    asked = batch_of(bench)
    optimizer = Descent(model.parameters())
    step, clip = bench.part("train_step"), bench.one_of(0.3, 100.0)
    for number, batch in enumerate(batches, 1):
        model.eval()
        value = step(model, optimizer, batch, clip)
        yield Seen(f"the loss that step {number} returns", as_number(value, "train_step"), 1e-3)
        yield Seen(f"whether the model is in training after step {number}", model.training)
        yield Seen(f"the scores after step {number}", scores(model, asked), 1e-3)
    wide = bench.make("NanoBertForPreTraining", bench.config(dropout=0.5, n_layers=1))
    before = [one.clone() for one in wide.parameters()]
    wide.train()
    batch = batch_of(bench)
    measured = bench.part("share_guessed")(wide, batch)
    yield Seen("the share that is guessed", as_number(measured, "share_guessed"), 1e-4)
    with torch.no_grad():
        batch["labels"] = scores(wide, batch).argmax(dim=-1).masked_fill(batch["labels"] == -100, -100)
    wrong = (batch["labels"] != -100).nonzero()[0]
    batch["labels"][wrong[0], wrong[1]] = (batch["labels"][wrong[0], wrong[1]] + 1) % 20
    wide.train()
    measured = bench.part("share_guessed")(wide, batch)
    yield Seen("the share that is guessed, all but one being right", as_number(measured, "share_guessed"), 1e-4)
    pairs = zip(before, wide.parameters(), strict=True)
    yield Seen("how many weights a measurement changes", sum(int((a != b).sum()) for a, b in pairs))
    yield Seen("how many weights have a gradient after it", sum(one.grad is not None for one in wide.parameters()))


def batch_of(bench: Bench) -> dict[str, Tensor]:
    """Return a batch with some words hidden, and padding of which some would be asked for by mistake."""
    mask = torch.ones(4, 6, dtype=torch.long)
    mask[1, 4:], mask[2, 3:] = 0, 0
    labels = bench.ids(20, 4, 6).masked_fill(bench.ids(3, 4, 6) > 0, -100).masked_fill(mask == 0, -100)
    labels[:, 1] = bench.ids(20, 4)
    return {"input_ids": bench.ids(20, 4, 6, lowest=1), "attention_mask": mask, "labels": labels}


@torch.no_grad()
def scores(model: Any, batch: dict[str, Tensor]) -> Tensor:
    """Return what the model says of a batch, dropout off; afterwards it is in training or not, as before."""
    was_training = model.training
    answer = model.eval()(batch["input_ids"], batch["attention_mask"])[0]
    model.train(was_training)
    return answer


def as_number(value: Any, what: str) -> float:
    """Return a number that the reader gave."""
    if value is None or not isinstance(value, int | float | Tensor) or (isinstance(value, Tensor) and value.ndim):
        given = "nothing (None): is a return missing?" if value is None else f"{type(value).__name__}."
        raise UnfitError(f"{what} should return a number, but it returns {given}")
    if isinstance(value, Tensor) and value.requires_grad:
        raise UnfitError(
            f"{what} should return a plain number, a float, but it returns a tensor, from which a way leads back "
            f"through the whole computation. Who keeps the loss of every step would keep all that in memory, too: take "
            f"the number out of the tensor."
        )
    return float(value)
