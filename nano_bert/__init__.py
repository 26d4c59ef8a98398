"""nano-BERT: a small BERT to read, run and take apart.

BERT stands on the top shelf, to be read from top to bottom: config, embeddings, attention, encoder, task_heads, model.
Every other subject has a folder of its own. Imports between them run one way (`tests/test_shelves.py`).
"""

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
