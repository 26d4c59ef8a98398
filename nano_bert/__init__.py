"""nano-BERT: a small BERT to read, run and take apart.

The modules follow the book, ground floor first: config, tokenizer, embeddings, attention, encoder, model,
pretrained, data, training. A module imports only from those before it.
"""

from nano_bert.config import BertConfig
from nano_bert.model import NanoBERT, NanoBertForClassification, NanoBertForPreTraining
from nano_bert.tokenizer import WordTokenizer

__all__ = ["BertConfig", "NanoBERT", "NanoBertForClassification", "NanoBertForPreTraining", "WordTokenizer"]
