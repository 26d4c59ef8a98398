"""nano-BERT: a small BERT to read, run and take apart.

BERT stands on the top shelf, to be read from top to bottom: config, embeddings, attention, encoder, task_heads, model.
Every other subject has a folder of its own. Imports between them run one way (`tests/test_shelves.py`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nano_bert.config import BertConfig
    from nano_bert.model import NanoBERT, NanoBertForClassification, NanoBertForPreTraining
    from nano_bert.tokenizer.wordpiece import WordPieceTokenizer
    from nano_bert.tokenizer.words import WordTokenizer

__version__ = "0.1.0"
__all__ = [
    "BertConfig",
    "NanoBERT",
    "NanoBertForClassification",
    "NanoBertForPreTraining",
    "WordPieceTokenizer",
    "WordTokenizer",
]

# Imported when they are first asked for: `nano-bert --help` need not wait for PyTorch.
_MODULES = {
    "BertConfig": "config",
    "NanoBERT": "model",
    "NanoBertForClassification": "model",
    "NanoBertForPreTraining": "model",
    "WordPieceTokenizer": "tokenizer.wordpiece",
    "WordTokenizer": "tokenizer.words",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
