"""Hundreds of damaged folders, made anew: each opens with right numbers, or is refused in one sentence of ours.

Right are the numbers that are in the files: the weights are read once more with the library safetensors. The short form
is always run, the long one with `pytest -m slow`. A seed is printed: `NANO_BERT_SEED=… pytest …` makes the same again.
"""

import json
import os
import random
import re
import resource
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save, save_file

from nano_bert import NanoBERT, NanoBertForClassification, NanoBertForPreTraining, WordPieceTokenizer
from nano_bert.predict import load_classifier, predict
from nano_bert.pretrained.weight_names import to_hugging_face
from nano_bert.tokenizer.base import SPECIAL_TOKENS
from tests.oracles import random_weights
from tests.pretrained.test_tokenizer_json import save as save_tokenizer

VALUES = [
    None,
    True,
    -1,
    0,
    1,
    2,
    3,
    7,
    1.5,
    1e30,
    10**400,
    "",
    "a",
    "\x1b[31m\x07",
    "x" * 10_000,
    [],
    {},
    [1],
    {"a": 1},
]
PYTHONS_WORDS = ("unsupported operand", "not subscriptable", "object has no attribute", "not iterable", "must be str")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a folder in which all is right."""
    folder = tmp_path_factory.mktemp("whole")
    tokenizer = save_tokenizer(folder)
    model = NanoBertForClassification(
        vocab_size=len(tokenizer), n_layers=2, n_heads=2, n_embed=4, max_seq_len=16, pooling="mean"
    )
    random_weights(model, 0).save_pretrained(folder)
    pieces = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece, _ in pieces), encoding="utf-8")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def flip(files: dict[str, bytes], chance: random.Random) -> None:
    name = chance.choice(list(files))
    content = bytearray(files[name])
    for _ in range(chance.choice([1, 1, 3, 30])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    files[name] = bytes(content)


def cut(files: dict[str, bytes], chance: random.Random) -> None:
    name = chance.choice(list(files))
    files[name] = files[name][: chance.randrange(len(files[name]))]


def lengthen(files: dict[str, bytes], chance: random.Random) -> None:
    name = chance.choice(list(files))
    place = chance.randrange(len(files[name]))
    files[name] = files[name][:place] + chance.randbytes(chance.choice([1, 8, 1000])) + files[name][place:]


def remove(files: dict[str, bytes], chance: random.Random) -> None:
    del files[chance.choice(list(files))]


def settings(files: dict[str, bytes], chance: random.Random) -> None:
    """Put another value somewhere into the settings, or take one out."""
    name = chance.choice([name for name in files if name.endswith(".json")])
    whole: Any = json.loads(files[name])
    place = whole
    while True:
        keys: Any = list(place) if isinstance(place, dict) else range(len(place))
        key = chance.choice(list(keys))
        if isinstance(place[key], (dict, list)) and place[key] and chance.random() < 0.8:
            place = place[key]
            continue
        if chance.random() < 0.2:
            del place[key]
        else:
            place[key] = chance.choice([*VALUES, place[key]] if chance.random() < 0.9 else [[place[key]]])
        break
    files[name] = json.dumps(whole).encode()


def tensors(files: dict[str, bytes], chance: random.Random) -> None:
    """Rename a tensor, take one out, put one in, or make one of another kind, of another shape or absurd."""
    found = load(files["model.safetensors"])
    name, other = chance.sample(list(found), 2)
    how = chance.choice(["rename", "remove", "add", "ours", "kind", "shape", "value", "swap", "prefix"])
    tensor = found[name]
    if how == "rename":
        found[chance.choice(["stranger", f"{name}.more", name.removeprefix("bert."), f"bert.{name}"])] = found.pop(name)
    elif how == "remove":
        del found[name]
    elif how == "add":
        found[chance.choice(["bert.pooler.extra", "qa_outputs.weight", "cls.seq_relationship.bias"])] = torch.zeros(2)
    elif how == "ours":
        ours = ["embedding.words.weight", "encoder.layers.0.attention.heads.0.query.weight", "masked_word_head.bias"]
        found[chance.choice(ours)] = torch.zeros(len(tensor), 4)
    elif how == "kind":
        kinds = [torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool, torch.uint8, torch.float8_e5m2]
        found[name] = tensor.to(chance.choice(kinds))
    elif how == "shape":
        found[name] = chance.choice([tensor[:0], tensor.sum(), tensor.unsqueeze(0), torch.cat([tensor, tensor])])
    elif how == "value":
        tensor.view(-1)[0] = chance.choice([float("nan"), float("inf"), 1e30, -1e38, 5e-324])
    elif how == "swap":
        found[name], found[other] = found[other].clone(), tensor.clone()
    else:
        found = {f"{chance.choice(['module.', '_orig_mod.'])}{name}": tensor for name, tensor in found.items()}
    files["model.safetensors"] = save({name: tensor.contiguous() for name, tensor in found.items()})


def header(files: dict[str, bytes], chance: random.Random) -> None:
    """Put another value into the table of contents."""
    content = files["model.safetensors"]
    length = struct.unpack("<Q", content[:8])[0]
    parts = {"h.json": content[8 : 8 + length]}
    settings(parts, chance)
    text = parts["h.json"]
    files["model.safetensors"] = struct.pack("<Q", len(text)) + text + content[8 + length :]


WAYS: list[Callable[[dict[str, bytes], random.Random], None]]
WAYS = [flip, cut, lengthen, remove, settings, settings, settings, tensors, tensors, tensors, header]


def expected(folder: Path, tokenizer: Any) -> list[list[float]]:
    """The weights that the file holds, under their names, as the library reads them; of each a few numbers."""
    found = load((folder / "model.safetensors").read_bytes())
    plain = {re.sub(r"^(?:module\.|_orig_mod\.)*(?:bert\.)?", "", name): tensor for name, tensor in found.items()}
    return [plain[name].float().flatten().tolist() for name in sorted(plain) if name.partition(".")[0] in USED]


USED = ("embeddings", "encoder", "pooler", "classifier")


def check(folder: Path, seed: int) -> bool:
    """Open a folder and use it; return whether it opened."""
    start, memory = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    opened = True
    try:
        model, tokenizer = load_classifier(folder)
        answer = predict(model, tokenizer, "Paris, a [MASK] É")
        assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-4), seed
        theirs = to_hugging_face(model.state_dict())
        names = sorted((name.removeprefix("bert."), name) for name in theirs)
        assert [theirs[name].flatten().tolist() for _, name in names] == expected(folder, tokenizer), seed
    except (ValueError, TypeError, FileNotFoundError) as error:
        opened, sentence = False, str(error)
        assert sentence.rstrip('"')[-1] in ".?…", (seed, sentence)
        assert sentence.isprintable(), (seed, sentence)
        assert len(sentence) < 1_920, (seed, sentence)
        assert not any(words in sentence for words in PYTHONS_WORDS), (seed, sentence)
    assert time.process_time() - start < 5, seed
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 200_000, seed  # kilobytes
    return opened


@pytest.mark.parametrize("n_folders", [100, pytest.param(1_000, marks=pytest.mark.slow)])
def test_a_damaged_folder_opens_with_right_numbers_or_is_refused_in_a_sentence(
    as_a_reader: None, whole: dict[str, bytes], tmp_path: Path, n_folders: int
) -> None:
    first = int(os.environ.get("NANO_BERT_SEED") or random.SystemRandom().randrange(10**9))
    print(f"NANO_BERT_SEED={first}")
    opened = 0
    for seed in range(first, first + n_folders):
        chance = random.Random(seed)
        files = dict(whole)
        for way in chance.choices(WAYS, k=chance.choice([1, 1, 2])):
            try:
                way(files, chance)
            except Exception:  # damaged already, so that it cannot be read
                continue
        folder = tmp_path / str(seed)
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        opened += check(folder, seed)
    assert 0 < opened < n_folders
    assert check_whole(whole, tmp_path / "whole")


def check_whole(whole: dict[str, bytes], folder: Path) -> bool:
    folder.mkdir()
    for name, content in whole.items():
        (folder / name).write_bytes(content)
    return check(folder, -1)


# Bombs, one by one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = NanoBertForPreTraining(vocab_size=10, n_layers=2, n_heads=2, n_embed=4, max_seq_len=8)
    random_weights(model, 0).save_pretrained(tmp_path)
    WordPieceTokenizer([*SPECIAL_TOKENS, *"abc", "##a", "d"]).save_pretrained(tmp_path)
    return tmp_path


def edit(folder: Path, **changed: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def retensor(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    found = load((folder / "model.safetensors").read_bytes())
    change(found)
    save_file(found, folder / "model.safetensors")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"])
@pytest.mark.parametrize("what", ["pipe", "/dev/zero", "folder"])
def test_what_is_no_file_is_refused_at_once(folder: Path, file: str, what: str) -> None:
    (folder / file).unlink()
    if what == "pipe":
        os.mkfifo(folder / file)
    elif what == "folder":
        (folder / file).mkdir()
    else:
        (folder / file).symlink_to(what)
    start = time.process_time()
    with pytest.raises(ValueError, match=f"{file} is no ordinary file, so it is not read"):
        (WordPieceTokenizer if file in ("tokenizer_config.json", "vocab.txt") else NanoBERT).from_pretrained(folder)
    assert time.process_time() - start < 1


@pytest.mark.parametrize("name", ["norm_first", "num_hidden_layers", "hidden_size", "type_vocab_size"])
def test_a_text_is_not_multiplied(as_a_reader: None, folder: Path, name: str) -> None:
    edit(folder, **{name: "x" * 100_000})
    with pytest.raises(ValueError, match=r"config.json is not that of a BERT") as caught:
        NanoBERT.from_pretrained(folder)
    assert len(str(caught.value)) < 1_920


@pytest.mark.parametrize("n_layers", [600, 8_000])
def test_thousands_of_layers_are_refused_in_no_time(tmp_path: Path, n_layers: int) -> None:
    NanoBERT(vocab_size=10, n_embed=1).save_pretrained(tmp_path)
    one = load((tmp_path / "model.safetensors").read_bytes())
    retensor(
        tmp_path,
        lambda found: found.update(
            {
                name.replace("layer.0.", f"layer.{layer}."): torch.zeros(0)
                for layer in range(1, n_layers)
                for name in one
                if "layer.0." in name
            }
        ),
    )
    edit(tmp_path, num_hidden_layers=n_layers)
    start = time.process_time()
    with pytest.raises(ValueError, match=r"more than any BERT has|its table of contents has"):
        NanoBERT.from_pretrained(tmp_path)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("notes", [0, 1, "", "notes", [], {"format": 1}, {"format": {}}], ids=repr)
def test_notes_are_texts_with_names(folder: Path, notes: Any) -> None:
    """As the library of the format wants them; what it would not open is not opened here."""
    path = folder / "model.safetensors"
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]) | {"__metadata__": notes}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + content[end:])
    with pytest.raises(SafetensorError):
        load(path.read_bytes())
    with pytest.raises(ValueError, match="its notes are no texts, each with a name"):
        NanoBERT.from_pretrained(folder)


def test_a_weight_is_there_once_and_under_their_name(folder: Path) -> None:
    for name in ("embedding.words.weight", "encoder.layers.0.attention.heads.0.query.bias", "masked_word_head.bias"):
        before = (folder / "model.safetensors").read_bytes()
        retensor(folder, lambda found, name=name: found.update({name: torch.zeros(10, 4)}))
        with pytest.raises(ValueError, match=f"{name} is not what Hugging Face calls a weight"):
            NanoBertForPreTraining.from_pretrained(folder)
        (folder / "model.safetensors").write_bytes(before)


@pytest.mark.parametrize(
    "name",
    [
        "cls.seq_relationship.weight",
        "cls.seq_relationship.bias",
        "cls.predictions.transform.dense.bias",
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
    ],
)
def test_half_a_head_is_refused(folder: Path, name: str) -> None:
    retensor(folder, lambda found: found.pop(name))
    for kind in (NanoBertForPreTraining, NanoBERT):
        with pytest.raises(ValueError, match=r"only a part is there|missing are"):
            kind.from_pretrained(folder)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_the_prefixes_of_torch_are_taken_off(folder: Path, prefix: str) -> None:
    before = NanoBertForPreTraining.from_pretrained(folder).state_dict()
    found = load((folder / "model.safetensors").read_bytes())
    save_file({f"{prefix}{name}": tensor for name, tensor in found.items()}, folder / "model.safetensors")
    after = NanoBertForPreTraining.from_pretrained(folder).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_folder_of_sentence_transformers_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outer" / "1_Pooling").mkdir(parents=True)
    (tmp_path / "outer" / "1_Pooling" / "config.json").write_text("{}")
    inner = tmp_path / "outer" / "0_Transformer"
    inner.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).rename(inner / name)
    with pytest.raises(FileNotFoundError, match=r"it has one in it: open .*0_Transformer\."):
        NanoBERT.from_pretrained(tmp_path / "outer")


@pytest.mark.parametrize("name", ["~nobody-has-this-name", "a\0b", "x" * 5000, "\x1b[31m/x"])
def test_a_name_that_no_folder_can_have(name: str) -> None:
    for open_it in (NanoBERT.from_pretrained, load_classifier):
        with pytest.raises(FileNotFoundError, match=r"[.]$") as caught:
            open_it(name)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_what_could_not_be_opened_is_not_saved(folder: Path, value: float) -> None:
    model = NanoBertForPreTraining.from_pretrained(folder)
    before = (folder / "model.safetensors").read_bytes()
    with torch.no_grad():
        model.bert.encoder.layers[0].attention.output.bias[1] = value
    with pytest.raises(ValueError, match=r"attention.output.bias holds NaN, infinity"):
        model.save_pretrained(folder)
    assert (folder / "model.safetensors").read_bytes() == before


def test_classes_may_be_counted_only(tmp_path: Path) -> None:
    model = random_weights(NanoBertForClassification(vocab_size=10, labels=("a", "b", "c")), 0)
    model.save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    del settings["id2label"]
    (tmp_path / "config.json").write_text(json.dumps(settings | {"num_labels": 3}))
    assert NanoBertForClassification.from_pretrained(tmp_path).config.labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    for wrong in ({"num_labels": 4}, {"num_labels": "3"}, {"num_labels": 3, "id2label": {"0": "a", "1": "b"}}):
        (tmp_path / "config.json").write_text(json.dumps(settings | wrong))
        with pytest.raises(ValueError, match=r"num_labels|classifier.* has the shape"):
            NanoBertForClassification.from_pretrained(tmp_path)
