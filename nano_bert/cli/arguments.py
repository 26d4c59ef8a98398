"""The command `nano-bert`: its words and options. `nano_bert.cli.commands` does what they say."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from nano_bert import __version__
from nano_bert.cli import choices
from nano_bert.cli.border import at_the_border, quick_to_leave

EXAMPLES = """examples:
  nano-bert predict "The plot is thin, but the cast is wonderful."
  nano-bert train phrases                      train in seconds, offline
  nano-bert train imdb --recipe imdb-tiny      download IMDB once, train a model in three dimensions
  nano-bert train imdb --n-heads 2 --n-embed 32 --epochs 5 --output runs/mine
  torchrun --nproc-per-node=2 -m nano_bert train imdb      two processes share the work
  nano-bert evaluate imdb --model runs/mine    its accuracy and F1 on the test split
  nano-bert look imdb-laptop "not bad"         see where it looks, in a page for your browser
  nano-bert pretrain imdb                      learn from reviews without their labels
  nano-bert reproduce imdb                     every number of the book about IMDB, three seeds each
  nano-bert start my-bert                      a folder to write a BERT of your own in
  nano-bert check                              how far it is, and which mistake is in it

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
    options = argparse.Namespace()
    return at_the_border(lambda: carry_out(make_parser().parse_args(arguments, options)), lambda: left_of(options))


def carry_out(options: argparse.Namespace) -> None:
    """Do what the options say. Only here PyTorch is imported: help, and mistakes in the words, need not wait for it."""
    with quick_to_leave():
        if options.run in ("run_start", "run_check"):
            from nano_bert.cli import ladder as commands
        else:
            from nano_bert.cli import commands
    commands.carry_out(options)


