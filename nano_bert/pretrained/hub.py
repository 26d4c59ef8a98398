"""Where a model is: in a folder, or, under a name, on the Hugging Face hub (https://huggingface.co/models).

A folder that keeps its weights in another way than we read is refused here, with the way to convert it.
"""

import re
from pathlib import Path
from typing import Any

from nano_bert.tokenizer.check_given import shown

CONFIG, WEIGHTS = "config.json", "model.safetensors"

# All that is read of a tokenizer, wherever the folder is; and what is taken from the hub.
VOCAB, SETTINGS, WHOLE = "vocab.txt", "tokenizer_config.json", "tokenizer.json"
ADDED_TOKENS, SPECIAL_TOKENS_MAP = "added_tokens.json", "special_tokens_map.json"
FILES = (CONFIG, WEIGHTS, f"{WEIGHTS}.index.json", VOCAB, SETTINGS, WHOLE, ADDED_TOKENS, SPECIAL_TOKENS_MAP)

PATIENCE = 10  # seconds that the hub has to answer

# What to type, once, where the weights are kept in other files. All weights stay what they are.
FROM_PICKLE = (
    'python -I -c "import torch; from safetensors.torch import save_file; '
    "weights = torch.load('pytorch_model.bin', map_location='cpu', weights_only=True); "
    "save_file({name: weight.clone().contiguous() for name, weight in weights.items()}, "
    "'model.safetensors', {'format': 'pt'})\""
)
FROM_PARTS = (
    'python -I -c "from pathlib import Path; from safetensors.torch import load_file, save_file; '
    "save_file({name: weight for part in Path().glob('model-*.safetensors') for name, weight in "
    "load_file(part).items()}, 'model.safetensors', {'format': 'pt'})\""
)


def find_folder(name: str | Path) -> Path:
    """Return the folder of a model, with its settings and its weights.

    Args:
        name: A folder; or a name on the Hugging Face hub, whose files are then copied into its cache.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If its weights are kept in a pickle, or in several files; the message says how to convert them.
    """
    folder = find_files(name)
    check_files(folder, is_local=not is_on_hub(name))
    return folder


def find_files(name: str | Path) -> Path:
    """Return the folder of that name, or the local copy of the files that the hub has under it.

    Raises:
        FileNotFoundError: If there is no such model.
    """
    return download(str(name)) if is_on_hub(name) else local_folder(name)


def is_on_hub(name: str | Path) -> bool:
    """Return whether a name is one of the hub: there is no folder of that name, and it is written as they are there."""
    found = local_folder(name).exists()
    return not found and re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", str(name)) is not None


def local_folder(name: str | Path) -> Path:
    """Return a folder of this computer by its name, whether it is there or not.

    Raises:
        TypeError: If that is no name.
        FileNotFoundError: If it is the name of a file, or no folder can have it.
    """
    given: Any = name
    if not isinstance(given, (str, Path)) or not str(given):
        raise TypeError(f"A folder is given by its name, a text or a Path, but {shown(repr(name))} is no name.")
    try:
        folder = Path(name).expanduser()
        is_file = folder.is_file()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a "~" of nobody, a name with a zero in it
        raise FileNotFoundError(f"There can be no folder {shown(str(name))}.") from error
    if is_file:
        raise FileNotFoundError(f"{name} is a file: give the folder it stands in, {folder.parent}.")
    return folder


def download(name: str) -> Path:
    """Return the local copy of a model of the Hugging Face hub.

    Raises:
        FileNotFoundError: If there is no such model, or no network and no earlier copy.
    """
    try:
        from huggingface_hub import model_info, snapshot_download  # only here, for only this needs it
    except ImportError as error:
        raise FileNotFoundError(
            f"There is no folder {name}. To get a model of this name from the Hugging Face hub: pip install "
            "huggingface_hub"
        ) from error
    problem = None
    try:
        model_info(name, timeout=PATIENCE)  # asked first, for a download waits for a silent network for ever
    except Exception as error:  # a network has many ways to fail, and each library its own names for them
        problem = error
    try:  # where the hub cannot be asked, an earlier copy will do
        return Path(snapshot_download(name, allow_patterns=list(FILES), local_files_only=problem is not None))
    except Exception as error:
        raise FileNotFoundError(
            f"There is no folder {name}, and the Hugging Face hub gave no model of this name, or was not reached "
            f"({type(problem or error).__name__}). See https://huggingface.co/{name}"
        ) from (problem or error)


def check_files(folder: Path, is_local: bool) -> None:
    """Refuse a folder without the two files; where the weights are kept in other ones, say how to convert them."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{shown(str(folder), 300)} is not a saved model: there is no such folder.")
    if not (folder / CONFIG).exists():
        inner = sorted(path.parent for path in folder.glob(f"*/{CONFIG}") if list(path.parent.glob("*model*.*")))
        if inner:  # as sentence-transformers kept its models, in a folder 0_Transformer
            raise FileNotFoundError(f"{folder} is not a saved model, but it has one in it: open {inner[0]}.")
        raise FileNotFoundError(f"{folder} is not a saved model: it has no file {CONFIG}.")
    if (folder / WEIGHTS).exists():
        return
    if (folder / f"{WEIGHTS}.index.json").is_file():
        raise ValueError(
            f"{folder} keeps its weights in several files, and here they are read from one, {WEIGHTS}. Join them, in "
            f"their folder: {FROM_PARTS}"
        )
    if not is_local or list(folder.glob("*.bin")):  # a .bin is never copied from the hub
        raise ValueError(
            f"{folder} has no {WEIGHTS}. Older models keep their weights in pytorch_model.bin: a pickle, and opening "
            f"a pickle can run any program that somebody put into it; so it is not opened here. Convert it once, in "
            f"its folder, with torch 2.6 or newer: {FROM_PICKLE}"
        )
    raise FileNotFoundError(f"{folder} is not a saved model: it has no file {WEIGHTS}.")
