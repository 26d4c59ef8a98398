"""The pictures show the numbers that they are given."""

import matplotlib.pyplot as plt
import pytest
import torch

from nano_bert.plots import plot_attention, plot_embeddings, plot_history

WORDS = ["the", "film", "was", "good"]


@pytest.fixture(autouse=True)
def _closed() -> object:
    yield
    plt.close("all")


def test_the_heat_map_has_a_row_for_each_word_that_looks() -> None:
    weights = torch.rand(4, 4, generator=torch.Generator().manual_seed(0)).softmax(dim=-1)
    axes = plot_attention(WORDS, weights)
    written = [float(text.get_text()) for text in axes.texts]
    assert written == pytest.approx(weights.flatten().tolist(), abs=0.006)
    drawn = axes.collections[0].get_array()
    assert drawn is not None
    assert drawn.flatten().tolist() == pytest.approx(weights.flatten().tolist())
    assert [label.get_text() for label in axes.get_yticklabels()] == WORDS
    assert axes.yaxis_inverted(), "the first word stands at the top"


def test_weights_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="4 words need weights of the shape \\(4, 4\\)"):
        plot_attention(WORDS, torch.rand(3, 3))


def test_each_word_is_the_point_of_its_vector() -> None:
    vectors = torch.rand(4, 3)
    axes = plot_embeddings(WORDS, vectors)
    x, y, z = axes.collections[0]._offsets3d
    assert torch.allclose(torch.stack([torch.as_tensor(axis).float() for axis in (x, y, z)], dim=1), vectors)
    assert [text.get_text().strip() for text in axes.texts] == WORDS


def test_each_word_needs_a_vector() -> None:
    with pytest.raises(ValueError, match="4 words and 2 vectors"):
        plot_embeddings(WORDS, torch.rand(2, 3))


def test_the_curves_are_those_of_the_history() -> None:
    history = [{"epoch": 1, "train_loss": 0.7, "validation_accuracy": 0.5}]
    history += [{"epoch": 2, "train_loss": 0.4, "validation_accuracy": 0.8}]
    loss, accuracy = plot_history(history).lines
    assert list(loss.get_ydata()) == [0.7, 0.4]
    assert list(accuracy.get_ydata()) == [0.5, 0.8]


def test_a_picture_is_not_drawn_over_the_one_before() -> None:
    points = plot_embeddings(WORDS, torch.rand(4, 3))
    history = [{"epoch": 1, "train_loss": 0.7, "validation_accuracy": 0.5}]
    pictures = [points, plot_history(history), plot_history(history), plot_attention(WORDS, torch.eye(4))]
    assert len({id(axes.figure) for axes in pictures}) == 4
    mine = pictures[1]
    assert plot_history(history, axes=mine) is plot_attention(WORDS, torch.eye(4), axes=mine) is mine
