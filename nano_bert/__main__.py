"""The command `nano-bert`: train, evaluate, predict, reproduce, data."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NoReturn

import torch

from nano_bert.config import BertConfig
from nano_bert.download import DataError, data_folder, in_words
from nano_bert.evaluation import evaluate
from nano_bert.files import write_atomically
from nano_bert.optimization import TrainingConfig
from nano_bert.predict import load_classifier, predict, shipped_models
from nano_bert.recipes import CORPORA, RECIPES, Recipe, run_recipe
from nano_bert.records import describe, make_record, measure_baselines
from nano_bert.resume import STATE_FILE

EXAMPLES = """examples:
  nano-bert predict "The film was good, not bad at all."
  nano-bert train phrases                      train in seconds, offline
  nano-bert train imdb --recipe imdb-tiny      download IMDB once, train a model in three dimensions
  nano-bert train imdb --n-heads 2 --n-embed 32 --epochs 5 --output runs/mine
  nano-bert evaluate imdb --model runs/mine    its accuracy and F1 on the test split
  nano-bert reproduce imdb                     every number of the book about IMDB, three seeds each

Data is kept in a cache folder, or in the folder that NANO_BERT_DATA names. The book tells the rest.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words after `nano-bert`; by default those that it was called with.

    Returns:
        The exit code: 0, or 2 after a mistake that one sentence explains, or 130 after Ctrl-C, or 141 when the
        reader of the output, such as `head`, has gone.
    """
    torch.set_num_threads(1)  # models of this size lose more by sharing the work than they gain
    stopped = ""
    try:
        options = make_parser().parse_args(arguments)
        stopped = options.stopped
        options.run(options)
        sys.stdout.flush()  # now, where a reader who has gone can still be told from a mistake
    except KeyboardInterrupt:
        print(f"\nStopped. {stopped}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still wants to print
        return 141
    except (DataError, ValueError, TypeError, OSError) as error:
        print(f"nano-bert: {in_words(error)}", file=sys.stderr)
        return 2
    return 0


def run_train(options: argparse.Namespace) -> None:
    """Train one model and keep it in a folder."""
    name = options.recipe or recipes_of(options.corpus)[-1]  # they stand from small to large
    recipe = recipe_for(options.corpus, name)
    model = {name: getattr(options, name) for name in MODEL_OPTIONS if getattr(options, name) is not None}
    training = {name: getattr(options, name) for name in TRAINING_OPTIONS if getattr(options, name) is not None}
    recipe = replace(recipe, model={**recipe.model, **model}, training=replace(recipe.training, **training))
    folder = Path(options.output or f"runs/{name}")
    if (folder / STATE_FILE).exists() and not options.resume:
        raise ValueError(f"{folder} holds a run already: add --resume to go on, or choose another --output.")
    corpus = CORPORA[options.corpus]()
    print(f"Training {name} with seed {recipe.training.seed}: {recipe.about}", file=sys.stderr)
    _, _, history = run_recipe(recipe, corpus, recipe.training.seed, folder, options.resume, show_progress=True)
    write_atomically(folder / "history.json", json.dumps(history, indent=2) + "\n")
    best = max(history, key=lambda epoch: epoch["validation_accuracy"])
    print(
        f"Best on validation: {best['validation_accuracy']:.3f} accuracy, in epoch {best['epoch']}. Kept in {folder}."
    )
    print(f"On the test split, once you have chosen: nano-bert evaluate {options.corpus} --model {folder}")


def run_evaluate(options: argparse.Namespace) -> None:
    """Print the metrics of a model on a split."""
    model, tokenizer = load_classifier(options.model or default_model(options.corpus))
    corpus = CORPORA[options.corpus]()
    if corpus.label_names != model.config.labels:
        raise ValueError(f"{corpus.name} has the classes {corpus.label_names}, but the model {model.config.labels}.")
    split = getattr(corpus, options.split)
    print(f"{options.corpus}, {options.split} split, {len(split):,} texts")
    print(evaluate(model, tokenizer, split))


def run_predict(options: argparse.Namespace) -> None:
    """Print what a model thinks of a text, and the words that mattered."""
    text = sys.stdin.read() if options.text == "-" else options.text
    model, tokenizer = load_classifier(options.model)
    prediction = predict(model, tokenizer, text)
    if set(tokenizer.token_ids(text)) == {tokenizer.unk_id}:
        print("The model knows none of these words, so its answer says nothing.")
    print(f"{prediction.label} ({prediction.probabilities[prediction.label]:.1%})")
    print(f"Left out, these words would change the probability of {prediction.label!r} by:")
    for word, effect in prediction.strongest():
        print(f"  {word:<16} {-100 * effect:+5.1f} points")


def run_reproduce(options: argparse.Namespace) -> None:
    """Train every recipe of a corpus with several seeds, and write the record."""
    if options.seeds < 1:
        raise ValueError(f"--seeds must be at least 1, but it is {options.seeds}.")
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
        record["recipes"][name] = make_record(name, recipe, corpus, range(options.seeds), Path(options.runs))
        write_atomically(path, json.dumps(record, indent=1) + "\n")
        print(f"{name}: {record['recipes'][name]['summary']}\nWritten to {path}.", flush=True)


def run_data(options: argparse.Namespace) -> None:
    """Get a corpus and say what is in it."""
    corpus = CORPORA[options.corpus]()
    place = "made by this package" if corpus.name == "phrases" else f"kept in {data_folder()}"
    print(f"{corpus.name}: {', '.join(corpus.label_names)}; {place}.")
    for name in ("train", "validation", "test"):
        split = getattr(corpus, name)
        counts = ", ".join(f"{split.labels.count(index):,} {label}" for index, label in enumerate(corpus.label_names))
        print(f"  {name:<10} {len(split):>7,} texts: {counts}")


def recipes_of(corpus: str) -> list[str]:
    """Return the names of the recipes of a corpus, from small to large."""
    names = [name for name in RECIPES if RECIPES[name].corpus == corpus]
    if not names:
        raise ValueError(f"There is no recipe for {corpus}.")
    return names


def recipe_for(corpus: str, name: str) -> Recipe:
    """Return a recipe, if it is one for this corpus."""
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


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are a sentence and a hint."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and leave with exit code 2."""
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Leave, once the help has been printed to its end."""
        sys.stdout.flush()
        super().exit(status, message)


MODEL_OPTIONS = dict.fromkeys(("n_layers", "n_heads", "n_embed", "max_seq_len"), int) | {"dropout": float}
TRAINING_OPTIONS = {"epochs": int, "batch_size": int, "learning_rate": float, "word_dropout": float, "seed": int}


def make_parser() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(
        "nano-bert", description="A small BERT to train, ask and take apart.", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.set_defaults(stopped="")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)

    verb = verbs.add_parser("train", help="train a model", description="Train a model and keep it in a folder.")
    verb.set_defaults(run=run_train, stopped="The run is kept up to its last saved step: add --resume to go on.")
    verb.add_argument("corpus", choices=CORPORA, help="what to learn from")
    verb.add_argument("--recipe", choices=RECIPES, help="a named recipe; by default the corpus's largest")
    verb.add_argument("--output", metavar="FOLDER", help="where to keep the model (default: runs/RECIPE)")
    verb.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    for config, kinds in ((BertConfig, MODEL_OPTIONS), (TrainingConfig, TRAINING_OPTIONS)):
        known = {field.name for field in fields(config)}
        for name, kind in kinds.items():
            assert name in known
            verb.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help="instead of the recipe's")

    verb = verbs.add_parser("evaluate", help="measure a model", description="Print accuracy, F1 and confusion.")
    verb.set_defaults(run=run_evaluate)
    verb.add_argument("corpus", choices=CORPORA, help="whose texts to ask about")
    verb.add_argument(
        "--model", metavar="NAME", help="a folder, or a model of the package (default, for imdb: the largest)"
    )
    verb.add_argument("--split", choices=("validation", "test"), default="test", help="default: test")

    verb = verbs.add_parser("predict", help="ask a model about a text", description="Positive or negative, and why?")
    verb.set_defaults(run=run_predict)
    verb.add_argument("text", help='the text, in quotes; or "-" to read it from standard input')
    verb.add_argument("--model", metavar="NAME", default="imdb-laptop", help="a folder, or a model of the package")

    verb = verbs.add_parser("reproduce", help="redo the book's results", description="Train with several seeds.")
    verb.set_defaults(run=run_reproduce, stopped="All runs are kept: the same command goes on where it was.")
    verb.add_argument("corpus", choices=[name for name in CORPORA if name != "phrases"], help="whose results")
    verb.add_argument("--recipe", choices=RECIPES, action="append", help="only this one; can be repeated")
    verb.add_argument("--seeds", type=int, default=3, metavar="N", help="how many (default: 3)")
    verb.add_argument("--output", metavar="FOLDER", default="docs/results", help="default: docs/results")
    verb.add_argument("--runs", metavar="FOLDER", default="runs", help="where the models go (default: runs)")

    verb = verbs.add_parser("data", help="get a corpus", description="Download a corpus and say what is in it.")
    verb.set_defaults(run=run_data)
    verb.add_argument("corpus", choices=CORPORA, help="which one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
