"""Where a model is: a folder, or a name on the Hugging Face hub, here a small server that imitates it."""

import http.server
import json
import os
import pickle
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import huggingface_hub
import pytest
import torch
import transformers
from safetensors.torch import load_file

import nano_bert
from nano_bert import NanoBERT, NanoBertForPreTraining
from nano_bert.pretrained.hub import CONFIG, WEIGHTS
from tests.oracles import assert_same, random_weights

SHA = "0123456789abcdef0123456789abcdef01234567"
SETTINGS = {
    "vocab_size": 12,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 5,
    "max_position_embeddings": 9,
}


def save_as_transformers_does(folder: Path, **how: Any) -> Any:
    model = random_weights(transformers.BertForPreTraining(transformers.BertConfig(**SETTINGS)), 0).eval()
    model.save_pretrained(folder, **how)
    return model


# Other ways to keep weights: refused, with a way to convert them that works


def follow(problem: str, folder: Path, here: pytest.MonkeyPatch | None = None) -> None:
    """Do what the sentence says: type the command at its end, in the folder; or run it here, which saves a process."""
    command = problem[problem.index('python -I -c "') :].removeprefix("python -I ")
    assert (command.startswith('-c "'), command.endswith('"'), command.count('"')) == (True, True, 2)
    if here:
        here.chdir(folder)
        exec(command[4:-1], {})
    else:
        subprocess.run([sys.executable, "-I", "-c", command[4:-1]], cwd=folder, check=True)


def test_a_pickle_is_refused_and_can_be_converted(tmp_path: Path) -> None:
    """All that it holds is there afterwards, every head, and transformers opens it, too."""
    oracle = save_as_transformers_does(tmp_path)
    (tmp_path / WEIGHTS).unlink()
    torch.save(oracle.state_dict(), tmp_path / "pytorch_model.bin")  # decoder and words share their memory
    with pytest.raises(ValueError, match=r"has no model.safetensors. .* a pickle, .* can run any program") as caught:
        NanoBERT.from_pretrained(tmp_path)
    follow(str(caught.value), tmp_path)
    assert load_file(tmp_path / WEIGHTS).keys() == oracle.state_dict().keys()
    ids = torch.tensor([[1, 7, 8, 2]])
    model = NanoBERT.from_pretrained(tmp_path)
    reopened, report = transformers.BertForPreTraining.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(report.values()), report
    for theirs in (oracle, reopened.eval()):
        torch.testing.assert_close(model(ids).last_hidden_state, theirs.base_model(ids).last_hidden_state)


