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
from tests.book.test_book import CHAPTERS, section

SOLUTIONS = Path(__file__).parents[2] / "docs" / "solutions"
WRONG = re.findall(
    r"^# ([\d.]+): (.+)\n((?:[^#].*\n)+)", Path(__file__).with_name("wrong_exercises.txt").read_text(), re.M
)
RIGHT = json.loads(Path(__file__).with_name("answers.json").read_text(encoding="utf-8"))


def exercises_of(kind: str) -> list[str]:
    """The numbers of the exercises of a kind, as "4.1"."""
    return [
        f"{int(path.name[:2])}.{number}"
        for path in CHAPTERS
        for number in re.findall(rf"^(\d)\. \*\*{kind}", section(path.read_text(encoding="utf-8"), "Exercises"), re.M)
    ]


def solution(number: str) -> Path:
    return next(SOLUTIONS.glob(f"{int(number.partition('.')[0]):02}-*.md"))


def test_every_exercise_that_has_an_answer_can_be_judged() -> None:
    assert list(EXERCISES) == exercises_of("Your file")
    assert list(answers.known()) == exercises_of("By hand") == list(RIGHT)


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
