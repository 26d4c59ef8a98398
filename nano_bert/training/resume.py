"""Resuming: the state of a run in one file, so that a run that was cut off goes on as if nothing had happened.

A state is more than the weights: AdamW's memory, the place in the data and the source of dropout's randomness
belong to it. Without any of them the numbers after the break would be others.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from nano_bert.pretrained.safe_files import write_atomically
from nano_bert.tokenizer.base import Tokenizer
from nano_bert.training.run_folder import STATE_FILE

FORMAT = "2"  # of the file: a version that keeps other things has another number, and refuses this one


def describe_data(name: str, texts: object, tokenizer: Tokenizer) -> dict[str, Any]:
    """Say what a run reads, and how: a run cannot go on with other texts, or with other ids for their words.

    Texts and vocabulary are long, so of them a fingerprint is kept: another text, another fingerprint.

    Args:
        name: What the data are called.
        texts: All texts, and labels where there are any, as lists and dictionaries.
        tokenizer: What turns them into ids.
    """
    return {
        "corpus": name,
        "fingerprint of the texts": hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16],
        "fingerprint of the vocabulary": hashlib.sha256(json.dumps(tokenizer.id_to_token).encode()).hexdigest()[:16],
        "longest text": tokenizer.max_seq_len,
        "lower_case": tokenizer.lower_case,
        "truncation": tokenizer.truncation,
    }


def describe_weights(model: nn.Module) -> str:
    """Return a fingerprint of all weights: other weights, another fingerprint."""
    fingerprint = hashlib.sha256()
    for weight in model.state_dict().values():
        fingerprint.update(_bytes_of(weight))
    return fingerprint.hexdigest()[:16]


def save_state(
    folder: Path, identity: Mapping[str, Any], progress: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Write the whole state of a run into `folder`, in one go: the file is always complete.

    Args:
        folder: Where to write.
        identity: What run this is: only a run with the same identity can go on from here.
        progress: Numbers and lists that say how far the run has come.
        tensors: Weights, the optimizer's memory, and where the random numbers are, each by its name.
    """
    notes = {"format": FORMAT, "identity": json.dumps(identity), "progress": json.dumps(progress)}
    notes["sha256"] = content_checksum(notes, tensors)
    write_atomically(folder / STATE_FILE, to_safetensors(dict(tensors), metadata=notes))


def load_state(folder: Path, identity: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the progress and the tensors of a run that `save_state` wrote.

    Raises:
        FileNotFoundError: If the folder holds no state.
        ValueError: If the file is damaged, is of another format, or is the state of another run.
    """
    path = folder / STATE_FILE
    if not path.is_file():
        raise FileNotFoundError(f"There is no run to resume in {folder}: it has no file {STATE_FILE}.")
    try:
        file: Any = safe_open(path, framework="pt")
        notes: dict[str, str] = file.metadata() or {}
        if notes.get("format", FORMAT) != FORMAT:
            raise ValueError(
                f"{path} has the format {notes['format']!r:.20}, but this version of nano-BERT reads {FORMAT!r}: go on "
                f"with the version that wrote it, or delete it and start the run anew."
            )
        if set(notes) != {"format", "identity", "progress", "sha256"}:
            raise damaged(path, "it is not a state of this version")
        tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (the file is no dictionary)
        if content_checksum(notes, tensors) != notes["sha256"]:
            raise damaged(path, "its checksum does not fit its content")
        then, progress = json.loads(notes["identity"]), json.loads(notes["progress"])
    except (SafetensorError, json.JSONDecodeError, RecursionError, UnicodeDecodeError) as error:
        raise damaged(path, str(error)) from error
    now = json.loads(json.dumps(identity))
    if not isinstance(then, dict):
        raise damaged(path, "it does not say of what run it is")
    changed = [name for name in {**now, **then} if name not in now or name not in then or then[name] != now[name]]
    if changed:
        raise ValueError(
            f"The run in {folder} was started with {changed[0]} = {then.get(changed[0])!s:.80}, but now it is "
            f"{now.get(changed[0])!s:.80}. Go on with the same settings, or delete the folder, or choose another one."
        )
    return progress, tensors


def damaged(path: Path, reason: str) -> ValueError:
    """Return the error for a state that cannot be gone on from."""
    return ValueError(f"{path} is damaged ({reason:.200}). Delete it and start the run anew.")


def content_checksum(notes: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of all that a state says and holds: one bit more or less, another checksum."""
    digest = hashlib.sha256(json.dumps([notes["format"], notes["identity"], notes["progress"]]).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(_bytes_of(tensor))
    return digest.hexdigest()


def _bytes_of(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def optimizer_memory(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return what an optimizer remembers: for each weight, by its number, two moving averages and a count.

    Before the first step that is nothing. Afterwards a weight that nothing has moved yet has zeros, with which AdamW
    would begin: so it can be seen of a file whether something is missing.
    """
    memory: dict[str, Tensor] = {}
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for number, weight in enumerate(weights if optimizer.state else []):
        zeros = {"step": torch.zeros(()), "exp_avg": torch.zeros_like(weight), "exp_avg_sq": torch.zeros_like(weight)}
        memory |= {f"{number}.{name}": tensor for name, tensor in (optimizer.state.get(weight) or zeros).items()}
    return memory


def set_optimizer_memory(optimizer: torch.optim.Optimizer, memory: Mapping[str, Tensor]) -> None:
    """Give an optimizer back what it remembered."""
    state: dict[str, Any] = optimizer.state_dict()
    state["state"] = {}
    for place, tensor in memory.items():
        number, _, name = place.partition(".")
        state["state"].setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict(state)


def join_names(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the tensors of several parts in one dictionary, each under the name of its part and its own."""
    return {f"{part}.{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}


def one_part(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of one part under their own names."""
    prefix = f"{part}."
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
