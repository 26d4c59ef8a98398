"""Recipes: named experiments that anybody can repeat.

A recipe says everything that decides a result, but for the seed: data, vocabulary, model, training. `run_recipe`
carries it out; `nano_bert.experiments.records` does so with several seeds, and writes down what came out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from nano_bert.config import BertConfig
from nano_bert.data import Corpus, load_hatexplain, load_imdb, load_phrases
from nano_bert.experiments.distilled import find_teacher, learn_from
from nano_bert.experiments.published_weights import MINILM, name_after, open_published, take_part
from nano_bert.fast.distributed import is_first
from nano_bert.model import NanoBertForClassification
from nano_bert.tokenizer.wordpiece import WordPieceTokenizer
from nano_bert.tokenizer.words import WordTokenizer
from nano_bert.training.masking import Masking
from nano_bert.training.optimizer import TrainingConfig
from nano_bert.training.run import Run


@dataclass(frozen=True)
class Recipe:
    """All that decides a result, but for the seed.

    Attributes:
        corpus: Name of the corpus in `CORPORA`.
        about: What the recipe is for, in a sentence.
        tokenizer: Settings of `WordTokenizer.from_texts`.
        model: Settings of `BertConfig`; the size of the vocabulary and the classes come from the data.
        training: Settings of the training.
        weights: Published weights to begin with, and their tokenizer: a folder, or a name on the Hugging Face hub. By
            default the weights are drawn at random, and the vocabulary is taken from the training texts.
        teacher: A run of another recipe, such as "imdb-minilm-100": its model teaches this one, from a folder beside
            that of this run. By default labels teach.
    """

    corpus: str
    about: str
    tokenizer: Mapping[str, Any] = field(default_factory=dict[str, Any])
    model: Mapping[str, Any] = field(default_factory=dict[str, Any])
    training: TrainingConfig = field(default_factory=TrainingConfig)
    weights: str = ""
    teacher: str = ""


CORPORA: dict[str, Callable[[], Corpus]] = {
    "imdb": load_imdb,
    "imdb-part": lambda: take_part(load_imdb()),
    "hatexplain": load_hatexplain,
    "hatexplain-3": lambda: load_hatexplain(n_classes=3),
    "phrases": load_phrases,
}

# The size of the first nano-BERT (S. Tita): one layer, one head, and words that are points in space.
ORIGINAL_SIZE = {"n_layers": 1, "n_heads": 1, "n_embed": 3, "dropout": 0.1, "max_seq_len": 128}

HATEXPLAIN_LAPTOP = Recipe(
    corpus="hatexplain",
    about="32 features a word and two heads",
    tokenizer={"min_freq": 2},
    model={
        "n_layers": 1,
        "n_heads": 2,
        "n_embed": 32,
        "dropout": 0.3,
        "max_seq_len": 128,
        "pooling": "mean",
        "initializer_range": 0.1,
        "segment_range": 0.1,
    },
    training=TrainingConfig(epochs=5, learning_rate=2e-3, weight_decay=0.3, word_dropout=0.2, patience=5),
)

IMDB_STUDENT = Recipe(
    corpus="imdb",
    about="our own pretrained model, taught by what imdb-minilm answers",
    tokenizer={"max_seq_len": 512, "truncation": "both"},
    model={"pooling": "mean", "dropout": 0.0},
    training=TrainingConfig(learning_rate=5e-4, word_dropout=0.2, dtype="bfloat16"),
    weights="imdb-pretrained",
    teacher="imdb-minilm-100",
)

HATEXPLAIN_MINILM = Recipe(
    corpus="hatexplain",
    about="published weights: MiniLM, fine-tuned on all posts",
    tokenizer={"max_seq_len": 128},
    model={"pooling": "mean"},
    training=TrainingConfig(learning_rate=1e-4, dtype="bfloat16"),
    weights=MINILM,
)

RECIPES = {
    "phrases": Recipe(
        corpus="phrases",
        about="artificial phrases in which only word order decides",
        model={"n_layers": 1, "n_heads": 2, "n_embed": 16, "max_seq_len": 32, "pooling": "mean"},
        training=TrainingConfig(epochs=5, learning_rate=5e-3, patience=5),
    ),
    "imdb-original": Recipe(
        corpus="imdb",
        about="the first nano-BERT's configuration to the letter, trained in another way",
        tokenizer={"min_freq": 10, "truncation": "head"},
        model={**ORIGINAL_SIZE, "pooling": "cls", "initializer_range": 0.05, "segment_range": 1.0},
        training=TrainingConfig(
            epochs=4,
            learning_rate=1e-2,
            warmup=0.2,
            betas=(0.9, 0.95),  # a shorter memory: of twelve seeds none stayed where it began
            weight_decay=0.1,
            word_dropout=0.2,
            patience=4,
        ),
    ),
    "imdb-tiny": Recipe(
        corpus="imdb",
        about="the same size, with the mean over the tokens and with words from head and tail",
        tokenizer={"min_freq": 10, "truncation": "both"},
        model={**ORIGINAL_SIZE, "dropout": 0.0, "pooling": "mean", "segment_range": 0.3},
        training=TrainingConfig(epochs=4, learning_rate=1.5e-2, weight_decay=0.2, word_dropout=0.4),
    ),
    "imdb-laptop": Recipe(
        corpus="imdb",
        about="32 features a word and 512 tokens: minutes on a laptop",
        tokenizer={"min_freq": 3, "truncation": "both"},
        model={
            "n_layers": 1,
            "n_heads": 1,
            "n_embed": 32,
            "dropout": 0.0,
            "max_seq_len": 512,
            "pooling": "mean",
            "segment_range": 1.0,
        },
        training=TrainingConfig(epochs=4, learning_rate=2e-3, weight_decay=0.2, word_dropout=0.5),
    ),
    "imdb-minilm": Recipe(
        corpus="imdb",
        about="published weights: MiniLM, fine-tuned on all labels",
        tokenizer={"max_seq_len": 384, "truncation": "both"},
        model={"pooling": "mean", "dropout": 0.0},
        training=TrainingConfig(epochs=1, learning_rate=1e-4, dtype="bfloat16"),
        weights=MINILM,
    ),
    "imdb-student": IMDB_STUDENT,
    "imdb-no-teacher": replace(
        IMDB_STUDENT, about="the student without its teacher: the same model, taught by the labels", teacher=""
    ),
    "imdb-part-minilm": Recipe(
        corpus="imdb-part",
        about="published weights: MiniLM, fine-tuned on a tenth of the labels",
        tokenizer={"max_seq_len": 128, "truncation": "both"},
        model={"pooling": "mean"},
        training=TrainingConfig(epochs=2, learning_rate=1e-4, batch_size=16, dtype="bfloat16"),
        weights=MINILM,
    ),
    "hatexplain-tiny": Recipe(
        corpus="hatexplain",
        about="the first nano-BERT's size",
        tokenizer={"min_freq": 3},
        model={**ORIGINAL_SIZE, "pooling": "cls", "initializer_range": 0.1, "segment_range": 0.1},
        training=TrainingConfig(epochs=5, learning_rate=1e-2, weight_decay=0.1, word_dropout=0.1, patience=5),
    ),
    "hatexplain-laptop": HATEXPLAIN_LAPTOP,
    "hatexplain-minilm": HATEXPLAIN_MINILM,
    "hatexplain-3-laptop": replace(
        HATEXPLAIN_LAPTOP,
        corpus="hatexplain-3",
        training=TrainingConfig(learning_rate=4e-3, weight_decay=0.3, word_dropout=0.2),
    ),
    "hatexplain-3-minilm": replace(HATEXPLAIN_MINILM, corpus="hatexplain-3"),
}


@dataclass(frozen=True)
class PretrainingRecipe:
    """All that decides a pretraining, but for its texts and its seed.

    Attributes:
        vocab_size: Most entries of the vocabulary.
        model: Settings of `BertConfig`.
        training: Settings of the training.
        masking: How words are hidden.
    """

    vocab_size: int
    model: Mapping[str, Any]
    training: TrainingConfig
    masking: Masking


PRETRAINING = PretrainingRecipe(
    vocab_size=10_000,
    model={
        "n_layers": 4,
        "n_heads": 4,
        "n_embed": 96,
        "dropout": 0.0,
        "max_seq_len": 512,
        "initializer_range": 0.05,
        "pooler": False,
    },
    training=TrainingConfig(epochs=6, batch_size=16, patience=99, dtype="bfloat16"),
    masking=Masking(share=0.2),
)


def build(
    recipe: Recipe, corpus: Corpus, seed: int
) -> tuple[NanoBertForClassification, WordTokenizer | WordPieceTokenizer]:
    """Return a recipe's tokenizer, its vocabulary taken from the training split, and its model, untrained.

    With published weights, the vocabulary is theirs, and only the classifier is untrained.
    """
    torch.manual_seed(seed)
    if recipe.weights:
        return open_published(recipe.weights, corpus.label_names, recipe.tokenizer, recipe.model)
    max_seq_len = recipe.model.get("max_seq_len", BertConfig.max_seq_len)
    tokenizer = WordTokenizer.from_texts(corpus.train.texts, max_seq_len=max_seq_len, **recipe.tokenizer)
    settings: dict[str, Any] = {**recipe.model, "vocab_size": len(tokenizer), "labels": corpus.label_names}
    return NanoBertForClassification(BertConfig(**settings)), tokenizer


def run_recipe(
    recipe: Recipe, corpus: Corpus, seed: int, run: Run | None = None
) -> tuple[NanoBertForClassification, WordTokenizer | WordPieceTokenizer, list[dict[str, Any]]]:
    """Train a recipe with one seed.

    Args:
        recipe: What to do.
        corpus: Its data.
        seed: For the weights, the batches and dropout.
        run: Where the run is kept and, at the end, the model and its tokenizer. By default nothing is kept.

    Returns:
        The trained model, its tokenizer, and the history of the training; its seconds count from when `run` was made.

    Raises:
        FileNotFoundError: If it has a teacher that nobody has trained yet.
    """
    run = run or Run()
    model, tokenizer = build(recipe, corpus, seed)
    corpus = name_after(corpus, model) if recipe.weights else corpus
    beside = run.folder.parent if run.folder else Path("runs")
    teacher = find_teacher(recipe.teacher, beside) if recipe.teacher else None
    history = learn_from(teacher, model, tokenizer, corpus, replace(recipe.training, seed=seed), run)
    if run.folder is not None and is_first():
        model.save_pretrained(run.folder)
        tokenizer.save_pretrained(run.folder)
    return model, tokenizer, history
