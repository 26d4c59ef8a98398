"""What the words of the command `nano-bert` do: train, pretrain, evaluate, predict, look, reproduce, data."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from nano_bert.cli.border import LONGEST
from nano_bert.cli.choices import HARDWARE_OPTIONS, MODEL_OPTIONS, TRAINING_OPTIONS
from nano_bert.config import BertConfig
from nano_bert.data import load_imdb
from nano_bert.data.documents import hold_out, read_documents
from nano_bert.data.download import data_folder
from nano_bert.experiments.few_labels import make_few_labels_record
from nano_bert.experiments.recipes import CORPORA, PRETRAINING, RECIPES, Recipe, run_recipe
from nano_bert.experiments.records import (
    FIRST_SEED,
    describe,
    make_record,
    make_words_record,
    measure_baselines,
    versions,
)
from nano_bert.experiments.starts import make_starts_record
from nano_bert.fast.distributed import first_goes_first, is_first, joined, launched
from nano_bert.fast.hardware import find_device
from nano_bert.look import look_into
from nano_bert.model import NanoBertForPreTraining
from nano_bert.predict import load_classifier, predict, shipped_models
from nano_bert.pretrained.safe_files import write_atomically
from nano_bert.tokenizer.check_given import shown
from nano_bert.tokenizer.wordpiece import WordPieceTokenizer
from nano_bert.tokenizer.words import WordTokenizer
from nano_bert.training.evaluation import evaluate
from nano_bert.training.masking import Masking
from nano_bert.training.neighbours import begin_with_neighbours, has_room
from nano_bert.training.pretraining import pretrain
from nano_bert.training.run import Run
from nano_bert.training.run_folder import STATE_FILE, check_folder

LONGEST_INPUT = 1_000_000  # characters: as long as a long novel

# What is measured beside the recipes, all on IMDB: from seeds and a folder to a record.
EXPERIMENTS: dict[str, Callable[[range, Path], dict[str, Any]]] = {
    "few-labels": lambda seeds, folder: make_few_labels_record(load_imdb(), seeds, folder),
    "starts": lambda seeds, folder: make_starts_record(load_imdb(), seeds),
    "words": lambda seeds, folder: make_words_record(load_imdb()),
}


def carry_out(options: argparse.Namespace) -> None:
    """Do what the options say."""
    torch.set_num_threads(1)  # models of this size lose more by sharing the work than they gain
    work: Callable[[argparse.Namespace], None] = globals()[options.run]
    if options.joins:
        with joined(options.device or "cpu"):
            work(options)
    elif launched() > 1:
        raise ValueError("torchrun starts many processes, but only train and pretrain can share their work.")
    else:
        work(options)


def run_train(options: argparse.Namespace) -> None:
    """Train one model and keep it in a folder."""
    names = recipes_of(options.corpus)  # they stand from small to large
    by_itself = [name for name in names if not RECIPES[name].weights and not RECIPES[name].teacher]
    name = options.recipe or (by_itself or names)[-1]
    recipe = recipe_for(options.corpus, name)
    model, training = (
        given(options, MODEL_OPTIONS),
        given(options, [*TRAINING_OPTIONS, *HARDWARE_OPTIONS]),
    )
    recipe = replace(recipe, model={**recipe.model, **model}, training=replace(recipe.training, **training))
    folder = new_folder(options, f"runs/{name}")
    find_device(recipe.training.device, recipe.training.dtype)  # mistakes are told before anything is read
    run = Run(folder, options.resume, show_progress=True)
    with first_goes_first():
        corpus = CORPORA[options.corpus]()
    say(f"Training {name} with seed {recipe.training.seed}: {recipe.about}")
    _, _, history = run_recipe(recipe, corpus, recipe.training.seed, run)
    if not is_first():
        return
    write_atomically(folder / "history.json", json.dumps(history, indent=2) + "\n")
    best = max(history, key=lambda epoch: epoch["validation_accuracy"])
    show(f"Best on validation: {best['validation_accuracy']:.3f} accuracy, in epoch {best['epoch']}. Kept in {folder}.")
    show(f"On the test split, once you have chosen: nano-bert evaluate {options.corpus} --model {folder}")


def run_pretrain(options: argparse.Namespace) -> None:
    """Let a model guess hidden words in texts, and keep it in a folder, with a record."""
    if options.whole_words and not options.pieces:
        raise ValueError("--whole-words hides all pieces of a word, so it needs --pieces: without, words are whole.")
    if options.texts != "imdb" and not Path(options.texts).is_file():
        raise ValueError(f'There is no text file {options.texts}: give the name of one, or "imdb".')
    folder = new_folder(options, f"runs/pretrained-{Path(options.texts).stem}")
    settings = replace(PRETRAINING.training, **given(options, [*TRAINING_OPTIONS, *HARDWARE_OPTIONS]))
    sizes = {**PRETRAINING.model, **given(options, MODEL_OPTIONS), "pooler": options.next_sentence}
    config = BertConfig(options.vocab_size, **sizes)
    masking = Masking(options.share, options.whole_words)
    find_device(settings.device, settings.dtype)
    if options.texts == "imdb":
        with first_goes_first():
            corpus = load_imdb()
        texts, validation = corpus.train.texts, corpus.validation.texts[:500]
    else:
        texts, validation = hold_out(read_documents(options.texts))
    say(f"Making a vocabulary of at most {options.vocab_size:,} from {len(texts):,} texts.")
    if options.pieces:
        tokenizer = WordPieceTokenizer.from_texts(texts, options.vocab_size, max_seq_len=config.max_seq_len)
    else:
        tokenizer = WordTokenizer.from_texts(texts, max_vocab_size=options.vocab_size, max_seq_len=config.max_seq_len)
    torch.manual_seed(settings.seed)
    model = NanoBertForPreTraining(replace(config, vocab_size=len(tokenizer)))
    if has_room(config):
        begin_with_neighbours(model.bert)
    else:
        say("The vectors are too short for heads that begin by looking at their neighbours: all begins at random.")
    run = Run(folder, options.resume, show_progress=True)
    history = pretrain(model, tokenizer, texts, validation, settings, masking, run)
    if not is_first():
        return
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    record = {"source": options.texts, "texts": len(texts), "validation_texts": len(validation), **asdict(masking)}
    record |= {
        "pieces": options.pieces,
        "begins_with_neighbours": has_room(config),
        "model": model.config.to_dict(),
        "training": asdict(settings),
    }
    record |= {**versions(), "history": history}
    write_atomically(folder / "record.json", json.dumps(record, indent=1) + "\n")
    best = min(history, key=lambda epoch: epoch["validation_loss"])
    show(
        f"Of the words hidden in {len(validation):,} other texts it guesses {best['validation_accuracy']:.1%} (loss "
        f"{best['validation_loss']:.2f}, in epoch {best['epoch']}). Kept in {folder}."
    )


def run_evaluate(options: argparse.Namespace) -> None:
    """Print the metrics of a model on a split."""
    device = find_device(options.device)
    model, tokenizer = load_classifier(options.model or default_model(options.corpus))
    model.to(device)
    corpus = CORPORA[options.corpus]()
    if corpus.label_names != model.config.labels:
        raise ValueError(f"{corpus.name} has the classes {corpus.label_names}, but the model {model.config.labels}.")
    split = getattr(corpus, options.split)
    show(f"{options.corpus}, {options.split} split, {len(split):,} texts")
    show(str(evaluate(model.fuse(), tokenizer, split)))


def run_predict(options: argparse.Namespace) -> None:
    """Print what a model thinks of a text, and the words that mattered."""
    text = read_input() if options.text == "-" else options.text
    model, tokenizer = load_classifier(options.model)
    prediction = predict(model.fuse(), tokenizer, text)
    if set(tokenizer.token_ids(text)) == {tokenizer.unk_id}:
        show("The model knows none of these words, so its answer says nothing.")
    show(f"{prediction.label} ({prediction.probabilities[prediction.label]:.1%})")
    if prediction.unread:
        first, last, n_words = prediction.unread[0], prediction.unread[-1], len(prediction.effects)
        show(f"It read {n_words} words and not the other {len(prediction.unread)}, from {first!r} to {last!r}.")
    show(f"Left out, these words would change the probability of {prediction.label!r} by:")
    for word, effect in prediction.strongest():
        show(f"  {word:<16} {-100 * effect:+5.1f} points")


def run_look(options: argparse.Namespace) -> None:
    """Write a page that shows where a model looks in a text."""
    text = read_input() if options.text == "-" else options.text
    path = look_into(options.model, text).save(options.output)
    show(f"Written to {path}. Open it in a browser; it needs no network.")


def run_reproduce(options: argparse.Namespace) -> None:
    """Train every recipe of a corpus with several seeds, and write the record."""
    if options.seeds < 1:
        raise ValueError(f"--seeds must be at least 1, but it is {options.seeds}.")
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    if options.corpus in EXPERIMENTS:
        if options.recipe:
            raise ValueError(f"{options.corpus} is an experiment by itself and has no recipes: leave --recipe out.")
        path = Path(options.output) / f"{options.corpus}.json"
        record = EXPERIMENTS[options.corpus](seeds, Path(options.runs) / options.corpus)
        write_atomically(path, json.dumps(record, indent=1) + "\n")
        show(f"Written to {path}.")
        return
    names = options.recipe or recipes_of(options.corpus)
    recipes = {name: recipe_for(options.corpus, name) for name in names}
    path = Path(options.output) / f"{options.corpus}.json"
    record = read_record(path)
    corpus = CORPORA[options.corpus]()
    record |= describe(corpus)
    record.setdefault("recipes", {})
    if "baselines" not in record or not options.recipe:
        record["baselines"] = measure_baselines(corpus)
        write_atomically(path, json.dumps(record, indent=1) + "\n")
    for name, recipe in recipes.items():
        record["recipes"][name] = make_record(name, recipe, corpus, seeds, Path(options.runs))
        write_atomically(path, json.dumps(record, indent=1) + "\n")
        show(f"{name}: {record['recipes'][name]['summary']}\nWritten to {path}.")


def run_data(options: argparse.Namespace) -> None:
    """Get a corpus and say what is in it."""
    corpus = CORPORA[options.corpus]()
    place = "made by this package" if corpus.name == "phrases" else f"kept in {data_folder()}"
    show(f"{corpus.name}: {', '.join(corpus.label_names)}; {place}.")
    for name in ("train", "validation", "test"):
        split = getattr(corpus, name)
        counts = ", ".join(f"{split.labels.count(index):,} {label}" for index, label in enumerate(corpus.label_names))
        show(f"  {name:<10} {len(split):>7,} texts: {counts}")


def show(what: str) -> None:
    """Print a result, now; what a text or a file brings along does not reach the terminal as it is."""
    print("\n".join(shown(line, LONGEST) for line in what.split("\n")), flush=True)


def read_input() -> str:
    """Return the text on standard input."""
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] (so it is when it was closed)
        raise ValueError('There is no standard input to read from: give the text itself, in place of "-".')
    try:
        text = sys.stdin.read(LONGEST_INPUT + 1)
    except UnicodeDecodeError as error:
        raise ValueError(f"What came on standard input is not text in UTF-8 ({error.reason}).") from error
    if len(text) > LONGEST_INPUT:
        raise ValueError(f"What came on standard input is longer than {LONGEST_INPUT:,} characters: that is no text.")
    return text


def say(what: str) -> None:
    """Tell the reader, beside the results; of many processes only the first does."""
    if is_first():
        print(shown(what, LONGEST), file=sys.stderr)


def given(options: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Return the options that were given, by name."""
    return {name: getattr(options, name) for name in names if getattr(options, name, None) is not None}


