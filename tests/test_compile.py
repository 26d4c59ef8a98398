"""`torch.compile` and `torch.export` take a model in one piece, fused or not, and give the same numbers.

The checks of shapes that pytest puts around every function would cut a graph in pieces, and a reader runs the package
without them. So the work is done in a process of its own, by `main` below, in one start.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from nano_bert import BertConfig, NanoBERT, NanoBertForClassification, NanoBertForPreTraining

IDS = torch.tensor([[1, 7, 8, 9, 2], [1, 9, 2, 0, 0], [0, 0, 0, 0, 0]])  # full, padded, and nothing but padding
LABELS = torch.tensor([0, 1, 1])
KINDS = {
    "bert": NanoBERT,
    "cls": NanoBertForClassification,
    "mean": NanoBertForClassification,
    "words": NanoBertForPreTraining,
}


def make(kind: str, fused: bool, **settings: Any) -> Any:
    """Return a small model; with the same settings always the same."""
    torch.manual_seed(0)
    pooling = "mean" if kind == "mean" else "cls"
    config = BertConfig(10, n_heads=2, n_embed=6, max_seq_len=8, pooling=pooling, **settings)
    model = KINDS[kind](config)
    return model.fuse() if fused else model


def step(model: Any, kind: str, n_tokens: int = 5) -> Any:
    """Read the texts and go all the way back; return what the model says."""
    ids = IDS[:, :n_tokens]
    labels = {} if kind == "bert" else {"labels": LABELS}
    out = model(ids, ids != 0, **labels)
    loss = out.last_hidden_state.square().mean() + out.pooler_output.mean() if kind == "bert" else out.loss
    loss.backward()
    return out


def numbers(model: Any, kind: str, n_tokens: int) -> dict[str, Tensor]:
    """Return all that a model gives for the texts: outputs, loss, attentions where it has them, and gradients."""
    model.zero_grad()
    found: dict[str, Tensor] = {}
    for name, value in vars(step(model, kind, n_tokens)).items():
        if value is not None:
            tensors = value if isinstance(value, tuple) else (value,)
            found |= {f"{name} {number}": tensor for number, tensor in enumerate(tensors)}
    # A compiled model has the weights of the other, under longer names, so they are numbered.
    gradients = {f"gradient {number}": weight.grad for number, weight in enumerate(model.parameters())}
    return found | {name: gradient for name, gradient in gradients.items() if gradient is not None}


def check_in_one_piece(kind: str, fused: bool) -> None:
    """See that torch's tracer gets through a model that learns, with dropout; `fullgraph` makes a break an error."""
    torch._dynamo.reset()
    model = make(kind, fused, n_layers=2, norm_first=True, dropout=0.1).train()
    step(torch.compile(model, backend="eager", fullgraph=True), kind)


def check_programs(folder: Path) -> None:
    """See that each model is exported for texts of any number and length, kept in a file, read again, and the same."""
    texts, length = torch.export.Dim("texts", min=1, max=64), torch.export.Dim("length", min=2, max=8)
    shape = {0: texts, 1: length}
    ids = torch.tensor([[1, 6, 7, 8, 9, 2], [1, 5, 2, 0, 0, 0]])
    for kind, fused in (("bert", False), ("cls", True), ("words", False)):
        model = make(kind, fused, n_layers=2).eval()
        program = torch.export.export(model, (IDS, IDS != 0), dynamic_shapes=(shape, shape))
        torch.export.save(program, folder / "model.pt2")
        ours, same = model(ids, ids != 0), torch.export.load(folder / "model.pt2").module()(ids, ids != 0)
        assert type(same) is type(ours)
        torch.testing.assert_close(pytree.tree_leaves(same), pytree.tree_leaves(ours))


def check_numbers(backend: str, kind: str, fused: bool, lengths: tuple[int, ...]) -> None:
    """See that a compiled model gives what it gives as it is, forward and backward, for texts of some lengths."""
    torch._dynamo.reset()
    model = make(kind, fused, n_layers=1, dropout=0.0)
    compiled = torch.compile(model, backend=backend, fullgraph=True)
    for n_tokens in lengths:
        ours = {name: tensor.clone() for name, tensor in numbers(compiled, kind, n_tokens).items()}
        for name, wanted in numbers(model, kind, n_tokens).items():
            difference = (ours.pop(name) - wanted).abs().max().item()
            assert difference < 1e-5, f"{kind}, fused={fused}, {backend}: {name} differs by {difference:.1e}"
        assert not ours


def main(backend: str, folder: Path) -> None:
    """Check with `aot_eager`, the steps that a compiler is given, each run as it is; or `inductor`, machine code."""
    torch.set_num_threads(1)
    for fused in (False, True):
        if backend == "inductor":
            check_numbers(backend, "cls", fused, lengths=(5,))
            continue
        for kind in ("cls", "mean") if fused else ("bert", "cls", "mean"):
            check_in_one_piece(kind, fused)
        check_numbers(backend, "cls", fused, lengths=(5, 3) if fused else (5,))  # another length is compiled anew
    if backend != "inductor":
        check_programs(folder)


def run(backend: str, folder: Path) -> None:
    work = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(folder), "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    command = [sys.executable, "-m", "tests.test_compile", backend, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=work, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.slow
def test_a_model_is_one_graph_and_gives_the_same_numbers(tmp_path: Path) -> None:
    run("aot_eager", tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which(os.environ.get("CXX", "g++")) is None, reason="there is no compiler for C++ here")
def test_machine_code_gives_the_same_numbers(tmp_path: Path) -> None:
    run("inductor", tmp_path)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
