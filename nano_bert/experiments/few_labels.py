"""Few labels: what does pretraining bring, when labels cost much and texts cost nothing?

The same small BERT learns to tell liked films from disliked ones three times: from scratch; after it has guessed hidden
words in the 20,000 training reviews of IMDB, without their labels; and after it has matched their halves as well. Each
time it is given 100, 1,000 or 20,000 labels. A bag of words gets the same labels, and so do published weights: those of
MiniLM, a larger BERT that has read far more. Each BERT reads 128 tokens of a review, the bag all words. To choose an
epoch, each has as many labelled validation texts as training texts, but 5,000 at most. All are measured on the same
5,000 reviews of the test split.

After Howard and Ruder (2018), section 4.2 "Low-shot learning" (https://arxiv.org/abs/1801.06146), who did this with a
large recurrent network.
"""

import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from nano_bert.config import BertConfig
from nano_bert.data import Corpus, Split
from nano_bert.experiments.published_weights import MINILM, name_after, open_published
from nano_bert.experiments.reading import MATCHING, N_HALF, guess_words_once, make_tokenizer, match_halves_once
from nano_bert.experiments.recipes import PRETRAINING
from nano_bert.experiments.records import choose_bag, summarise, train_and_measure, versions
from nano_bert.model import NanoBertForClassification
from nano_bert.tokenizer.words import WordTokenizer
from nano_bert.training.evaluation import Metrics
from nano_bert.training.neighbours import begin_with_neighbours
from nano_bert.training.optimizer import TrainingConfig

N_READ = 128  # tokens of a review, half from its head and half from its tail, so that it all takes an hour or two
EVERY = 5  # of the test reviews every fifth is asked about

FINE_TUNING = {
    100: TrainingConfig(epochs=30, word_dropout=0.3, batch_size=16, patience=30, dtype="bfloat16"),
    1_000: TrainingConfig(epochs=10, word_dropout=0.3, patience=10, dtype="bfloat16"),
    20_000: TrainingConfig(epochs=2, word_dropout=0.3, dtype="bfloat16"),
}
OF_PUBLISHED = {  # with all labels there is a recipe, imdb-minilm
    100: TrainingConfig(epochs=10, learning_rate=1e-4, batch_size=16, dtype="bfloat16", patience=10),
    1_000: TrainingConfig(epochs=3, learning_rate=1e-4, batch_size=16, dtype="bfloat16"),
}


