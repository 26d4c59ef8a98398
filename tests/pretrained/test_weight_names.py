"""The Hugging Face layout: each kind of file that transformers writes is read rightly, and it reads ours."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nano_bert import BertConfig, NanoBERT, NanoBertForClassification, NanoBertForPreTraining
from nano_bert.pretrained.weight_names import (
    SETTING_NAMES,
    config_from_json,
    config_to_json,
    from_hugging_face,
    to_hugging_face,
)
from tests.oracles import (
    PRECISIONS,
    SEEDS,
    assert_same,
    hugging_face,
    random_batch,
    random_config,
    random_labels,
    random_weights,
)

WORDS, DECODER = "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"
# Our kinds of models, and theirs of the same numbers.
TWINS = [
    (NanoBERT, {}, transformers.BertModel),
    (NanoBERT, {"pooler": False}, transformers.BertModel),
    (NanoBertForClassification, {}, transformers.BertForSequenceClassification),
    (NanoBertForPreTraining, {}, transformers.BertForPreTraining),
    (NanoBertForPreTraining, {"pooler": False}, transformers.BertForMaskedLM),
]
# Everything that transformers puts on a BERT, and what of it can be opened as: a classifier, guesses of words.
KINDS = {
    transformers.BertModel: (False, False),
    transformers.BertForPreTraining: (False, True),
    transformers.BertForMaskedLM: (False, True),
    transformers.BertForNextSentencePrediction: (False, False),
    transformers.BertForSequenceClassification: (True, False),
    transformers.BertForTokenClassification: (False, False),
    transformers.BertForMultipleChoice: (False, False),
    transformers.BertForQuestionAnswering: (False, False),
}


@pytest.fixture(params=PRECISIONS.items(), ids=["float32", "float64"])
def tolerance(request: pytest.FixtureRequest) -> Any:
    """Compute in each precision; say how near we must come."""
    dtype, tolerance = request.param
    torch.set_default_dtype(dtype)
    yield tolerance
    torch.set_default_dtype(torch.float32)


def results(out: Any) -> dict[str, Tensor]:
    """Return all that a model says, ours or theirs."""
    found: dict[str, Tensor] = {}
    theirs = {"seq_relationship_logits": "follows", "prediction_logits": "logits"}  # a BertForMaskedLM says "logits"
    for name in (
        "last_hidden_state",
        "pooler_output",
        "prediction_logits",
        "seq_relationship_logits",
        "logits",
        "loss",
    ):
        if getattr(out, name, None) is not None:
            found[theirs.get(name, name)] = getattr(out, name)
    return found | {f"attention {index}": weights for index, weights in enumerate(out.attentions)}


def their_model(kind: Any, config: BertConfig, seed: int, **settings: Any) -> Any:
    """Return a model of transformers with random weights."""
    said = {theirs: config.to_dict()[ours] for ours, theirs in SETTING_NAMES.items()}
    said |= {"intermediate_size": config.feed_forward_size, "id2label": dict(enumerate(config.labels))}
    said["attention_probs_dropout_prob"] = config.attention_dropout_rate
    settings = {"attn_implementation": "eager", **settings}
    without_pooler = {"add_pooling_layer": False} if kind is transformers.BertModel and not config.pooler else {}
    model = kind(transformers.BertConfig(**said, **settings), **without_pooler)
    return random_weights(model, seed).to(torch.get_default_dtype()).eval()


def rewrite(folder: Path, change: Any) -> None:
    """Change the tensors of a file."""
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors", {"format": "pt"})


# The names


@pytest.mark.parametrize("kind", [NanoBERT, NanoBertForClassification, NanoBertForPreTraining])
@pytest.mark.parametrize("seed", SEEDS)
def test_names_there_and_back(seed: int, kind: Any) -> None:
    config = random_config(seed)
    weights = random_weights(kind(config), seed).state_dict()
    back = from_hugging_face(to_hugging_face(weights), config.n_heads)
    assert back.keys() == {name.removeprefix("bert.") for name in weights}
    assert all(torch.equal(back[name.removeprefix("bert.")], weight) for name, weight in weights.items())


@pytest.mark.parametrize("seed", SEEDS)
def test_settings_there_and_back(seed: int) -> None:
    """Also through a file. Whether there is a pooler is seen in the weights."""
    config = random_config(
        seed, norm_first=seed % 2 == 0, pooling=["cls", "mean"][seed % 2], segment_range=0.3, pad_id=7
    )
    settings = json.loads(json.dumps(config_to_json(config, {})))
    assert config_from_json(settings).to_dict() == config.to_dict() | {"n_feed_forward": config.feed_forward_size}


def test_every_weight_has_the_name_that_transformers_gives_it() -> None:
    """No more and no fewer; they hold the table of words twice in memory."""
    for kind, settings, theirs in TWINS:
        config = random_config(1, **settings)
        names = set(their_model(theirs, config, 0).state_dict()) - {DECODER, "cls.predictions.decoder.bias"}
        assert set(to_hugging_face(kind(config).state_dict())) == names


def test_what_a_stranger_does_not_say_has_the_defaults_of_transformers() -> None:
    sizes = [SETTING_NAMES[name] for name in ("vocab_size", "n_layers", "n_heads", "n_embed", "n_feed_forward")]
    config = config_from_json({**dict.fromkeys(sizes, 4), "max_position_embeddings": 9, "pad_token_id": None})
    theirs = transformers.BertConfig(**dict.fromkeys(sizes, 4), max_position_embeddings=9)
    ours = config.to_dict() | {"attention_dropout": config.attention_dropout_rate}
    assert {name: ours[name] for name in SETTING_NAMES} == {
        name: getattr(theirs, their_name) for name, their_name in SETTING_NAMES.items()
    }
    assert dict(enumerate(config.labels)) == theirs.id2label


@pytest.mark.parametrize("said", [{}, {"hidden_dropout_prob": 0.0}, {"attention_probs_dropout_prob": 0.0}])
def test_the_two_rates_of_dropout_have_defaults_of_their_own(said: dict[str, float]) -> None:
    """In transformers neither follows the other, so here neither does where it is read from a file."""
    sizes = {name: name_of for name, name_of in SETTING_NAMES.items() if name.startswith(("n_", "vocab", "max"))}
    config, theirs = config_from_json(dict.fromkeys(sizes.values(), 4) | said), transformers.BertConfig(**said)
    rates = config.dropout, config.attention_dropout_rate
    assert rates == (theirs.hidden_dropout_prob, theirs.attention_probs_dropout_prob)


@pytest.mark.parametrize(("kind", "theirs"), [(kind, theirs) for kind, more, theirs in TWINS if not more])
def test_in_training_the_same_is_dropped_as_in_transformers(kind: Any, theirs: Any) -> None:
    """With one head both draw the same random numbers in the same order, so both rates stand in the right places."""
    config = random_config(0, n_heads=1, n_embed=6, n_layers=2, dropout=0.3, attention_dropout=0.6)
    model = random_weights(kind(config), 0).train()
    oracle, batch, found = hugging_face(model, theirs).train(), random_batch(config, 0), list[dict[str, Tensor]]()
    for learner in (model, oracle):
        torch.manual_seed(1)
        found.append({name: each for name, each in results(learner(**batch)).items() if "attention" not in name})
    assert_same(*found, 1e-5)


# They save, we open


@pytest.mark.parametrize("pooler", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_every_bert_opens_as_a_bare_model(tmp_path: Path, kind: Any, pooler: bool, tolerance: float) -> None:
    config = random_config(2 + pooler, pooler=pooler)
    oracle = their_model(kind, config, 3)
    oracle.save_pretrained(tmp_path)
    model, batch = NanoBERT.from_pretrained(tmp_path), random_batch(config, 3)
    ours = model(**batch)
    theirs = oracle.base_model(**batch, output_attentions=True, output_hidden_states=True)
    assert_same(results(ours), results(theirs), tolerance)
    for one, other in zip(ours.hidden_states, theirs.hidden_states, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)
    assert model.config.pooler == (theirs.pooler_output is not None)


@pytest.mark.parametrize(("kind", "settings", "theirs"), TWINS)
@pytest.mark.parametrize("seed", SEEDS)
def test_we_open_what_transformers_saves(
    tmp_path: Path, seed: int, kind: Any, settings: dict[str, Any], theirs: Any, tolerance: float
) -> None:
    config = random_config(seed, **settings)
    oracle = their_model(theirs, config, seed)
    oracle.save_pretrained(tmp_path)
    model = kind.from_pretrained(tmp_path)
    batch = random_batch(config, seed)
    labels = random_labels(config, batch, seed) if kind is NanoBertForPreTraining else {}
    labels = labels if config.pooler else {name: label for name, label in labels.items() if name == "labels"}
    if kind is NanoBertForClassification:
        labels = {"labels": torch.randint(len(config.labels), (3,))}
        assert model.config.labels == config.labels
    assert_same(
        results(model(**batch, **labels)), results(oracle(**batch, **labels, output_attentions=True)), tolerance
    )
    assert {weight.dtype for weight in model.parameters()} == {torch.get_default_dtype()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_that_is_not_there_is_missed(tmp_path: Path, kind: Any) -> None:
    """Numbers drawn at random would be an answer, too, and nobody would notice."""
    classifies, guesses = KINDS[kind]
    their_model(kind, random_config(0), 0).save_pretrained(tmp_path)
    if not classifies:
        with pytest.raises(ValueError, match=r"holds no classifier|is not one of texts \(\['BertFor\w+'\]\)"):
            NanoBertForClassification.from_pretrained(tmp_path)
    if not guesses:
        with pytest.raises(ValueError, match="guesses no words: it has no head for hidden words"):
            NanoBertForPreTraining.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "problem", [{"problem_type": "regression"}, {"problem_type": "multi_label_classification"}, {}]
)
def test_a_classifier_that_does_not_choose_one_class_is_refused(tmp_path: Path, problem: dict[str, str]) -> None:
    config = random_config(0, labels=("a", "b", "c") if problem else ("score",))
    their_model(transformers.BertForSequenceClassification, config, 0, **problem).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="does not choose one class of several"):
        NanoBertForClassification.from_pretrained(tmp_path)
    assert NanoBERT.from_pretrained(tmp_path).config.n_layers == config.n_layers


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("pooler", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_every_bert_takes_a_new_classifier(tmp_path: Path, kind: Any, pooler: bool, pooling: Any) -> None:
    """The encoder stays what it was; the pooler too, where there is one."""
    config = random_config(3, pooler=pooler)
    oracle = their_model(kind, config, 0)
    oracle.save_pretrained(tmp_path)
    torch.manual_seed(0)
    model = NanoBertForClassification.from_pretrained(tmp_path, labels=["a", "b", "c", "d"], pooling=pooling)
    batch = random_batch(config, 0)
    theirs = oracle.base_model(**batch)
    out = model.bert(**batch)
    assert torch.allclose(out.last_hidden_state, theirs.last_hidden_state, atol=1e-5)
    if theirs.pooler_output is not None:
        assert torch.allclose(out.pooler_output, theirs.pooler_output, atol=1e-5)
    assert (model.config.labels, model.config.pooling, model.training) == (("a", "b", "c", "d"), pooling, False)
    assert not any(weight.is_meta for weight in model.parameters())
    assert model.classifier.weight.std() > 0
    model(**batch, labels=torch.tensor([0, 3, 1])).loss.backward()
    model.save_pretrained(tmp_path / "again")
    again = NanoBertForClassification.from_pretrained(tmp_path / "again")
    assert torch.equal(again(**batch).logits, model(**batch).logits)


@pytest.mark.parametrize("choice", [{"pooling": "mean"}, {"dropout": 0.0}, {"attention_dropout": 0.3}], ids=str)
def test_pooling_and_dropout_are_choices_for_a_new_classifier(tmp_path: Path, choice: dict[str, Any]) -> None:
    config = BertConfig(vocab_size=10, labels=("a", "b"))
    NanoBertForClassification(config).save_pretrained(tmp_path)
    [name] = choice
    with pytest.raises(ValueError, match=f"^{name} is a choice for a new classifier: give the names of its classes"):
        NanoBertForClassification.from_pretrained(tmp_path, **choice)
    chosen = NanoBertForClassification.from_pretrained(tmp_path, labels=("a", "b"), **choice).config
    assert chosen == replace(config, n_feed_forward=config.feed_forward_size, **choice)


@pytest.mark.parametrize("dropout", [0.0, 0.5, None])
def test_dropout_of_a_fine_tuning_reaches_every_part(tmp_path: Path, dropout: float | None) -> None:
    NanoBertForClassification(vocab_size=10, dropout=0.2).save_pretrained(tmp_path)
    model = NanoBertForClassification.from_pretrained(tmp_path, labels=("a", "b"), dropout=dropout)
    expected = 0.2 if dropout is None else dropout
    assert model.config.dropout == expected
    assert {part.p for part in model.modules() if isinstance(part, nn.Dropout)} == {expected}
    with pytest.raises(ValueError, match="dropout is the share of features to drop"):
        NanoBertForClassification.from_pretrained(tmp_path, labels=("a", "b"), dropout=1.0)


# The same weights, kept in other ways


@pytest.fixture
def pretrained(tmp_path: Path) -> tuple[Path, dict[str, Tensor], dict[str, Tensor]]:
    """A model for pretraining as transformers saves it, a batch, and what it says of it."""
    config = random_config(4)
    oracle = their_model(transformers.BertForPreTraining, config, 4)
    oracle.save_pretrained(tmp_path)
    batch = random_batch(config, 4)
    return tmp_path, batch, results(oracle(**batch, output_attentions=True))


def older(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    names = {name: name.replace("LayerNorm.weight", "LayerNorm.gamma") for name in tensors}
    return {names[name].replace("LayerNorm.bias", "LayerNorm.beta"): tensor for name, tensor in tensors.items()}


WAYS = {
    "as it is": lambda tensors: tensors,
    "with older names": older,
    "without a prefix": lambda tensors: {name.removeprefix("bert."): tensor for name, tensor in tensors.items()},
    "with positions": lambda tensors: tensors | {"bert.embeddings.position_ids": torch.arange(12)[None]},
    "with a copy": lambda tensors: tensors | {DECODER: tensors[WORDS].clone()},
    "with copies": lambda tensors: (
        tensors
        | {DECODER: tensors[WORDS].clone(), "cls.predictions.decoder.bias": tensors["cls.predictions.bias"].clone()}
    ),
    "with the copies alone": lambda tensors: {
        {WORDS: DECODER, "cls.predictions.bias": "cls.predictions.decoder.bias"}.get(name, name): tensor
        for name, tensor in tensors.items()
    },
    "as float64": lambda tensors: {name: tensor.double() for name, tensor in tensors.items()},
}


@pytest.mark.parametrize("way", WAYS)
def test_older_and_other_files_are_read(pretrained: Any, way: str) -> None:
    folder, batch, expected = pretrained
    rewrite(folder, WAYS[way])
    assert_same(results(NanoBertForPreTraining.from_pretrained(folder)(**batch)), expected, 1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_weights_kept_in_fewer_bits_become_float32(pretrained: Any, dtype: torch.dtype) -> None:
    folder, batch, _ = pretrained
    rewrite(folder, lambda tensors: {name: tensor.to(dtype) for name, tensor in tensors.items()})
    oracle = transformers.BertForPreTraining.from_pretrained(
        folder, attn_implementation="eager", dtype=torch.float32, output_attentions=True
    )
    model = NanoBertForPreTraining.from_pretrained(folder)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert_same(results(model(**batch)), results(oracle.eval()(**batch)), 1e-5)


def test_a_pooler_without_a_head_for_sentences_is_left_in_the_file(pretrained: Any) -> None:
    """Words are guessed without it."""
    folder, batch, expected = pretrained
    rewrite(
        folder, lambda tensors: {name: tensor for name, tensor in tensors.items() if "seq_relationship" not in name}
    )
    model = NanoBertForPreTraining.from_pretrained(folder)
    assert model(**batch).seq_relationship_logits is None
    assert torch.allclose(model(**batch).prediction_logits, expected["logits"], atol=1e-5)


@pytest.mark.parametrize("name", [DECODER, "cls.predictions.decoder.bias"])
def test_a_copy_that_is_none_is_refused(pretrained: Any, name: str) -> None:
    folder, _, _ = pretrained
    original = {DECODER: WORDS}.get(name, "cls.predictions.bias")
    rewrite(folder, lambda tensors: tensors | {name: tensors[original] + 1})
    for kind in (NanoBERT, NanoBertForPreTraining):
        with pytest.raises(
            ValueError, match=rf"{name} and .* are one and the same in this package, but here they differ"
        ):
            kind.from_pretrained(folder)


def test_a_weight_that_is_there_twice_is_refused(pretrained: Any) -> None:
    folder, _, _ = pretrained
    rewrite(folder, lambda tensors: tensors | {WORDS.removeprefix("bert."): tensors[WORDS] + 1})
    with pytest.raises(ValueError, match=r"embeddings.word_embeddings.weight is there twice"):
        NanoBERT.from_pretrained(folder)


# We save, they open


@pytest.mark.parametrize(("kind", "settings", "theirs"), TWINS)
@pytest.mark.parametrize("seed", SEEDS)
def test_transformers_opens_what_we_save(
    tmp_path: Path, seed: int, kind: Any, settings: dict[str, Any], theirs: Any
) -> None:
    """Every weight finds its place, and the same numbers come out."""
    config = random_config(seed, **settings)
    model = random_weights(kind(config), seed).eval()
    model.save_pretrained(tmp_path)
    without_pooler = {"add_pooling_layer": False} if kind is NanoBERT and settings else {}
    oracle, report = theirs.from_pretrained(
        tmp_path, attn_implementation="eager", output_loading_info=True, **without_pooler
    )
    assert not any(report.values()), report
    batch = random_batch(config, seed)
    assert_same(results(model(**batch)), results(oracle.eval()(**batch, output_attentions=True)), 1e-5)
    assert oracle.config.architectures == [theirs.__name__]
    assert tuple(oracle.config.id2label.values()) == config.labels
    assert oracle.config.hidden_dropout_prob == config.dropout
    assert oracle.config.attention_probs_dropout_prob == config.attention_dropout_rate


@pytest.mark.parametrize("kind", [NanoBERT, NanoBertForClassification, NanoBertForPreTraining])
def test_nothing_changes_on_the_way_to_transformers_and_back(tmp_path: Path, kind: Any) -> None:
    config = random_config(5)
    model = random_weights(kind(config), 5)
    model.save_pretrained(tmp_path / "ours")
    theirs = {ours: oracle for ours, settings, oracle in TWINS if not settings}[kind]
    theirs.from_pretrained(tmp_path / "ours").save_pretrained(tmp_path / "theirs")
    back = kind.from_pretrained(tmp_path / "theirs")
    assert back.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(weight, back.state_dict()[name]) for name, weight in model.state_dict().items())


def test_the_automatic_class_finds_the_right_model(tmp_path: Path) -> None:
    NanoBertForClassification(vocab_size=10).save_pretrained(tmp_path)
    opened = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert type(opened) is transformers.BertForSequenceClassification


def test_transformers_does_not_take_a_pre_norm_model_for_bert(tmp_path: Path) -> None:
    """It would compute other numbers from the same weights, and nobody would notice."""
    NanoBERT(vocab_size=10, norm_first=True).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="nano-bert-norm-first"):
        transformers.AutoModel.from_pretrained(tmp_path)


# Models that compute something else


@pytest.mark.parametrize(
    "theirs",
    [
        transformers.RobertaConfig(),
        transformers.DistilBertConfig(),
        transformers.AlbertConfig(),
        transformers.ElectraConfig(),
        transformers.GPT2Config(),
        transformers.BertConfig(hidden_act="gelu_new"),
        transformers.BertConfig(hidden_act="relu"),
        transformers.BertConfig(is_decoder=True),
        transformers.BertConfig(is_decoder=True, add_cross_attention=True),
        transformers.BertConfig(position_embedding_type="relative_key"),
        transformers.BertConfig(position_embedding_type="relative_key_query"),
        transformers.BertConfig(pruned_heads={0: [1]}),
    ],
    ids=lambda config: f"{config.model_type}-{config.hidden_act if hasattr(config, 'hidden_act') else ''}",
)
def test_another_architecture_is_refused(theirs: transformers.PretrainedConfig) -> None:
    with pytest.raises(ValueError, match=r"nano-BERT knows \w+ .*, but this model has .*\."):
        config_from_json(json.loads(theirs.to_json_string(use_diff=False)))


def test_a_roberta_that_calls_itself_a_bert_is_refused(tmp_path: Path) -> None:
    """By the names of its weights."""
    config = transformers.RobertaConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=5
    )
    transformers.RobertaModel(config).save_pretrained(tmp_path)
    rewrite(tmp_path, lambda tensors: {f"roberta.{name}": tensor for name, tensor in tensors.items()})
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(settings | {"model_type": "bert"}))
    with pytest.raises(ValueError, match=r"missing are \['embedding.norm.bias', .* left over are \['roberta.embedding"):
        NanoBERT.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "labels", [["bad"], {"zero": "bad"}, {"0": "bad", "2": "good"}, {"1": "bad"}, "bad", 3, {"00": "bad"}]
)
def test_classes_without_their_numbers_are_refused(as_a_reader: None, labels: Any) -> None:
    settings = config_to_json(BertConfig(vocab_size=10), {})
    with pytest.raises(ValueError, match=r"id2label gives each class its name, such as .* but it is "):
        config_from_json(settings | {"id2label": labels})


def test_eleven_classes_keep_their_order() -> None:
    """As text, "10" would come before "2"."""
    labels = tuple(f"class {index}" for index in range(11))
    settings = json.loads(json.dumps(config_to_json(BertConfig(vocab_size=10, labels=labels), {}), sort_keys=True))
    assert config_from_json(settings).labels == labels