def left_of(options: argparse.Namespace) -> str:
    """Say what is left of a command that was stopped; only what is really there is promised."""
    if getattr(options, "run", "") == "run_reproduce":
        return "All runs are kept: the same command goes on where it was."
    if not getattr(options, "joins", False):
        return ""
    state: Path | None = getattr(options, "state", None)
    if state is not None and state.is_file():
        return "The run is kept up to its last saved step: add --resume to go on."
    return "The run had not begun, so nothing is kept: start it again."


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are a sentence and a hint."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and leave with exit code 2."""
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Leave, once the help has been printed to its end."""
        sys.stdout.flush()
        super().exit(status, message)


def add_settings(verb: argparse.ArgumentParser, kinds: Mapping[str, type], usual: Mapping[str, Any]) -> None:
    """Let settings of the model and of the training be given, each by its name; without, they are the usual ones."""
    for name, kind in {**choices.MODEL_OPTIONS, **kinds}.items():
        meaning = f"default: {usual[name]}" if name in usual else "instead of the recipe's"
        verb.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=meaning)


def add_hardware(verb: argparse.ArgumentParser) -> None:
    """Let the reader say where and how a training is computed."""
    verb.add_argument("--device", help="where to train: cpu (default), cuda, mps or xpu")
    verb.add_argument("--dtype", choices=choices.DTYPES, help="bfloat16: matrix products in 16 bits (default: float32)")
    verb.add_argument(
        "--clear", dest="fused", action="store_false", default=None, help="train each head as an object, not all fused"
    )


def make_parser() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(
        "nano-bert", description="A small BERT to train, ask and take apart.", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.set_defaults(joins=False)
    parser.add_argument("--version", action="version", version=f"nano-bert {__version__}")
    named = ", ".join(choices.RECIPES)
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)

    verb = verbs.add_parser("train", help="train a model", description="Train a model and keep it in a folder.")
    verb.set_defaults(run="run_train", joins=True)
    verb.add_argument("corpus", choices=choices.CORPORA, help="what to learn from")
    verb.add_argument("--recipe", metavar="NAME", help=f"one of {named} (default: the corpus's largest)")
    verb.add_argument("--output", metavar="FOLDER", help="where to keep the model (default: runs/RECIPE)")
    verb.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    add_settings(verb, choices.TRAINING_OPTIONS, {})
    add_hardware(verb)

    verb = verbs.add_parser("pretrain", help="guess hidden words", description="Learn from texts without labels.")
    verb.set_defaults(run="run_pretrain", joins=True)
    verb.add_argument("texts", help='"imdb", or a text file: documents with an empty line between, or one a line')
    verb.add_argument("--output", metavar="FOLDER", help="where to keep the model (default: runs/pretrained-TEXTS)")
    verb.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    verb.add_argument("--pieces", action="store_true", help="read pieces of words (WordPiece), not whole words")
    n_words, share = choices.VOCAB_SIZE, choices.SHARE
    verb.add_argument("--vocab-size", type=int, default=n_words, metavar="N", help=f"default: {n_words}")
    verb.add_argument("--share", type=float, default=share, metavar="N", help=f"of words to guess (default: {share})")
    verb.add_argument("--whole-words", action="store_true", help="hide all pieces of a word, or none")
    verb.add_argument("--next-sentence", action="store_true", help="also tell next sentences from random ones")
    pretraining = {name: kind for name, kind in choices.TRAINING_OPTIONS.items() if name != "word_dropout"}
    add_settings(verb, pretraining, choices.USUAL)
    add_hardware(verb)

    verb = verbs.add_parser("evaluate", help="measure a model", description="Print accuracy, F1 and confusion.")
    verb.set_defaults(run="run_evaluate")
    verb.add_argument("corpus", choices=choices.CORPORA, help="whose texts to ask about")
    verb.add_argument(
        "--model", metavar="NAME", help="a folder, or a model of the package (default, for imdb: the largest)"
    )
    verb.add_argument("--device", default="cpu", help="where to compute: cpu (default), cuda, mps or xpu")
    verb.add_argument("--split", choices=("validation", "test"), default="test", help="default: test")

    verb = verbs.add_parser("predict", help="ask a model about a text", description="Positive or negative, and why?")
    verb.set_defaults(run="run_predict")
    verb.add_argument("text", help='the text, in quotes; or "-" to read it from standard input')
    verb.add_argument("--model", metavar="NAME", default="imdb-laptop", help="a folder, or a model of the package")

    verb = verbs.add_parser("look", help="see where a model looks", description="Every head of every layer, in a page.")
    verb.set_defaults(run="run_look")
    verb.add_argument("model", metavar="FOLDER", help="a folder, or a model of the package, such as imdb-tiny")
    verb.add_argument("text", help='the text, in quotes; or "-" to read it from standard input')
    verb.add_argument("--output", metavar="FILE", default="look.html", help="the page of HTML (default: look.html)")

    verb = verbs.add_parser("reproduce", help="redo the book's results", description="Train with several seeds.")
    verb.set_defaults(run="run_reproduce")
    verb.add_argument(
        "corpus",
        choices=[*(name for name in choices.CORPORA if name != "phrases"), *choices.EXPERIMENTS],
        help="whose results, or which experiment",
    )
    verb.add_argument("--recipe", metavar="NAME", action="append", help="only this one; can be repeated")
    verb.add_argument("--seeds", type=int, default=3, metavar="N", help="how many (default: 3)")
    verb.add_argument("--output", metavar="FOLDER", default="docs/results", help="default: docs/results")
    verb.add_argument("--runs", metavar="FOLDER", default="runs", help="where the models go (default: runs)")

    verb = verbs.add_parser("data", help="get a corpus", description="Download a corpus and say what is in it.")
    verb.set_defaults(run="run_data")
    verb.add_argument("corpus", choices=choices.CORPORA, help="which one")

    verb = verbs.add_parser("start", help="write your own BERT", description="Write a folder with a file to fill in.")
    verb.set_defaults(run="run_start")
    verb.add_argument("folder", help="where; what is there already stays as it is")

    verb = verbs.add_parser("check", help="judge your own BERT", description="Compare your file with the package.")
    verb.set_defaults(run="run_check")
    verb.add_argument("words", nargs="*", metavar="RUNG FILE", help="a rung, by number or name (default: all of them); "
                      "and your file (default: my_bert.py)")  # fmt: skip
    return parser
