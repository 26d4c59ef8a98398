"""Embeddings: three tables added up, and refusals of ids that no table holds."""

from typing import Any

import jaxtyping
import pytest
import torch
from torch import Tensor

from nano_bert import BertConfig
from nano_bert.embeddings import BertEmbeddings
from tests.oracles import SEEDS, random_batch, random_config, random_weights

CONFIG = BertConfig(vocab_size=10, n_embed=4, max_seq_len=8)


@pytest.fixture
def embedding() -> BertEmbeddings:
    return random_weights(BertEmbeddings(CONFIG), 0).eval()


@pytest.mark.parametrize("seed", SEEDS)
def test_word_place_and_segment_are_added_and_normalised(seed: int) -> None:
    """Token by token, by the formula."""
    config = random_config(seed)
    embedding = random_weights(BertEmbeddings(config), seed).eval()
    batch = random_batch(config, seed)
    vectors = embedding(batch["input_ids"], batch["token_type_ids"])
    words, places, segments = (table.weight for table in (embedding.words, embedding.positions, embedding.segments))
    for text, (ids, types) in enumerate(zip(batch["input_ids"], batch["token_type_ids"], strict=True)):
        for place, (word, segment) in enumerate(zip(ids, types, strict=True)):
            total = words[word] + places[place] + segments[segment]
            normal = (total - total.mean()) / (total.var(unbiased=False) + config.layer_norm_eps).sqrt()
            torch.testing.assert_close(vectors[text, place], normal * embedding.norm.weight + embedding.norm.bias)


def test_without_segments_all_are_segment_0(embedding: BertEmbeddings) -> None:
    ids = torch.tensor([[1, 7, 2], [1, 8, 2]])
    assert torch.equal(embedding(ids), embedding(ids, torch.zeros_like(ids)))
    assert not torch.allclose(embedding(ids), embedding(ids, torch.ones_like(ids)))


def test_one_sentence_is_the_batch_of_one(embedding: BertEmbeddings) -> None:
    ids = torch.tensor([1, 7, 8, 2])
    torch.testing.assert_close(embedding(ids), embedding(ids[None])[0])


def test_the_longest_text_just_fits(embedding: BertEmbeddings) -> None:
    assert embedding(torch.ones(8, dtype=torch.long)).shape == (8, 4)


@pytest.mark.parametrize(
    ("ids", "error", "sentence"),
    [
        (torch.ones(9, dtype=torch.long), ValueError, r"9 tokens, .* max_seq_len=8. Cut the text with a tokenizer"),
        (torch.ones(2, 9, dtype=torch.long), ValueError, "9 tokens, .* max_seq_len=8"),
        (torch.tensor([1, 10]), ValueError, r"input_ids holds 10, .* 0 to 9. .*vocab_size=len\(tokenizer\)"),
        (torch.tensor([[-1, 2]]), ValueError, "input_ids holds -1, .* 0 to 9"),
        (torch.tensor([1.0, 2.0]), TypeError, r"whole numbers .*, but these are torch.float32. Use input_ids.long\(\)"),
        (torch.tensor([True, False]), TypeError, "but these are torch.bool"),
        (torch.tensor([1j]), TypeError, "but these are torch.complex64"),
        (torch.ones(0, 4, dtype=torch.long), ValueError, r"at least one text of at least one token, .* \(0, 4\)"),
        (torch.ones(0, dtype=torch.long), ValueError, r"at least one text .* \(0,\)"),
        (torch.ones(2, 0, dtype=torch.long), ValueError, r"at least one text .* \(2, 0\)"),
        (torch.tensor(3), ValueError, r"at least one text .* \(\)"),
    ],
)
def test_wrong_ids_are_refused(
    as_a_reader: None, embedding: BertEmbeddings, ids: torch.Tensor, error: type, sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        embedding(ids)


@pytest.mark.parametrize(
    ("segments", "error", "sentence"),
    [
        ([0, 2, 0], ValueError, "token_type_ids holds 2, .* 0 to 1"),
        ([0, -1, 0], ValueError, "token_type_ids holds -1"),
        ([0.0, 1.0, 0.0], TypeError, r"Use token_type_ids.long\(\)"),
        ([0, 1], ValueError, r"needs the shape of input_ids, \(3,\), but it has \(2,\)"),
        ([[0, 1, 0]], ValueError, r"but it has \(1, 3\)"),
    ],
)
def test_wrong_segments_are_refused(
    as_a_reader: None, embedding: BertEmbeddings, segments: list[Any], error: type, sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        embedding(torch.tensor([1, 7, 2]), torch.tensor(segments))


def test_shapes_are_checked_in_this_test_run(embedding: BertEmbeddings) -> None:
    """What the readers' errors above say in words, the shapes in the signature say here: they are on."""
    with pytest.raises(jaxtyping.TypeCheckError, match="input_ids"):
        embedding(torch.ones(2, 3))
    with pytest.raises(jaxtyping.TypeCheckError, match="token_type_ids"):
        embedding(torch.tensor([1, 7, 2]), torch.tensor([0, 1]))


@pytest.mark.parametrize("segments", [None, torch.ones(1, 50, dtype=torch.long)])
def test_dropout_drops_features_in_training_alone(segments: Tensor | None) -> None:
    embedding = BertEmbeddings(BertConfig(vocab_size=60, n_embed=8, dropout=0.5))
    ids = torch.arange(50).unsqueeze(0)
    whole = embedding.eval()(ids, segments)
    torch.manual_seed(0)
    trained = embedding.train()(ids, segments)
    gone = trained == 0
    assert 100 < gone.sum() < 300  # of 400
    torch.testing.assert_close(trained, whole.masked_fill(gone, 0) * 2)


@pytest.mark.parametrize("pad_id", [0, 3])
def test_the_vector_of_padding_is_not_learnt(pad_id: int) -> None:
    embedding = BertEmbeddings(BertConfig(vocab_size=5, n_embed=4, pad_id=pad_id)).eval()
    (embedding(torch.arange(5)) * torch.randn(5, 4)).sum().backward()
    learns = embedding.words.weight.grad.any(dim=-1)
    assert learns.tolist() == [index != pad_id for index in range(5)]
