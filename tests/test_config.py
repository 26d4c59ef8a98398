"""The settings: defaults that are BERT's own, and errors that a beginner can act on."""

import dataclasses
from typing import Any

import pytest
import torch
import transformers

from nano_bert import BertConfig, NanoBERT
from nano_bert.config import make_config

SIZES = ["vocab_size", "n_layers", "n_heads", "n_embed", "n_feed_forward", "max_seq_len", "n_token_types"]


def settings(**changed: Any) -> dict[str, Any]:
    return {"vocab_size": 10, **changed}


def test_the_defaults_of_the_architecture_are_those_of_bert() -> None:
    ours, theirs = BertConfig(vocab_size=10), transformers.BertConfig()
    assert ours.dropout == theirs.hidden_dropout_prob == theirs.attention_probs_dropout_prob
    assert ours.layer_norm_eps == theirs.layer_norm_eps
    assert ours.initializer_range == theirs.initializer_range
    assert ours.n_token_types == theirs.type_vocab_size
    assert ours.pad_id == theirs.pad_token_id
    assert ours.feed_forward_size / ours.n_embed == theirs.intermediate_size / theirs.hidden_size
    assert ours.pooling == "cls"
    assert not ours.norm_first


def test_sizes_that_follow_from_others() -> None:
    config = BertConfig(vocab_size=10, n_heads=3, n_embed=12)
    assert (config.head_size, config.feed_forward_size) == (4, 48)
    assert BertConfig(vocab_size=10, n_feed_forward=7).feed_forward_size == 7


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        BertConfig(vocab_size=10).n_layers = 2  # pyright: ignore[reportAttributeAccessIssue]


def test_settings_go_through_a_dictionary() -> None:
    config = BertConfig(vocab_size=10, n_heads=3, labels=("a", "b", "c"), pooling="mean", norm_first=True)
    assert BertConfig(**config.to_dict()) == config


@pytest.mark.parametrize("size", [0, -1])
@pytest.mark.parametrize("name", SIZES)
def test_a_size_below_one_is_refused(name: str, size: int) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, but it is {size}"):
        BertConfig(**settings(**{name: size}))


@pytest.mark.parametrize("size", [2.5, 2.0, "3", True, [3]])
@pytest.mark.parametrize("name", SIZES)
def test_a_size_that_is_no_whole_number_is_refused(as_a_reader: None, name: str, size: Any) -> None:
    with pytest.raises(TypeError, match=rf"{name} .* must be a whole number \(int\), not"):
        BertConfig(**settings(**{name: size}))


@pytest.mark.parametrize(("n_embed", "n_heads", "instead"), [(3, 2, 4), (3, 4, 4), (10, 4, 8), (7, 3, 6)])
def test_features_that_cannot_be_shared_out_are_refused(n_embed: int, n_heads: int, instead: int) -> None:
    with pytest.raises(ValueError, match=f"n_heads={n_heads}: choose a multiple .* n_embed={instead}"):
        BertConfig(**settings(n_embed=n_embed, n_heads=n_heads))
    assert BertConfig(**settings(n_embed=instead, n_heads=n_heads)).head_size >= 1  # the advice is good


@pytest.mark.parametrize("dropout", [-0.1, 1.0, 1.5, float("nan"), float("inf")])
def test_dropout_outside_0_and_1_is_refused(dropout: float) -> None:
    with pytest.raises(ValueError, match=f"at least 0 and below 1, but it is {dropout}"):
        BertConfig(**settings(dropout=dropout))


@pytest.mark.parametrize("value", [0.0, -1e-12, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["layer_norm_eps", "initializer_range", "segment_range"])
def test_what_must_be_above_zero_is(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be above 0 and finite, but it is {value}"):
        BertConfig(**settings(**{name: value}))


@pytest.mark.parametrize("value", ["0.1", True, None, [0.1]])
@pytest.mark.parametrize("name", ["dropout", "layer_norm_eps", "initializer_range", "segment_range"])
def test_what_is_no_number_is_refused(as_a_reader: None, name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"{name} is a number, but it is "):
        BertConfig(**settings(**{name: value}))


@pytest.mark.parametrize("name", SIZES)
def test_a_model_larger_than_any_bert_is_refused(name: str) -> None:
    """At once, and without building it."""
    for size in (10**12, 10**400):
        with pytest.raises(ValueError, match=r"would have [\d,]+ parameters; 4,000,000,000 is the limit .*n_layers="):
            BertConfig(**settings(**{"n_embed": 4, name: size} | ({"n_embed": size} if name == "n_heads" else {})))


@pytest.mark.parametrize("n_feed_forward", [None, 7])
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("pooler", [False, True])
def test_parameters_are_counted_without_building(n_feed_forward: int | None, norm_first: bool, pooler: bool) -> None:
    config = BertConfig(
        11, 3, 2, 6, n_feed_forward, max_seq_len=9, n_token_types=3, norm_first=norm_first, pooler=pooler
    )
    assert config.n_parameters == sum(weight.numel() for weight in NanoBERT(config).parameters())


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        ({"pad_id": 10}, ValueError, "pad_id=10 .* from 0 to 9"),
        ({"pad_id": -1}, ValueError, "pad_id=-1 .* from 0 to 9"),
        ({"pad_id": 1.0}, TypeError, "pad_id is a whole number, but it is 1.0"),
        ({"pooling": "max"}, ValueError, 'pooling is "cls" or "mean", but it is \'max\''),
        ({"labels": ()}, ValueError, "each class once, at least one"),
        ({"labels": ("good", "good")}, ValueError, "each class once"),
        ({"labels": "good"}, TypeError, r"write labels=\['good', ...\]"),
    ],
)
def test_a_wrong_choice_is_refused(as_a_reader: None, wrong: dict[str, Any], error: type, sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        BertConfig(**settings(**wrong))


def test_a_model_takes_a_configuration_or_its_settings() -> None:
    config = BertConfig(vocab_size=10, n_layers=2)
    assert make_config(config, {}) is config
    assert make_config(None, {"vocab_size": 10, "n_layers": 2}) == config


@pytest.mark.parametrize(
    ("config", "given", "sentence"),
    [
        (BertConfig(vocab_size=10), {"n_layers": 2}, r"not both: got a config and \['n_layers'\]"),
        (torch.tensor([1, 7, 2]), {}, r"not from this Tensor. Token ids are for the finished model"),
        (None, {}, r"needs vocab_size.*vocab_size=len\(tokenizer\)"),
        (None, {"vocab_size": 10, "layers": 2}, "no setting named 'layers'. Its settings are: vocab_size, n_layers"),
    ],
)
def test_a_wrong_way_to_ask_for_a_model_is_refused(
    config: Any, given: dict[str, Any], sentence: str, as_a_reader: None
) -> None:
    with pytest.raises(TypeError, match=sentence):
        make_config(config, given)
