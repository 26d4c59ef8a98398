"""What is learnt from is checked as a whole before the first step: a mistake in the last text costs no hours."""

from collections.abc import Sequence

from nano_bert.bert_module import BertModule
from nano_bert.data.corpus import Corpus, check_split
from nano_bert.model import NanoBertForClassification
from nano_bert.tokenizer.base import Tokenizer
from nano_bert.tokenizer.check_given import check_kind
from nano_bert.training.evaluation import check_tokenizer


def check_corpus(model: NanoBertForClassification, tokenizer: Tokenizer, corpus: Corpus) -> None:
    """Refuse a corpus that a model cannot be trained on. The test split is not looked at.

    Raises:
        ValueError: If model and tokenizer do not fit each other, a split is empty, or a label or the length of a text
            is beyond the model.
    """
    check_tokenizer(model, tokenizer, NanoBertForClassification)
    check_kind(
        "corpus", corpus, Corpus, "Corpus(name, label_names, train, validation, test) makes one of three Splits."
    )
    for name, split in (("train", corpus.train), ("validation", corpus.validation)):
        check_split(split, len(model.config.labels), f"The split {name} of {corpus.name}")
        check_lengths(model, tokenizer, split.texts)


def check_lengths(model: BertModule, tokenizer: Tokenizer, texts: Sequence[str]) -> None:
    """Refuse texts that are longer than a model reads, where the tokenizer does not cut them.

    Raises:
        ValueError: If there is one.
    """
    longest = model.config.max_seq_len
    if tokenizer.max_seq_len is not None and tokenizer.max_seq_len <= longest:
        return
    for number, text in enumerate(texts):
        n_tokens = len(tokenizer.encode(text))
        if n_tokens > longest:
            raise ValueError(
                f"Text number {number} (from 0) has {n_tokens} tokens, but the model reads {longest} at most. Let the "
                f"tokenizer cut: make it with max_seq_len={longest}."
            )
