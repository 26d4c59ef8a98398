"""Neighbours: heads look where they are told to, whatever the sizes, and they can learn something else."""

from typing import Any

import pytest
import torch

from nano_bert import NanoBERT, NanoBertForClassification
from nano_bert.training.neighbours import N_FEATURES, OFFSETS, begin_with_neighbours


def reads(n_heads: int, offsets: tuple[int, ...], seed: int, **settings: float) -> torch.Tensor:
    """Return how much each head of the first layer gives, on average, to each step to the side, from -3 to 3."""
    torch.manual_seed(seed)
    model = NanoBERT(vocab_size=500, n_heads=n_heads, max_seq_len=64, dropout=0.0, **settings).eval()
    begin_with_neighbours(model, offsets)
    weights = model(torch.randint(5, 500, (8, 64))).attentions[0]  # (batch, head, query, key)
    return torch.stack([weights.diagonal(step, -2, -1).mean(dim=(0, -1)) for step in range(-3, 4)], dim=-1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("n_heads", "n_embed", "spread"), [(1, 32, 0.1), (2, 32, 0.05), (4, 64, 0.05), (4, 96, 0.3), (3, 48, 0.2)]
)
def test_each_head_looks_at_its_neighbour(n_heads: int, n_embed: int, spread: float, seed: int) -> None:
    found = reads(n_heads, OFFSETS, seed, n_embed=n_embed, initializer_range=spread)
    for head, offset in enumerate(OFFSETS[:n_heads]):
        assert found[head].argmax() == offset + 3
        assert found[head, offset + 3] > 0.6


@pytest.mark.parametrize("offset", [-3, -2, -1, 0, 1, 2, 3])
def test_any_step_to_the_side_can_be_asked_for(offset: int) -> None:
    found = reads(1, (offset,), 0, n_embed=32, initializer_range=0.1)
    assert found[0].argmax() == offset + 3


def test_drawn_at_random_no_head_looks_anywhere_in_particular() -> None:
    """The oracle of the tests above: without the start they would fail."""
    torch.manual_seed(0)
    model = NanoBERT(vocab_size=500, n_heads=4, n_embed=64, max_seq_len=64, initializer_range=0.05).eval()
    weights = model(torch.randint(5, 500, (8, 64))).attentions[0]
    assert max(weights.diagonal(step, -2, -1).mean(dim=(0, -1)).max() for step in OFFSETS) < 0.05


def test_words_and_places_share_a_vector() -> None:
    torch.manual_seed(1)
    model = NanoBERT(vocab_size=20, n_embed=48, n_heads=2, max_seq_len=30, initializer_range=0.1)
    drawn = model.embedding.words.weight.clone()
    others = {name: weight.clone() for name, weight in model.encoder.named_parameters() if ".heads." not in name}
    begin_with_neighbours(model)
    words, positions = model.embedding.words.weight, model.embedding.positions.weight
    assert words[:, :-N_FEATURES].equal(drawn[:, :-N_FEATURES])
    assert not words[:, -N_FEATURES:].any()
    assert not positions[:, :-N_FEATURES].any()
    # A sine and a cosine of the same wave: the sum of their squares is the square of its height, everywhere.
    waves = positions[:, -N_FEATURES:].view(30, -1, 2).square().sum(dim=-1)
    assert torch.allclose(waves, torch.full_like(waves, 0.1**2), atol=1e-6)
    assert all(weight.equal(others[name]) for name, weight in model.encoder.named_parameters() if name in others)
    assert all(weight.requires_grad for weight in model.parameters())


def test_a_step_to_the_side_is_the_same_everywhere() -> None:
    """What the query of one place has in common with the key of another depends on how far apart they are alone."""
    model = NanoBERT(vocab_size=20, n_embed=32, n_heads=1, max_seq_len=40, initializer_range=0.1)
    begin_with_neighbours(model, (-1,))
    [head], places = model.encoder.layers[0].attention.heads, model.embedding.positions.weight
    scores = (places @ head.query.weight.T) @ (places @ head.key.weight.T).T
    for step in range(-5, 6):
        along = scores.diagonal(step)
        assert torch.allclose(along, along[0].expand_as(along), rtol=1e-3)
    assert scores.argmax(dim=-1)[1:].equal(torch.arange(39)), "each place but the first finds the one before it"


def test_a_head_without_an_offset_stays_as_it_was_drawn() -> None:
    torch.manual_seed(0)
    model = NanoBERT(vocab_size=20, n_embed=48, n_heads=3)
    *told, left = model.encoder.layers[0].attention.heads
    before = [{name: weight.clone() for name, weight in head.named_parameters()} for head in (*told, left)]
    begin_with_neighbours(model, (-1, 1))
    for head, drawn in zip((*told, left), before, strict=True):
        same = [weight.equal(drawn[name]) for name, weight in head.named_parameters() if name.endswith("y.weight")]
        assert same == [head is left] * 2


def test_another_model_and_offsets_that_are_none_are_refused(as_a_reader: None) -> None:
    model: Any = NanoBertForClassification(vocab_size=20, n_embed=48)
    with pytest.raises(TypeError, match=r"has one, as model\.bert"):
        begin_with_neighbours(model)
    wrong: Any
    for wrong in ("left", (0.5,), (True,)):
        with pytest.raises(TypeError, match="in whole numbers where each head looks"):
            begin_with_neighbours(model.bert, wrong)


@pytest.mark.parametrize(("n_embed", "n_heads"), [(3, 1), (16, 2), (30, 1), (32, 32)])
def test_vectors_too_short_for_words_and_places_are_refused(n_embed: int, n_heads: int) -> None:
    model = NanoBERT(vocab_size=20, n_embed=n_embed, n_heads=n_heads)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    with pytest.raises(ValueError, match=f"n_embed={n_embed} and n_heads={n_heads}: take at least n_embed="):
        begin_with_neighbours(model, (0,) * n_heads)
    assert all(weight.equal(before[name]) for name, weight in model.named_parameters())