def new_folder(options: argparse.Namespace, default: str) -> Path:
    """Return the folder of a run; one that holds a run or a model is refused, unless that run is to go on."""
    folder = Path(options.output or default)
    check_folder(folder, options.resume)
    options.state = folder / STATE_FILE  # whether it is there in the end, Ctrl-C tells
    return folder


def recipes_of(corpus: str) -> list[str]:
    """Return the names of the recipes of a corpus, from small to large."""
    names = [name for name in RECIPES if RECIPES[name].corpus == corpus]
    if not names:
        raise ValueError(f"There is no recipe for {corpus}.")
    return names


def recipe_for(corpus: str, name: str) -> Recipe:
    """Return a recipe, if it is one for this corpus."""
    if name not in RECIPES:
        raise ValueError(f"argument --recipe: invalid choice: {name!r:.80} (choose from {', '.join(RECIPES)}).")
    if RECIPES[name].corpus != corpus:
        raise ValueError(f"The recipe {name} is for {RECIPES[name].corpus}, not for {corpus}.")
    return RECIPES[name]


def read_record(path: Path) -> dict[str, Any]:
    """Return the record that is there already, so that recipes which are not run again stay in it."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise ValueError(f"{path} is not a run record ({error}). Delete it, or choose another --output.") from error


def default_model(corpus: str) -> str:
    """Return the trained model of the package that is for a corpus, the largest."""
    models = [name for name in RECIPES if RECIPES[name].corpus == corpus and name in shipped_models()]
    if not models:
        raise ValueError(f"No model for {corpus} comes with the package. Train one, and name it: --model runs/NAME")
    return models[-1]
