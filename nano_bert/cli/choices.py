"""What the help of the command names: plain values, so that it need not wait for PyTorch.

They stand elsewhere, too, where they are used; `tests/cli/test_start.py` compares them.
"""

MODEL_OPTIONS = dict.fromkeys(("n_layers", "n_heads", "n_embed", "max_seq_len"), int) | {"dropout": float}
TRAINING_OPTIONS = {"epochs": int, "batch_size": int, "learning_rate": float, "word_dropout": float, "seed": int}
HARDWARE_OPTIONS = ("device", "dtype", "fused")

CORPORA = ("imdb", "imdb-part", "hatexplain", "hatexplain-3", "phrases")
DTYPES = ("float32", "bfloat16")
EXPERIMENTS = ("few-labels", "starts", "words")
RECIPES = (
    "phrases",
    "imdb-original",
    "imdb-tiny",
    "imdb-laptop",
    "imdb-minilm",
    "imdb-student",
    "imdb-no-teacher",
    "imdb-part-minilm",
    "hatexplain-tiny",
    "hatexplain-laptop",
    "hatexplain-minilm",
    "hatexplain-3-laptop",
    "hatexplain-3-minilm",
)
VOCAB_SIZE, SHARE = 10_000, 0.2  # of a pretraining, as are those below
USUAL = {
    **{"n_layers": 4, "n_heads": 4, "n_embed": 96, "max_seq_len": 512, "dropout": 0.0},
    **{"epochs": 6, "batch_size": 16, "learning_rate": 1e-3, "seed": 0},
}
