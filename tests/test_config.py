"""The settings: defaults that are BERT's own, and errors that a beginner can act on."""

import dataclasses
import math
from typing import Any

import hypothesis
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from nano_bert import BertConfig, NanoBERT, NanoBertForClassification, NanoBertForPreTraining
from nano_bert.attention import BertAttentionHead, BertSelfAttention
from nano_bert.config import LARGEST, SIZES, make_config
from nano_bert.embeddings import BertEmbeddings
from nano_bert.encoder import BertEncoder, BertLayer, FeedForward
from nano_bert.task_heads import BertPooler, MaskedWordHead
from tests.oracles import as_readers_run_it

MODELS = [NanoBERT, NanoBertForClassification, NanoBertForPreTraining]
PARTS = [
    *(BertEmbeddings, BertAttentionHead, BertSelfAttention, FeedForward, BertLayer, BertEncoder),
    *(BertPooler, MaskedWordHead),
]


def settings(**changed: Any) -> dict[str, Any]:
    return {"vocab_size": 10, **changed}


def test_the_defaults_of_the_architecture_are_those_of_bert() -> None:
    ours, theirs = BertConfig(vocab_size=10), transformers.BertConfig()
    assert ours.dropout == theirs.hidden_dropout_prob
    assert ours.attention_dropout_rate == theirs.attention_probs_dropout_prob
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


def test_weights_of_attention_are_dropped_like_features_unless_something_else_is_said() -> None:
    config = BertConfig(vocab_size=10, dropout=0.3)
    assert config.attention_dropout_rate == 0.3
    assert dataclasses.replace(config, dropout=0.2).attention_dropout_rate == 0.2
    assert dataclasses.replace(config, attention_dropout=0.0).attention_dropout_rate == 0.0
    model = NanoBERT(dataclasses.replace(config, attention_dropout=0.1))
    rates = {name: part.p for name, part in model.named_modules() if isinstance(part, torch.nn.Dropout)}
    in_heads = {name for name in rates if ".heads." in name}
    assert len(in_heads) == 1
    assert all(rate == (0.1 if name in in_heads else 0.3) for name, rate in rates.items())


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        BertConfig(vocab_size=10).n_layers = 2  # pyright: ignore[reportAttributeAccessIssue]


def test_settings_go_through_a_dictionary() -> None:
    config = BertConfig(vocab_size=10, n_heads=3, labels=("a", "b", "c"), pooling="mean", norm_first=True)
    assert BertConfig(**config.to_dict()) == config


def test_parameters_are_counted_without_building() -> None:
    for n_feed_forward in (None, 7):
        for norm_first in (False, True):
            for pooler in (False, True):
                more = {"max_seq_len": 9, "n_token_types": 3, "norm_first": norm_first, "pooler": pooler}
                config = BertConfig(11, 3, 2, 6, n_feed_forward, **more)
                assert config.n_parameters == sum(weight.numel() for weight in NanoBERT(config).parameters()), more