def test_no_pickle_is_ever_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even beside a file of ours: the trap in it does not snap."""
    NanoBERT(vocab_size=10).save_pretrained(tmp_path)
    trap = tmp_path / "snapped"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (trap,)

    torch.save(Trap(), tmp_path / "pytorch_model.bin")
    NanoBERT.from_pretrained(tmp_path)
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(ValueError, match="a pickle") as caught:
        NanoBERT.from_pretrained(tmp_path)
    with pytest.raises(pickle.UnpicklingError):  # nor does the way to convert it set it off
        follow(str(caught.value), tmp_path, here=monkeypatch)
    assert not trap.exists()
    torch.load(tmp_path / "pytorch_model.bin", weights_only=False)
    assert trap.exists()  # it was armed


def test_weights_in_several_files_are_refused_and_can_be_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = save_as_transformers_does(tmp_path, max_shard_size="1KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    with pytest.raises(
        ValueError, match=r"keeps its weights in several files, .* Join them, in their folder: "
    ) as caught:
        NanoBertForPreTraining.from_pretrained(tmp_path)
    follow(str(caught.value), tmp_path, here=monkeypatch)
    ids = torch.tensor([[1, 7, 8, 2]])
    ours, theirs = NanoBertForPreTraining.from_pretrained(tmp_path)(ids), oracle(ids)
    torch.testing.assert_close(ours.prediction_logits, theirs.prediction_logits)
    torch.testing.assert_close(ours.seq_relationship_logits, theirs.seq_relationship_logits)


# Names


@pytest.mark.parametrize("name", ["runs/mine", "mine", "google-bert/bert-base-uncased", "bert-base-uncased"])
def test_offline_a_name_that_is_no_folder_gets_a_sentence_at_once(name: str) -> None:
    start = time.perf_counter()
    with pytest.raises(
        FileNotFoundError, match=rf"no folder {name}, and the Hugging Face hub .* \(OfflineMode.*co/{name}"
    ):
        NanoBERT.from_pretrained(name)
    assert time.perf_counter() - start < 2  # seconds


@pytest.mark.parametrize("name", ["a/b/c", "./runs/mine", "/runs/mine", "../mine", "runs/mine/", "mi ne", "-x/y"])
def test_what_can_only_be_a_folder_is_not_looked_for_elsewhere(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")  # with nothing beside it
    monkeypatch.setattr(huggingface_hub, "model_info", lambda *_: pytest.fail("the hub was asked"))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_: pytest.fail("the hub was asked"))
    with pytest.raises(FileNotFoundError, match="is not a saved model: there is no such folder"):
        NanoBERT.from_pretrained(name)


def test_a_folder_goes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    NanoBERT(vocab_size=10).save_pretrained("google-bert/bert-base-uncased")
    assert NanoBERT.from_pretrained("google-bert/bert-base-uncased").config.vocab_size == 10


def test_without_the_library_of_the_hub_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(FileNotFoundError, match=r"no folder bert-base-uncased. .* hub: pip install huggingface_hub"):
        NanoBERT.from_pretrained("bert-base-uncased")


def test_the_library_of_the_hub_is_only_loaded_for_the_hub() -> None:
    code = "import nano_bert, sys; assert 'huggingface_hub' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# The hub


class Hub(http.server.BaseHTTPRequestHandler):
    """Just enough of https://huggingface.co: what a model holds, and its files."""

    root: ClassVar[Path]
    sent: ClassVar[list[str]]
    address: ClassVar[str]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        question = re.fullmatch(r"/api/models/(\w+/\w+)(/revision/main|/tree/\w+)?", path)
        file = re.fullmatch(r"/(\w+/\w+)/resolve/\w+/(.+)", path)
        folder = self.root / (question or file or [None, "nothing"])[1]
        if not folder.is_dir():
            self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})
        elif question:
            names = sorted(found.name for found in folder.iterdir())
            files = [self.describe(folder / name) for name in names]
            model = {"id": question[1], "sha": SHA, "siblings": [{"rfilename": name} for name in names]}
            self.answer(200, json.dumps(files if "/tree/" in path else model).encode())
        elif file:
            self.sent += [file[2]] if self.command == "GET" else []
            self.answer(200, (folder / file[2]).read_bytes(), {"ETag": f'"{file[2]}"', "X-Repo-Commit": SHA})

    do_HEAD = do_GET

    def describe(self, path: Path) -> dict[str, Any]:
        return {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": path.name}

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


# The module without the rest of the package, which imports torch, and that takes seconds.
READER = """
import json, sys, time, types
for folder in ("", "/pretrained", "/tokenizer"):
    name = "nano_bert" + folder.replace("/", ".")
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [sys.argv[1] + folder]
from nano_bert.pretrained import hub
hub.PATIENCE = 1
start, folder, problem = time.perf_counter(), "", ""
try:
    folder = str(hub.find_folder(sys.argv[2]))
except Exception as error:
    problem = f"{type(error).__name__}: {error}"
print(json.dumps([folder, problem, time.perf_counter() - start]))
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Hub]]:
    class Ours(Hub):
        root = tmp_path_factory.mktemp("hub")
        sent: ClassVar[list[str]] = []

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ours)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Ours.address = f"http://127.0.0.1:{server.server_port}"
    yield Ours
    server.shutdown()


def find(endpoint: str, name: str, home: Path, **environment: str) -> tuple[str, str, float]:
    """Look for a model in a new process; return its folder, or what went wrong, and the seconds that it took."""
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "no_proxy": "127.0.0.1"}
    command = [sys.executable, "-c", READER, str(Path(nano_bert.__file__).parent), name]
    variables = os.environ | {"HF_HUB_OFFLINE": "0"} | environment
    done = subprocess.run(command, env=variables, check=True, capture_output=True, text=True, timeout=60)
    folder, problem, seconds = json.loads(done.stdout)
    return folder, problem, seconds


def test_a_model_comes_from_the_hub_and_again_without_a_network(tmp_path: Path, hub: Any) -> None:
    """Only the files that are needed are asked for."""
    model = random_weights(NanoBERT(vocab_size=10, n_embed=4), 0)
    model.save_pretrained(hub.root / "reader" / "small")
    for name in ("pytorch_model.bin", "tf_model.h5", "model.onnx", "evil.py", "vocab.txt", "README.md"):
        (hub.root / "reader" / "small" / name).write_text("text")
    folder, problem, _ = find(hub.address, "reader/small", tmp_path)
    assert problem == ""
    assert sorted(hub.sent) == sorted([CONFIG, WEIGHTS, "vocab.txt"])
    assert_same(NanoBERT.from_pretrained(folder).state_dict(), model.state_dict(), 1e-9)
    assert find(hub.address, "reader/small", tmp_path, HF_HUB_OFFLINE="1")[:2] == (folder, "")
    assert find("http://127.0.0.1:9", "reader/small", tmp_path)[:2] == (folder, "")  # nobody answers there


def test_a_model_of_the_hub_that_is_a_pickle_is_not_even_fetched(tmp_path: Path, hub: Any) -> None:
    save_as_transformers_does(hub.root / "reader" / "pickle")
    (hub.root / "reader" / "pickle" / WEIGHTS).rename(hub.root / "reader" / "pickle" / "pytorch_model.bin")
    hub.sent.clear()
    _, problem, _ = find(hub.address, "reader/pickle", tmp_path)
    assert re.search(r"ValueError: .* has no model.safetensors. .* a pickle, .* Convert it once", problem)
    assert hub.sent == [CONFIG]


def test_a_name_that_the_hub_does_not_know_gets_a_sentence(tmp_path: Path, hub: Any) -> None:
    _, problem, seconds = find(hub.address, "runs/mine", tmp_path)
    assert re.search(r"FileNotFoundError: There is no folder runs/mine, .* \(RepositoryNotFoundError\)", problem)
    assert seconds < 10


def test_without_a_network_nobody_waits_long(tmp_path: Path) -> None:
    """Neither for an address that does not exist, nor for a server that takes the call and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for address in ("http://127.0.0.1:9", f"http://127.0.0.1:{silent.getsockname()[1]}"):
            _, problem, seconds = find(address, "runs/mine", tmp_path)
            assert re.search(r"FileNotFoundError: There is no folder runs/mine, .*(ConnectError|ReadTimeout)", problem)
            assert seconds < 10
