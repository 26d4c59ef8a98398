"""What readers import stays where it is, whatever moves behind it."""

from importlib import import_module

import pytest

import nano_bert

MODELS = "NanoBERT NanoBertForClassification NanoBertForPreTraining"
NAMES = {
    "nano_bert": f"BertConfig {MODELS} WordPieceTokenizer WordTokenizer",
    "nano_bert.config": "BertConfig",
    "nano_bert.embeddings": "BertEmbeddings",
    "nano_bert.attention": "BertAttentionHead BertSelfAttention",
    "nano_bert.encoder": "FeedForward BertLayer BertEncoder",
    "nano_bert.task_heads": "BertPooler MaskedWordHead masked_word_loss next_sentence_loss masked_mean IGNORED",
    "nano_bert.model": MODELS,
    "nano_bert.pencil": "pencil_bert",
    "nano_bert.tokenizer": "WordPieceTokenizer WordTokenizer",
    "nano_bert.data": "Corpus Split load_hatexplain load_imdb load_phrases",
    "nano_bert.training": "Masking Run TrainingConfig pretrain train",
    "nano_bert.pretrained": "load_checkpoint save_checkpoint",
}


@pytest.mark.parametrize("module", NAMES)
def test_public_names_stay(module: str) -> None:
    found = import_module(module)
    missing = [name for name in NAMES[module].split() if not hasattr(found, name)]
    assert not missing


def test_the_package_shows_these_names_and_a_version() -> None:
    assert set(nano_bert.__all__) == set(NAMES["nano_bert"].split())
    assert nano_bert.__version__
