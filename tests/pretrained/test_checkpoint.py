"""Saving and loading: nothing changes on the way, and what is broken, hostile or of another kind is refused."""

import json
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save, save_file

from nano_bert import NanoBERT, NanoBertForClassification, NanoBertForPreTraining
from nano_bert.pretrained.weight_names import SETTING_NAMES, SIZES
from tests.oracles import SEEDS, as_readers_run_it, random_config, random_weights

KINDS = [NanoBERT, NanoBertForClassification, NanoBertForPreTraining]


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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_saved_model_comes_back(tmp_path: Path, seed: int, kind: Any) -> None:
    """Settings and weights, bit for bit, ready to use with dropout off, and to be trained on."""
    config = random_config(
        seed,
        pooling=["cls", "mean"][seed % 2],
        pooler=kind is NanoBertForClassification or seed % 3 > 0,
        norm_first=seed > 3,
        dropout=0.25,
        pad_id=seed,
    )
    model = random_weights(kind(config), seed)
    model.save_pretrained(tmp_path / "on the" / "way")
    loaded = kind.from_pretrained(str(tmp_path / "on the" / "way"))
    assert loaded.config.to_dict() == {**config.to_dict(), "n_feed_forward": config.feed_forward_size}
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(weight, loaded.state_dict()[name]) for name, weight in model.state_dict().items())
    assert not any(module.training for module in loaded.modules())
    assert all(weight.requires_grad and weight.is_leaf for weight in loaded.parameters())


def test_a_folder_holds_settings_and_numbers_and_no_pickle(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert all(tensor.dtype == torch.float32 for tensor in load_file(folder / "model.safetensors").values())


def test_saving_again_replaces(folder: Path) -> None:
    """Also a model that came from this folder: its weights are not in the file any more, but in memory."""
    loaded = NanoBertForClassification.from_pretrained(folder)
    NanoBERT(vocab_size=20).save_pretrained(folder)
    assert NanoBERT.from_pretrained(folder).config.vocab_size == 20
    loaded.save_pretrained(folder)
    again = NanoBertForClassification.from_pretrained(folder)
    assert all(torch.equal(weight, again.state_dict()[name]) for name, weight in loaded.state_dict().items())


def test_weights_share_no_memory(folder: Path) -> None:
    """Training one head leaves the others alone."""
    weights = list(NanoBertForClassification.from_pretrained(folder).parameters())
    assert len({weight.untyped_storage().data_ptr() for weight in weights}) == len(weights)
    assert all(weight.untyped_storage().nbytes() == 4 * weight.numel() for weight in weights)


def test_a_bare_model_opens_a_classifiers_folder(folder: Path) -> None:
    ids = torch.tensor([1, 7, 2])
    classifier = NanoBertForClassification.from_pretrained(folder)
    assert torch.equal(NanoBERT.from_pretrained(folder)(ids).pooler_output, classifier.bert(ids).pooler_output)


def test_loading_draws_no_random_number(folder: Path) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    NanoBertForClassification.from_pretrained(folder)
    assert torch.equal(torch.rand(3), expected)


def test_files_may_be_links(folder: Path, tmp_path: Path) -> None:
    """As in the cache of the hub."""
    (folder / "blobs").mkdir()
    (folder / "snapshot").mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).rename(folder / "blobs" / name)
        (folder / "snapshot" / name).symlink_to(folder / "blobs" / name)
    (tmp_path / "link").symlink_to(folder / "snapshot", target_is_directory=True)
    assert NanoBertForClassification.from_pretrained(tmp_path / "link").config.vocab_size == 10


def test_ids_of_another_vocabulary_are_refused(as_a_reader: None, folder: Path) -> None:
    model = NanoBertForClassification.from_pretrained(folder)
    with pytest.raises(
        ValueError, match=r"input_ids holds 10, .* ids 0 to 9. Do the tokenizer and the model have the same"
    ):
        model(torch.tensor([1, 10]))


