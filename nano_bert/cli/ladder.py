"""What the words `start` and `check` do. They need no PyTorch here: the reader's file runs in a process of its own."""

import argparse
import re
from pathlib import Path

from nano_bert.check.answers import known, told
from nano_bert.check.exercises import EXERCISES
from nano_bert.check.rungs import LADDER, Rung, rungs_of
from nano_bert.check.sandbox import check_file
from nano_bert.check.show import explained_exercise, shown
from nano_bert.check.start import start

USUAL_FILE = "my_bert.py"


def carry_out(options: argparse.Namespace) -> None:
    """Do what the options say."""
    (run_start if options.run == "run_start" else run_check)(options)


def run_start(options: argparse.Namespace) -> None:
    """Write the reader's folder, and say what is in it."""
    folder = Path(options.folder)
    written, there = start(folder)
    for name in written:
        say(f"Written: {folder / name}")
    for name in there:
        say(f"There already, and left as it is: {folder / name}")
    file = folder / USUAL_FILE
    say(f"Open {file}, read chapter 2, and fill in its part. Then: nano-bert check {file}")


def run_check(options: argparse.Namespace) -> None:
    """Judge a file or an answer, and leave with exit code 1 if something of what was asked for is not right yet."""
    if options.words and re.fullmatch(r"(\d+|depth|measuring)\.\d+", options.words[0]):
        run_exercise(options.words[0], options.words[1:])
        return
    rungs, file = asked(options.words)
    result = check_file(file, rungs)
    say(shown(file.name, result.reports, result.printed))
    if any(one["state"] != "passed" for one in result.reports):
        raise SystemExit(1)


def run_exercise(number: str, words: list[str]) -> None:
    """Judge one exercise: a file, or an answer that was typed."""
    if number in EXERCISES:
        result = check_file(Path(words[0] if words else f"exercise_{number.replace('.', '_')}.py"), [EXERCISES[number]])
        is_right, text = explained_exercise(number, EXERCISES[number].parts[0], result.reports[0], result.printed)
    elif number in known():
        is_right, text = told(number, words)
    else:
        judged = ", ".join([*EXERCISES, *known()])
        raise ValueError(f"Exercise {number} has no answer that could be judged. These have one: {judged}.")
    say(text)
    if not is_right:
        raise SystemExit(1)


def say(what: str) -> None:
    """Print something, now; what would steer the terminal is left out."""
    print("\n".join("".join(filter(str.isprintable, line)) for line in what.split("\n")), flush=True)


def asked(words: list[str]) -> tuple[tuple[Rung, ...], Path]:
    """Return the rungs and the file that a reader means by one word or two, in any order.

    Examples:
        >>> from nano_bert.cli.ladder import asked
        >>> [rung.number for rung in asked(["masks"])[0]], str(asked(["3", "mine.py"])[1])
        ([4], 'mine.py')
    """
    files = [word for word in words if word.endswith(".py") or Path(word).exists()]
    rest = [word for word in words if word not in files]
    if len(files) > 1 or len(rest) > 1:
        raise ValueError("nano-bert check takes one rung and one file, such as: nano-bert check 3 my_bert.py")
    file = Path(files[0]) if files else Path(USUAL_FILE)
    return rungs_of(rest[0]) if rest else LADDER, file / USUAL_FILE if file.is_dir() else file
