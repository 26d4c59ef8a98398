"""`torch.compile` takes a model in one piece, fused or not, and the compiled model gives the same numbers.

The checks of shapes that pytest puts around every function would cut a graph in pieces, and a reader runs the package
without them. So the work is done in a process of its own, by `main` below: `python -m tests.test_compile`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nano_bert import BertConfig, NanoBERT, NanoBertForClassification

IDS = torch.tensor([[1, 7, 8, 9, 2], [1, 9, 2, 0, 0], [0, 0, 0, 0, 0]])  # full, padded, and nothing but padding
LABELS = torch.tensor([0, 1, 1])
KINDS = {"bert": NanoBERT, "cls": NanoBertForClassification, "mean": NanoBertForClassification}


def make(kind: str, fused: bool, **settings: Any) -> Any:
    """Return a small model; with the same settings always the same."""
    torch.manual_seed(0)
    pooling = "mean" if kind == "mean" else "cls"
    config = BertConfig(10, n_heads=2, n_embed=6, max_seq_len=8, pooling=pooling, **settings)
    model = KINDS[kind](config)
    return model.fuse() if fused else model


def step(model: Any, kind: str, n_tokens: int = 5, asked: bool = False) -> Any:
    """Read the texts and go all the way back; return what the model says."""
    ids = IDS[:, :n_tokens]
    labels = {} if kind == "bert" else {"labels": LABELS}
    out = model(ids, ids != 0, output_attentions=asked, **labels)
    loss = out.last_hidden_state.square().mean() + out.pooler_output.mean() if kind == "bert" else out.loss
    loss.backward()
    return out


def numbers(model: Any, kind: str, n_tokens: int, asked: bool) -> dict[str, Tensor]:
    """Return all that a model gives for the texts: outputs, loss, attentions where asked for, and gradients."""
    model.zero_grad()
    found: dict[str, Tensor] = {}
    for name, value in vars(step(model, kind, n_tokens, asked)).items():
        if value is not None:
            tensors = value if isinstance(value, tuple) else (value,)
            found |= {f"{name} {number}": tensor for number, tensor in enumerate(tensors)}
    # A compiled model has the weights of the other, under longer names, so they are numbered.
    gradients = {f"gradient {number}": weight.grad for number, weight in enumerate(model.parameters())}
    return found | {name: gradient for name, gradient in gradients.items() if gradient is not None}


def check_in_one_piece() -> None:
    """See that torch's tracer gets through every kind of model, in training and asked for its attention weights.

    `fullgraph` makes a break an error. What is traced is not compiled here, for that takes long and changes no break.
    """
    for fused in (False, True):
        for kind in KINDS:
            for training in (False, True):
                torch._dynamo.reset()
                model = make(kind, fused, n_layers=2, norm_first=training, dropout=0.1).train(training)
                step(torch.compile(model, backend="eager", fullgraph=True), kind, asked=not training)


def check_numbers(backend: str, kind: str, fused: bool, lengths: tuple[int, ...] = (5,), asked: bool = False) -> None:
    """See that a compiled model gives what it gives as it is, forward and backward, for texts of some lengths."""
    torch._dynamo.reset()
    model = make(kind, fused, n_layers=1, dropout=0.0)
    compiled = torch.compile(model, backend=backend, fullgraph=True)
    for n_tokens in lengths:
        ours = {name: tensor.clone() for name, tensor in numbers(compiled, kind, n_tokens, asked).items()}
        for name, wanted in numbers(model, kind, n_tokens, asked).items():
            difference = (ours.pop(name) - wanted).abs().max().item()
            assert difference < 1e-5, f"{kind}, fused={fused}, {backend}: {name} differs by {difference:.1e}"
        assert not ours


def main() -> None:
    torch.set_num_threads(1)
    check_in_one_piece()
    # Machine code, where there is a compiler. It takes long, so for the classifier of the book alone.
    if shutil.which(os.environ.get("CXX", "g++")):
        check_numbers("inductor", "cls", fused=False)
    for fused in (False, True):
        # The steps that a compiler is given, each run as it is: for every kind of model, and texts of other lengths.
        for kind in KINDS:
            check_numbers("aot_eager", kind, fused, lengths=(5,) if kind == "mean" else (5, 3), asked=kind == "bert")


def test_a_model_compiles_in_one_piece_and_gives_the_same_numbers(tmp_path: Path) -> None:
    work = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path), "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    command = [sys.executable, "-m", "tests.test_compile"]
    done = subprocess.run(command, capture_output=True, text=True, env=work, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stderr[-4000:]


if __name__ == "__main__":
    main()