def take_labels(corpus: Corpus, n_labels: int, seed: int) -> Corpus:
    """Return the corpus with so many labelled training texts, half of each class, and no more to validate with.

    Of the test split it keeps every fifth text.
    """
    order = list(range(len(corpus.train)))
    random.Random(seed).shuffle(order)
    chosen: list[int] = []
    for label in range(len(corpus.label_names)):
        of_class = [index for index in order if corpus.train.labels[index] == label]
        chosen += of_class[: n_labels // len(corpus.label_names)]
    texts, labels = corpus.train.texts, corpus.train.labels
    validation = Split(corpus.validation.texts[:n_labels], corpus.validation.labels[:n_labels])
    train_split = Split([texts[index] for index in chosen], [labels[index] for index in chosen])
    test = Split(corpus.test.texts[::EVERY], corpus.test.labels[::EVERY])
    name = f"{corpus.name}, {n_labels} labels"
    return replace(corpus, name=name, train=train_split, validation=validation, test=test)


def fine_tune(
    corpus: Corpus, tokenizer: WordTokenizer, pretrained: Path | None, settings: TrainingConfig, folder: Path
) -> dict[str, Any]:
    """Train a classifier from scratch, or from a pretrained model, and measure it on the test split."""
    torch.manual_seed(settings.seed)
    if pretrained is None:
        model = NanoBertForClassification(
            BertConfig(vocab_size=len(tokenizer), labels=corpus.label_names, pooling="mean", **PRETRAINING.model)
        )
        begin_with_neighbours(model.bert)
    else:
        model = NanoBertForClassification.from_pretrained(pretrained, labels=corpus.label_names, pooling="mean")
        corpus = name_after(corpus, model)
    return without_history(train_and_measure(model, tokenizer, corpus, settings, folder))


def fine_tune_published(corpus: Corpus, settings: TrainingConfig, folder: Path) -> dict[str, Any]:
    """Fine-tune MiniLM, and measure it on the test split."""
    torch.manual_seed(settings.seed)
    of_text = {"max_seq_len": N_READ, "truncation": "both"}
    model, tokenizer = open_published(MINILM, corpus.label_names, of_text, {"pooling": "mean"})
    return without_history(train_and_measure(model, tokenizer, name_after(corpus, model), settings, folder))


def without_history(run: dict[str, Any]) -> dict[str, Any]:
    """Return what the record keeps of a run: of its history, the best accuracy on validation."""
    best = max(line["validation_accuracy"] for line in run["history"])
    return {**{name: part for name, part in run.items() if name != "history"}, "best_validation_accuracy": best}


def make_few_labels_record(corpus: Corpus, seeds: Sequence[int], folder: Path) -> dict[str, Any]:
    """Carry out the whole experiment, and write down everything that came out.

    Args:
        corpus: IMDB.
        seeds: One choice of labels and one run of each kind for each. What is read before is read once, with the first.
        folder: Every run is kept in a folder in it. One that is there already is resumed or, if it is complete, taken
            as it is.
    """
    tokenizer = make_tokenizer(corpus, N_READ)
    runs: dict[str, dict[int, list[dict[str, Any]]]] = {
        **{arm: {n: [] for n in FINE_TUNING} for arm in ("bag_of_words", "scratch", "pretrained", "halves")},
        "published": {n: [] for n in OF_PUBLISHED},
    }
    read, matched = folder / f"pretraining-{seeds[0]}", folder / f"halves-{seeds[0]}"
    of_words = guess_words_once(corpus, seeds[0], read)
    of_halves = match_halves_once(corpus, seeds[0], read, matched)
    starts = {"scratch": None, "pretrained": read, "halves": matched}
    for seed in seeds:
        for n_labels, settings in FINE_TUNING.items():
            labelled = take_labels(corpus, n_labels, seed)
            settings = replace(settings, seed=seed)
            for arm, start in starts.items():
                place = folder / f"{arm}-{n_labels}-{seed}"
                runs[arm][n_labels].append(fine_tune(labelled, tokenizer, start, settings, place))
            if n_labels in OF_PUBLISHED:
                published = replace(OF_PUBLISHED[n_labels], seed=seed)
                place = folder / f"published-{n_labels}-{seed}"
                runs["published"][n_labels].append(fine_tune_published(labelled, published, place))
            runs["bag_of_words"][n_labels].append({"seed": seed, **choose_bag(labelled, True, tokenizer)[1]})
            reached = {
                arm: round(of[n_labels][-1]["test"]["accuracy"], 3) for arm, of in runs.items() if n_labels in of
            }
            print(f"seed {seed}, {n_labels} labels: {reached}", flush=True)
    return {
        "about": "the same small BERT with few labels: from scratch, after guessing words, after matching halves",
        "model": dict(PRETRAINING.model),
        "vocab_size": len(tokenizer),
        "test_texts": len(corpus.test.texts[::EVERY]),
        "share_hidden": PRETRAINING.masking.share,
        "pretraining_settings": asdict(PRETRAINING.training),
        "halves_settings": {"tokens": N_HALF, **asdict(MATCHING)},
        "fine_tuning_settings": {str(n): asdict(settings) for n, settings in FINE_TUNING.items()},
        "settings_of_published": {str(n): asdict(settings) for n, settings in OF_PUBLISHED.items()},
        **versions(),
        "summary": {
            arm: {str(n): summarise([Metrics(**run["test"]) for run in found]) for n, found in of_arm.items()}
            for arm, of_arm in runs.items()
        },
        "pretraining": {"seed": seeds[0], "history": of_words},
        "halves": {"seed": seeds[0], "history": of_halves},
        "runs": {arm: {str(n): found for n, found in of_arm.items()} for arm, of_arm in runs.items()},
    }
