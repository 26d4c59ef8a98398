"""Saving and loading: nothing changes on the way, transformers reads along, and a wrong folder is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from nano_bert import NanoBERT, NanoBertForClassification
from nano_bert.hugging_face import SETTING_NAMES, from_hugging_face, to_hugging_face
from tests.oracles import SEEDS, assert_same, random_batch, random_config, random_weights

ORACLES = {NanoBERT: transformers.BertModel, NanoBertForClassification: transformers.BertForSequenceClassification}


def results(out: Any) -> dict[str, Tensor]:
    """Return what a model says, ours or theirs, attentions included."""
    names = [name for name in ("last_hidden_state", "pooler_output", "logits") if hasattr(out, name)]
    attentions = {f"attention {index}": weights for index, weights in enumerate(out.attentions)}
    return {name: getattr(out, name) for name in names} | attentions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small classifier, saved."""
    model = NanoBertForClassification(vocab_size=10, n_layers=2, n_heads=2, n_embed=4, max_seq_len=8)
    random_weights(model, 0).save_pretrained(tmp_path)
    return tmp_path


def edit(path: Path, **changed: Any) -> None:
    """Change settings in a JSON file; one that becomes `...` is taken out."""
    settings = json.loads(path.read_text()) | changed
    path.write_text(json.dumps({name: value for name, value in settings.items() if value is not ...}))


# Nothing changes on the way


@pytest.mark.parametrize("kind", ORACLES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_saved_model_comes_back(tmp_path: Path, seed: int, kind: Any) -> None:
    """Settings and weights, bit for bit, ready to use with dropout off."""
    config = random_config(
        seed, pooling=["cls", "mean"][seed % 2], norm_first=seed > 3, dropout=0.25, layer_norm_eps=1e-7, pad_id=seed
    )
    model = random_weights(kind(config), seed)
    model.save_pretrained(tmp_path / "on the" / "way")
    loaded = kind.from_pretrained(str(tmp_path / "on the" / "way"))
    assert loaded.config.to_dict() == {**config.to_dict(), "n_feed_forward": config.feed_forward_size}
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(weight, loaded.state_dict()[name]) for name, weight in model.state_dict().items())
    assert not any(module.training for module in loaded.modules())


@pytest.mark.parametrize("seed", SEEDS)
def test_names_there_and_back(seed: int) -> None:
    config = random_config(seed)
    weights = random_weights(NanoBertForClassification(config), seed).state_dict()
    back = from_hugging_face(to_hugging_face(weights), config.n_heads)
    assert back.keys() == weights.keys()
    assert all(torch.equal(back[name], weight) for name, weight in weights.items())


def test_a_folder_holds_settings_and_numbers_and_no_pickle(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert all(tensor.dtype == torch.float32 for tensor in load_file(folder / "model.safetensors").values())


def test_saving_again_replaces(folder: Path) -> None:
    model = NanoBERT(vocab_size=20)
    model.save_pretrained(folder)
    assert NanoBERT.from_pretrained(folder).config.vocab_size == 20


def test_a_bare_model_opens_a_classifiers_folder(folder: Path) -> None:
    ids = torch.tensor([1, 7, 2])
    classifier = NanoBertForClassification.from_pretrained(folder)
    assert torch.equal(NanoBERT.from_pretrained(folder)(ids).pooler_output, classifier.bert(ids).pooler_output)


# transformers reads along


@pytest.mark.parametrize("kind", ORACLES)
@pytest.mark.parametrize("seed", SEEDS)
def test_transformers_opens_what_we_save(tmp_path: Path, seed: int, kind: Any) -> None:
    """Every weight finds its place, and the same numbers come out."""
    config = random_config(seed)
    model = random_weights(kind(config), seed).eval()
    model.save_pretrained(tmp_path)
    oracle, report = ORACLES[kind].from_pretrained(tmp_path, attn_implementation="eager", output_loading_info=True)
    assert not any(report.values()), report
    batch = random_batch(config, seed)
    assert_same(results(model(**batch)), results(oracle.eval()(**batch, output_attentions=True)), 1e-5)
    assert tuple(oracle.config.id2label.values()) == config.labels
    assert oracle.config.hidden_dropout_prob == oracle.config.attention_probs_dropout_prob == config.dropout


@pytest.mark.parametrize("kind", ORACLES)
@pytest.mark.parametrize("seed", SEEDS)
def test_we_open_what_transformers_saves(tmp_path: Path, seed: int, kind: Any) -> None:
    config = random_config(seed)
    settings = {theirs: config.to_dict()[ours] for ours, theirs in SETTING_NAMES.items()}
    settings |= {"intermediate_size": config.feed_forward_size, "id2label": dict(enumerate(config.labels))}
    oracle = ORACLES[kind](transformers.BertConfig(**settings, attn_implementation="eager"))
    random_weights(oracle, seed).eval().save_pretrained(tmp_path)
    model = kind.from_pretrained(tmp_path)
    batch = random_batch(config, seed)
    assert_same(results(model(**batch)), results(oracle(**batch, output_attentions=True)), 1e-5)
    assert model.config.labels == config.labels


def test_the_automatic_class_finds_the_right_model(folder: Path) -> None:
    opened = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    assert type(opened) is transformers.BertForSequenceClassification


def test_transformers_does_not_take_a_pre_norm_model_for_bert(tmp_path: Path) -> None:
    """It would compute other numbers from the same weights, and nobody would notice."""
    NanoBERT(vocab_size=10, norm_first=True).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="nano-bert-norm-first"):
        transformers.AutoModel.from_pretrained(tmp_path)