# Files that are missing, cut off or damaged


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_without_a_checkpoint_is_refused(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(FileNotFoundError, match=f"is not a saved model: it has no file {missing}"):
        NanoBertForClassification.from_pretrained(folder)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere is not a saved model: there is no such folder"):
        NanoBERT.from_pretrained(tmp_path / "nowhere")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_file_in_place_of_its_folder_is_refused(folder: Path, file: str) -> None:
    with pytest.raises(FileNotFoundError, match=f"{file} is a file: give the folder it stands in, {folder}"):
        NanoBERT.from_pretrained(folder / file)


def test_a_link_to_nowhere_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(folder / "gone")
    with pytest.raises(FileNotFoundError, match=r"it has no file model.safetensors"):
        NanoBERT.from_pretrained(folder)


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 9, 100, 0.5, -100, -4, -1])
def test_a_truncated_file_is_refused(folder: Path, cut: float) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(cut) if cut == int(cut) else int(cut * len(content))])
    with pytest.raises(ValueError, match=r"model.safetensors is cut off or damaged .* Get the file again"):
        NanoBertForClassification.from_pretrained(folder)


def with_header(header: Any, body: bytes = b"\x00" * 64) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def one(offsets: list[Any], shape: list[Any], dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    "content",
    [
        b"\x00" * 5000,
        b"\xff" * 5000,
        b"<!DOCTYPE html><html>not found</html>",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 99_000_000) + b"{}",
        with_header([1, 2]),
        with_header(b"[" * 50_000),
        with_header(b'{"a":' * 50_000),
        with_header({"a": one([0, 64], [4])}),
        with_header({"a": one([0, 40], [10]), "b": one([24, 64], [10])}),  # they overlap
        with_header({"a": one([0, 32], [8]), "b": one([40, 64], [6])}),  # a hole
        with_header({"a": one([64, 0], [16])}),
        with_header({"a": one([-64, 0], [16])}),
        with_header({"a": one([0, 2**60], [2**58])}),
        with_header({"a": one([0, 64], [2**63, 2**63])}),
        with_header({"a": one([0, 64], [16], "F31")}),
        with_header({"a": one([0, 64], ["16"])}),
        with_header({"a": "b"}),
    ],
)
def test_a_file_of_another_kind_is_refused(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"model.safetensors is cut off or damaged"):
        NanoBertForClassification.from_pretrained(folder)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    folder = tmp_path_factory.mktemp("damaged")
    random_weights(NanoBertForPreTraining(vocab_size=5, n_embed=2), 0).save_pretrained(folder)
    return folder, (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("in_header", [True, False])
@given(data=st.data())
def test_whatever_is_wrong_in_a_file_the_error_is_a_sentence(
    damaged: tuple[Path, bytes], data: st.DataObject, in_header: bool
) -> None:
    """A model with other numbers, or a `ValueError` that names the folder; never a crash of another kind, never NaN."""
    folder, whole = damaged
    content = bytearray(whole)
    end = 8 + struct.unpack("<Q", whole[:8])[0]
    places = st.integers(0, end - 1) if in_header else st.integers(end, len(whole) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=4)):
        content[place] ^= data.draw(st.integers(1, 255))
    (folder / "model.safetensors").write_bytes(content)
    model, problem = NanoBertForPreTraining(vocab_size=5), ""
    try:
        model = NanoBertForPreTraining.from_pretrained(folder)
    except ValueError as error:
        problem = str(error)
    assert problem == "" or (str(folder) in problem and problem.endswith("."))
    assert all(weight.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_weights_that_are_not_finite_are_refused(folder: Path, value: float) -> None:
    tensors = {name: tensor.double() for name, tensor in load_file(folder / "model.safetensors").items()}
    tensors["classifier.bias"][1] = value
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(
        ValueError, match=r"is of no use: classifier.bias holds NaN, infinity, or numbers nearly as large"
    ):
        NanoBertForClassification.from_pretrained(folder)


@pytest.mark.parametrize("dtype", [torch.int8, torch.long, torch.bool, torch.complex64])
def test_weights_that_are_no_real_numbers_are_refused(folder: Path, dtype: torch.dtype) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["classifier.weight"] = tensors["classifier.weight"].to(dtype)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ValueError, match=rf"keeps classifier.weight as {dtype}, which are no weights to compute with"):
        NanoBertForClassification.from_pretrained(folder)


