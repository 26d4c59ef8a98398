"""Every exercise with an answer can be judged, a file or a number; and the solutions of the book are right."""

import ast
import json
import re
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest

from nano_bert.check import answers
from nano_bert.check.exercises import EXERCISES
from nano_bert.check.judge import Judge, run_source
from nano_bert.cli.arguments import main
from tests.book.pages import read_page
from tests.book.test_book import CHAPTERS, DOCS, section

PAGES = [*CHAPTERS[:8], DOCS / "depth.md", *CHAPTERS[8:11], DOCS / "halves.md", DOCS / "measuring.md"]
PAGES += [CHAPTERS[11], DOCS / "distillation.md", *CHAPTERS[12:]]
WRONG = re.findall(
    r"^# ([\w.]+): (.+)\n((?:[^#].*\n)+)", Path(__file__).with_name("wrong_exercises.txt").read_text(), re.M
)
RIGHT = json.loads(Path(__file__).with_name("answers.json").read_text(encoding="utf-8"))
# In the REPL, and yet without one answer that all readers find.
MANY_ANSWERS = {
    "4.3": "the head can be as sharp as its maker likes",
    "5.3": "every score below some limit is one",
    "9.3": "rounding differs from machine to machine",
    "11.3": "training gives other numbers on other machines",
    "13.2": "training gives other numbers on other machines",
    "14.2": "time is another one on each machine",
    "14.4": "training gives other numbers on other machines",
}


def exercises_of(*kinds: str) -> list[str]:
    """The numbers of the exercises of some kinds, as "4.1"."""
    return [
        f"{int(path.name[:2]) if path in CHAPTERS else path.stem}.{number}"
        for path in PAGES
        for number in re.findall(
            rf"^(\d)\. \*\*(?:{'|'.join(kinds)})", section(path.read_text(encoding="utf-8"), "Exercises"), re.M
        )
    ]


def solution(number: str) -> Path:
    page = number.partition(".")[0]
    found = [*DOCS.glob(f"solutions/{page.zfill(2)}-*.md"), *DOCS.glob(f"solutions/{page}.md"), DOCS / f"{page}.md"]
    return found[0]


def test_every_exercise_that_has_an_answer_can_be_judged() -> None:
    assert list(EXERCISES) == exercises_of("Your file")
    assert list(answers.known()) == list(RIGHT)
    assert sorted([*RIGHT, *MANY_ANSWERS]) == sorted(exercises_of("By hand", "REPL"))


@pytest.mark.parametrize("number", EXERCISES)
def test_the_solution_of_the_book_is_right(number: str) -> None:
    """Its imports, constants and functions are a reader's file."""
    module = ModuleType("solution")
    module.__file__ = str(solution(number))
    for example in read_page(solution(number)).examples:
        statement = ast.parse(example.source).body[0]
        is_constant = isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]).isupper()
        if is_constant or isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef):
            with suppress(NameError):  # a function whose defaults come from an example
                exec(compile(ast.Module([statement], []), "solution", "exec"), module.__dict__)
    report = Judge(module).report(EXERCISES[number])
    assert (report.state, report.says) == ("passed", "")


@pytest.mark.parametrize(("number", "says", "code"), WRONG)
def test_a_wrong_one_is_refused(number: str, says: str, code: str) -> None:
    report = Judge(run_source(f"import torch\n{code}\n", "mine.py")).report(EXERCISES[number])
    assert report.state == "failed"
    assert says in report.says


@pytest.mark.parametrize("number", RIGHT)
def test_an_answer_by_hand_is_that_of_the_solution(number: str) -> None:
    asks, decimals, right = RIGHT[number]
    words = right.split()
    typed = words if decimals is None else [answers.around(float(word), decimals)[0] for word in words]
    said = answers.Answer(asks, decimals, len(words), answers.fingerprint(number, typed))
    assert answers.known()[number] == said, f'"{number}": {json.dumps(said.__dict__)}'
    part = re.split(r"^## Exercise (\d)\n", solution(number).read_text(encoding="utf-8"), flags=re.M)
    text = (
        dict(zip(part[1::2], part[2::2], strict=True))[number.partition(".")[2]].replace("\u2212", "-").replace(",", "")
    )
    for word in words:
        assert re.search(rf"(?<![\d.]){re.escape(word.lstrip('-'))}(?!\d)", text), f"the solution does not say {word}"
    assert answers.told(number, words)[0]
    wrong = [f"{word}x" for word in words] if decimals is None else [str(float(word) + 1) for word in words]
    assert not answers.told(number, wrong)[0]


def test_numbers_may_be_typed_as_the_book_prints_them() -> None:
    """In brackets, with commas between them or between thousands, with the minus of the book."""
    for number, typed in (
        ("3.2", ["84", "23,835,648"]),
        ("14.1", ["1,152", "384", "416"]),
        ("14.1", ["1152,384,416"]),
        ("2.1", ["[1, 10, 3, 9, 8, 2]"]),
        ("7.1", ["(\u22121,", "\u22121, 1, 1)"]),
    ):
        assert answers.told(number, typed)[0], typed
    assert not answers.told("14.1", ["nan", "inf", "x"])[0]


def test_the_command_judges_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "7.1", "-1", "-1", "1", "1"]) == 0
    with pytest.raises(SystemExit):
        main(["check", "7.1", "-1", "-1", "1", "2"])
    with pytest.raises(SystemExit):
        main(["check", "4.1"])
    assert main(["check", "4.5"]) == 2
    said = capsys.readouterr()
    assert "Exercise 7.1: right." in said.out
    assert "Exercise 7.1: not yet." in said.out
    assert 'Exercise 4.1 asks for the share that "not" keeps' in said.out
    assert "Exercise 4.5 has no answer that could be judged" in said.err