# A wrong folder is refused, with a sentence


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_without_a_checkpoint_is_refused(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(FileNotFoundError, match=f"is not a saved model: it has no file {missing}"):
        NanoBertForClassification.from_pretrained(folder)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere is not a saved model"):
        NanoBERT.from_pretrained(tmp_path / "nowhere")


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 9, 100, 0.5, -100, -4, -1])
def test_a_truncated_file_is_refused(folder: Path, cut: float) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(cut) if cut == int(cut) else int(cut * len(content))])
    with pytest.raises(ValueError, match=r"model.safetensors is cut off or damaged .* Get the file again"):
        NanoBertForClassification.from_pretrained(folder)


@pytest.mark.parametrize("content", [b"\x00" * 5000, b"\xff" * 5000, b"<!DOCTYPE html><html>not found</html>"])
def test_a_file_of_another_kind_is_refused(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"model.safetensors is cut off or damaged"):
        NanoBertForClassification.from_pretrained(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"3", b"{}", b"\xff\xfe", b'{"model_type": "be'])
def test_broken_settings_are_refused(as_a_reader: None, folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"config.json is broken, or is not that of a BERT \(\w+: .*\)"):
        NanoBertForClassification.from_pretrained(folder)


@pytest.mark.parametrize("name", SETTING_NAMES.values())
def test_a_missing_setting_is_named(folder: Path, name: str) -> None:
    edit(folder / "config.json", **{name: ...})
    with pytest.raises(ValueError, match=f"config.json is broken, .*{name}"):
        NanoBertForClassification.from_pretrained(folder)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"model_type": "roberta"}, "knows model_type bert and .*, but this model has 'roberta'"),
        ({"hidden_act": "relu"}, "knows hidden_act gelu, but this model has 'relu'"),
        ({"position_embedding_type": "relative_key"}, "knows position_embedding_type absolute, .* 'relative_key'"),
        ({"vocab_size": 0}, "vocab_size must be at least 1, but it is 0"),
        ({"hidden_size": "4"}, "n_embed counts something"),
        ({"num_attention_heads": 3}, "n_embed=4 cannot be shared out among n_heads=3"),
        ({"hidden_dropout_prob": 1.5}, "dropout .* it is 1.5"),
        ({"id2label": {"zero": "bad"}}, "zero"),
        ({"id2label": ["bad", "good"]}, "'bad'"),
    ],
)
def test_settings_of_no_model_of_ours_are_refused(
    as_a_reader: None, folder: Path, changed: dict[str, Any], sentence: str
) -> None:
    """The message names the file, and what in it is wrong."""
    edit(folder / "config.json", **changed)
    with pytest.raises(ValueError, match=f"config.json is broken, .*{sentence}"):
        NanoBertForClassification.from_pretrained(folder)


def test_settings_that_transformers_leaves_out_are_not_needed(folder: Path) -> None:
    edit(folder / "config.json", id2label=..., label2id=..., norm_first=..., pooling=..., architectures=...)
    config = NanoBertForClassification.from_pretrained(folder).config
    assert (config.labels, config.pooling, config.norm_first) == (("negative", "positive"), "cls", False)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"vocab_size": 11}, r"embedding.words.weight has the shape \(10, 4\), .* these settings make it \(11, 4\)"),
        ({"hidden_size": 6}, r"do not fit its config.json: .* has the shape .*, but these settings make it"),
        ({"num_hidden_layers": 1}, r"missing are none, left over are \['bert.encoder.layers.1."),
        ({"num_hidden_layers": 3}, r"missing are \['bert.encoder.layers.2.*, left over are none"),
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, r"classifier.* has the shape \(2.*make it \(3"),
    ],
)
def test_weights_that_do_not_fit_the_settings_are_refused(folder: Path, changed: dict[str, Any], sentence: str) -> None:
    edit(folder / "config.json", **changed)
    with pytest.raises(ValueError, match=sentence):
        NanoBertForClassification.from_pretrained(folder)


def test_a_missing_and_a_foreign_weight_are_named(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["stranger"] = tensors.pop("bert.pooler.dense.bias")
    save_file(tensors, folder / "model.safetensors")
    for kind in (NanoBERT, NanoBertForClassification):
        with pytest.raises(ValueError, match=r"missing are \['\S*pooler.dense.bias'\], left over are \['stranger'\]"):
            kind.from_pretrained(folder)


def test_a_classifier_does_not_open_a_bare_models_folder(tmp_path: Path) -> None:
    NanoBERT(vocab_size=10).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"missing are .* Open the folder with the class that wrote it"):
        NanoBertForClassification.from_pretrained(tmp_path)