# Settings


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"model_type": "be', b"[" * 100_000, b'{"a":' * 100_000])
def test_settings_that_are_cut_off_are_refused(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"config.json is cut off or damaged \(.*\). Get the file again"):
        NanoBertForClassification.from_pretrained(folder)


@pytest.mark.parametrize("content", [b"[]", b"null", b"3", b"{}", b'"bert"', b"true", b"[[1, 2]]", b"NaN"])
def test_a_file_without_settings_is_refused(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    sentence = "is not that of a BERT .* It does not say" if content == b"{}" else "is .* damaged .settings have names"
    with pytest.raises(ValueError, match=f"config.json {sentence}"):
        NanoBertForClassification.from_pretrained(folder)


@pytest.mark.parametrize("value", [..., None])
@pytest.mark.parametrize("name", SIZES)
def test_a_missing_size_is_named(folder: Path, name: str, value: Any) -> None:
    edit(folder / "config.json", **{SETTING_NAMES[name]: value})
    with pytest.raises(ValueError, match=f"config.json is not that of a BERT .* It does not say {SETTING_NAMES[name]}"):
        NanoBertForClassification.from_pretrained(folder)


def test_what_has_a_default_need_not_be_said(folder: Path) -> None:
    before = NanoBertForClassification.from_pretrained(folder).config
    settings = json.loads((folder / "config.json").read_text())
    sizes = {SETTING_NAMES[name] for name in SIZES}
    edit(folder / "config.json", **dict.fromkeys(settings.keys() - sizes, ...))
    after = NanoBertForClassification.from_pretrained(folder).config
    assert after.to_dict() == before.to_dict() | {"labels": ("LABEL_0", "LABEL_1")}  # as transformers calls them


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"model_type": "roberta"}, "knows model_type bert and .*, but this model has 'roberta'"),
        ({"model_type": ["bert"]}, r"knows model_type bert and .*, but this model has \['bert'\]"),
        ({"hidden_act": "relu"}, "knows hidden_act gelu, but this model has 'relu'"),
        ({"position_embedding_type": "relative_key"}, "knows position_embedding_type absolute, .* 'relative_key'"),
        ({"pruned_heads": {"0": [1]}}, "knows pruned_heads {}, but this model has {'0'"),
        ({"vocab_size": 0}, "vocab_size must be at least 1, but it is 0"),
        ({"hidden_size": "4"}, "n_embed counts something"),
        ({"num_attention_heads": 3}, "n_embed=4 cannot be shared out among n_heads=3"),
        ({"hidden_dropout_prob": 1.5}, "dropout .* it is 1.5"),
        ({"layer_norm_eps": {}}, "layer_norm_eps is a number, but it is {}"),
        ({"pad_token_id": 10}, "pad_id=10 is not an id of the vocabulary"),
        ({"pooling": "max"}, 'pooling is "cls" or "mean"'),
        ({"id2label": {"zero": "bad"}}, "id2label gives each class its name, .* but it is {'zero'"),
        ({"id2label": ["bad", "good"]}, "id2label gives each class its name"),
        ({"id2label": {"0": "bad", "1": "bad"}}, "labels names each class once"),
        ({"vocab_size": 10**12}, "would have [0-9,]+ parameters; 4,000,000,000 is the limit"),
        ({"hidden_size": 10**400, "num_attention_heads": 3}, "would have [0-9,]+ parameters"),
        ({"max_position_embeddings": 10**4000}, ""),  # Python refuses to write such a number out; any sentence will do
    ],
)
def test_settings_of_no_model_of_ours_are_refused(
    as_a_reader: None, folder: Path, changed: dict[str, Any], sentence: str
) -> None:
    """The message names the file, and what in it is wrong; of each kind one, and all others further below."""
    edit(folder / "config.json", **changed)
    with pytest.raises(ValueError, match=f"config.json is not that of a BERT which can be opened here. .*{sentence}"):
        NanoBertForClassification.from_pretrained(folder)


@pytest.mark.parametrize(
    "changed",
    [
        {"num_hidden_layers": 10**7},
        {"vocab_size": 9 * 10**8},
        {"max_position_embeddings": 9 * 10**8},
        {"type_vocab_size": 9 * 10**8},
        {"intermediate_size": 2 * 10**8},
        {"hidden_size": 12_000, "num_attention_heads": 12_000},
        {"id2label": {str(index): str(index) for index in range(100_000)}},
    ],
)
def test_sizes_that_are_not_those_of_the_file_take_neither_memory_nor_time(folder: Path, changed: Any) -> None:
    """They are within the limit, so it is the file that shows that they are wrong."""
    resource = pytest.importorskip("resource")  # Windows has none
    edit(folder / "config.json", **changed)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(ValueError, match=r"model.safetensors holds 2 layers|do(es)? not fit its config.json"):
        NanoBertForClassification.from_pretrained(folder)
    assert time.process_time() - start < 2  # seconds
    unit = 1 if sys.platform == "darwin" else 1024
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit < 50_000_000  # bytes


