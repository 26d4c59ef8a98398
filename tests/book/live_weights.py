"""The models of the live BERT: `python -m tests.book.live_weights` writes them into `docs/assets/live/`.

A page that is opened from a folder can load scripts and no other files, so each model is a script that holds its
settings, its words and its weights. The weights are those of the package, all 32 bits of them: both models are 290
kilobytes as they travel, and no number that a page shows differs from Python's.
"""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from nano_bert.model import NanoBertForClassification
from nano_bert.pencil import FEATURES, pencil_bert
from nano_bert.predict import load_classifier
from nano_bert.tokenizer.words import WordTokenizer
from tests.book.workplace import write_whole

FOLDER = Path(__file__).parents[2] / "docs" / "assets" / "live"
SETTINGS = ("n_layers", "n_heads", "n_embed", "max_seq_len", "layer_norm_eps", "pooling")


def models() -> dict[str, tuple[NanoBertForClassification, WordTokenizer, tuple[str, ...]]]:
    """The models that are live, with the names of their features where somebody chose them."""
    trained, tokenizer = load_classifier("imdb-tiny")
    assert isinstance(tokenizer, WordTokenizer), "the page reads words, not pieces"
    return {"pencil": (*pencil_bert(), FEATURES), "imdb-tiny": (trained, tokenizer, ())}


def packed(model: NanoBertForClassification, tokenizer: WordTokenizer, features: tuple[str, ...]) -> dict[str, Any]:
    """A model as the page reads it."""
    config = model.config
    if config.norm_first or any("\n" in word for word in tokenizer.id_to_token):
        raise ValueError("The page computes BERT's own order of sums and norms, and its words stand a word a line.")
    names = [f"feature {k}" for k in range(1, config.n_embed + 1)]
    # What the answer does not read stays here: with the mean of all tokens, that is the pooler.
    weights = {
        name: weight for name, weight in model.state_dict().items() if config.pooling == "cls" or "pooler" not in name
    }
    numbers = np.concatenate([weight.numpy().astype("<f4").ravel() for weight in weights.values()])
    return {
        "config": {name: getattr(config, name) for name in SETTINGS} | {"labels": list(config.labels)},
        "tokenizer": {
            "special_tokens": list(tokenizer.special_tokens),
            "lower_case": tokenizer.lower_case,
            "truncation": tokenizer.truncation,
        },
        "features": list(features) or names,
        "words": "\n".join(tokenizer.id_to_token),
        "shapes": {name: list(weight.shape) for name, weight in weights.items()},
        "data": base64.b64encode(numbers.tobytes()).decode("ascii"),
    }


def script(name: str, model: dict[str, Any]) -> str:
    """The script that holds a model: a call with an object, one property a line."""
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in model.items())
    return f"Live.receive({json.dumps(name)}, {{\n{lines}\n}});\n"


def read_script(text: str) -> dict[str, Any]:
    """The model that a script holds."""
    return json.loads(text[text.index("{") : text.rindex("}") + 1])


if __name__ == "__main__":
    for name, parts in models().items():
        file = FOLDER / f"{name}.js"
        write_whole(file, script(name, packed(*parts)))
        print(f"{file}: {file.stat().st_size:,} bytes")