# What cannot be: of each kind one, in full


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        ({"n_layers": 0}, ValueError, r"^n_layers must be at least 1, but it is 0\.$"),
        ({"n_embed": 2.0}, TypeError, r"^n_embed counts something, so it must be a whole number \(int\), not 2\.0\.$"),
        ({"dropout": 1.0}, ValueError, r"the share of features to drop: at least 0 and below 1, but it is 1\.0\.$"),
        ({"attention_dropout": 1}, ValueError, r"^attention_dropout is the share of attention weights to drop: "),
        ({"dropout": "0.1"}, TypeError, r"^dropout is a number, but it is '0\.1'\.$"),
        ({"segment_range": 0.0}, ValueError, r"^segment_range must be above 0 and finite, but it is 0\.0\.$"),
        ({"pad_id": 10}, ValueError, r"^pad_id=10 is not an id of the vocabulary: ids go from 0 to 9\.$"),
        ({"pad_id": 1.0}, TypeError, r"^pad_id is a whole number, but it is 1\.0\.$"),
        ({"pooling": "max"}, ValueError, r"""^pooling is "cls" or "mean", but it is 'max'\.$"""),
        ({"labels": ("good", "good")}, ValueError, r"^labels names each class once, at least one, but it is \('good',"),
        ({"labels": ("good\n", "bad")}, ValueError, "on one line, without control characters"),
        ({"labels": "good"}, TypeError, r"write labels=\['good', ...\]"),
    ],
    ids=lambda value: "=".join(map(str, *value.items())) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_is_refused(as_a_reader: None, wrong: dict[str, Any], error: type, sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        BertConfig(**settings(**wrong))


def test_features_that_cannot_be_shared_out_are_refused() -> None:
    for n_embed, n_heads, instead in ((3, 2, 4), (3, 4, 4), (10, 4, 8), (7, 3, 6)):
        with pytest.raises(ValueError, match=f"n_heads={n_heads}: choose a multiple .* n_embed={instead}"):
            BertConfig(**settings(n_embed=n_embed, n_heads=n_heads))
        assert BertConfig(**settings(n_embed=instead, n_heads=n_heads)).head_size >= 1, "the advice is good"


# And all the others: whatever is wrong, the setting and its value are named

NO_NUMBER = st.sampled_from(["0.1", True, [0.1], {}, "many"])
NO_WHOLE_NUMBER = NO_NUMBER | st.floats()
BELOW_0 = st.floats(max_value=0, exclude_max=True)
NOT_ABOVE_0 = st.floats(max_value=0) | st.sampled_from([math.nan, math.inf])
WRONG: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(SIZES, NO_WHOLE_NUMBER | st.integers(max_value=0)),
    "dropout": NO_NUMBER | st.none() | BELOW_0 | st.floats(min_value=1) | st.just(math.nan),
    "attention_dropout": NO_NUMBER | BELOW_0 | st.floats(min_value=1) | st.just(math.nan),
    **dict.fromkeys(("layer_norm_eps", "initializer_range", "segment_range"), NO_NUMBER | st.none() | NOT_ABOVE_0),
    "pad_id": NO_WHOLE_NUMBER | st.none() | st.integers(max_value=-1) | st.integers(min_value=10),
    "pooling": st.text().filter(lambda name: name not in ("cls", "mean")),
    "labels": st.text() | st.just(()) | st.lists(st.text(), min_size=1).map(lambda names: (*names, names[0])),
}


@hypothesis.settings(max_examples=500)
@given(wrong=st.sampled_from(sorted(WRONG)).flatmap(lambda name: st.tuples(st.just(name), WRONG[name])))
def test_any_wrong_value_is_refused_by_its_name(wrong: tuple[str, Any]) -> None:
    name, value = wrong
    with as_readers_run_it(), pytest.raises((TypeError, ValueError)) as caught:
        BertConfig(**settings(**{name: value}))
    assert str(caught.value).startswith(name)
    assert str(value) in str(caught.value) or repr(value) in str(caught.value)


@given(name=st.sampled_from(SIZES), size=st.integers(10**10, 10**400))
def test_a_model_larger_than_any_bert_is_refused(name: str, size: int) -> None:
    """At once, and without building it."""
    sizes = {"n_embed": 4, name: size} | ({"n_embed": size} if name == "n_heads" else {})
    with pytest.raises(ValueError, match=rf"would have [\d,]+ parameters; {LARGEST:,} is the limit .*{name}={size}"):
        BertConfig(**settings(**sizes))


# A part of a model, a model, and their settings


@pytest.mark.parametrize("kind", [*PARTS, *MODELS], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "given", [100, {"vocab_size": 10}, BertConfig, transformers.BertConfig(), torch.ones(2)], ids=type
)
def test_what_is_no_configuration_is_refused_in_a_sentence(as_a_reader: None, kind: Any, given: Any) -> None:
    with pytest.raises(TypeError, match=rf"^A (part of a )?model is .* not from .*{type(given).__name__}"):
        kind(given)


@pytest.mark.parametrize("kind", PARTS, ids=lambda kind: kind.__name__)
def test_a_part_of_nothing_is_refused_in_a_sentence(as_a_reader: None, kind: Any) -> None:
    with pytest.raises(TypeError, match=r"^A part of a model is built from a BertConfig .* not from a NoneType"):
        kind(None)


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
    ids=["both", "ids", "neither", "unknown"],
)
def test_a_wrong_way_to_ask_for_a_model_is_refused(
    config: Any, given: dict[str, Any], sentence: str, as_a_reader: None
) -> None:
    with pytest.raises(TypeError, match=sentence):
        make_config(config, given)
