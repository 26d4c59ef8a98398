"""nano-BERT: a small BERT to read, run and take apart.

The modules follow the book, ground floor first: config, encoding, tokenizer, wordpiece, embeddings, attention, encoder,
heads, model, data, training, pretraining. A module imports only from those that it builds on, never in a circle.
"""

from nano_bert.config import BertConfig
from nano_bert.model import NanoBERT, NanoBertForClassification, NanoBertForPreTraining
from nano_bert.tokenizer import WordTokenizer
from nano_bert.wordpiece import WordPieceTokenizer

__version__ = "0.1.0"
__all__ = [
    "BertConfig",
    "NanoBERT",
    "NanoBertForClassification",
    "NanoBertForPreTraining",
    "WordPieceTokenizer",
    "WordTokenizer",
]