@given(
    data=st.dictionaries(
        st.sampled_from(
            [*SETTING_NAMES.values(), "id2label", "model_type", "architectures", "problem_type", "pooling"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
            max_leaves=4,
        ),
        min_size=1,
        max_size=3,
    )
)
def test_whatever_the_settings_say_the_error_is_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any]
) -> None:
    """The shape checks are off, as they are for a reader."""
    folder = tmp_path_factory.mktemp("settings")
    NanoBertForClassification(vocab_size=10).save_pretrained(folder)
    edit(folder / "config.json", **data)
    problem = ""
    with as_readers_run_it():
        try:
            NanoBertForClassification.from_pretrained(folder)
        except ValueError as error:
            problem = str(error)
    assert problem == "" or str(folder) in problem


# Weights and settings that do not belong together


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"vocab_size": 11}, r"the table of words has the shape \[\(10, 4\)\], but these settings make it \(11, 4\)"),
        ({"hidden_size": 6}, r"the table of words has the shape \[\(10, 4\)\], but these settings make it \(10, 6\)"),
        ({"num_hidden_layers": 1}, r"model.safetensors holds 2 layers, but config.json speaks of 1"),
        ({"num_hidden_layers": 3}, r"model.safetensors holds 2 layers, but config.json speaks of 3"),
        (
            {"intermediate_size": 15},
            r"feed_forward.\w+.\w+ has the shape \(.*16.*\), but these settings make it \(.*15",
        ),
        ({"type_vocab_size": 3}, r"embedding.segments.weight has the shape \(2, 4\), .* make it \(3, 4\)"),
        ({"norm_first": True}, r"missing are \['bert.encoder.final_norm.bias', .*, left over are none"),
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


@pytest.mark.parametrize("name", ["classifier.hidden.weight", "bert.pooler.more", "bert.encoder.layer.0.extra"])
def test_a_weight_too_many_is_never_ignored(folder: Path, name: str) -> None:
    """A head of another make would give other numbers."""
    tensors = load_file(folder / "model.safetensors")
    save_file(tensors | {name: torch.ones(2)}, folder / "model.safetensors")
    with pytest.raises(ValueError, match="missing are none, left over are"):
        NanoBertForClassification.from_pretrained(folder)


@pytest.mark.parametrize("change", [lambda rows: rows[:3], lambda rows: rows[:0], lambda rows: rows.T[:3].contiguous()])
def test_a_matrix_that_cannot_be_cut_into_heads_is_refused(folder: Path, change: Callable[..., Any]) -> None:
    name = "bert.encoder.layer.1.attention.self.key.weight"
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").write_bytes(save(tensors | {name: change(tensors[name])}))
    with pytest.raises(ValueError, match=r"bert.encoder.layers.1.attention.heads.\d.key.weight"):
        NanoBertForClassification.from_pretrained(folder)


def test_a_file_without_words_is_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["bert.embeddings.word_embeddings.weight"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"the table of words has the shape \[\]"):
        NanoBERT.from_pretrained(folder)


def test_a_bare_model_is_no_classifier(tmp_path: Path) -> None:
    """The sentence says how to make it one, and that works."""
    NanoBERT(vocab_size=10).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"holds no classifier. To train one .*: (from_pretrained\(.*\))\.") as caught:
        NanoBertForClassification.from_pretrained(tmp_path)
    call = str(caught.value).rpartition(": ")[2].rstrip(".")
    made = eval(f"NanoBertForClassification.{call}")
    assert made.config.labels == ("negative", "positive")


def test_a_folder_is_where_its_name_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_a_reader: None) -> None:
    """To write and to read: "~" is the reader's home for both, and what is no name is refused by both."""
    for variable in ("HOME", "USERPROFILE"):  # Windows has the second
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    model = NanoBERT(vocab_size=10)
    model.save_pretrained("~/mine")
    assert (tmp_path / "mine" / "config.json").is_file()
    assert NanoBERT.from_pretrained("~/mine").config.vocab_size == 10
    for wrong in (None, "", 3):
        with pytest.raises(TypeError, match="A folder is given by its name, a text or a Path, but"):
            model.save_pretrained(wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(FileNotFoundError, match="is a file: give the folder it stands in"):
        model.save_pretrained(tmp_path / "mine" / "config.json")
