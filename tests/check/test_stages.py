"""The file that grows: it runs as it stands after each chapter, and what a reader starts from has nothing to copy."""

import ast

import pytest

from nano_bert.check.judge import Judge, run_source
from nano_bert.check.rungs import LADDER
from nano_bert.check.stubs import functions, solved, stage, stub

SOME = [pytest.param(chapter, marks=[] if chapter in (2, 5, 8) else pytest.mark.slow) for chapter in range(2, 12)]


@pytest.mark.parametrize("chapter", SOME)
def test_each_stage_passes_the_rungs_up_to_it_and_has_nothing_of_the_next(chapter: int) -> None:
    judge = Judge(run_source(stage(chapter), "my_bert.py, after a chapter"))
    for rung in LADDER:
        has_parts = all(hasattr(judge.parts, name) for name in rung.parts)
        assert has_parts == (rung.chapter <= chapter or (rung.number == 4 and chapter == 4)), rung.name
    last = [rung for rung in LADDER if rung.chapter == chapter]
    assert [judge.report(rung).state for rung in last] == ["passed"] * len(last)


@pytest.mark.parametrize("chapter", SOME)
def test_what_a_reader_starts_from_runs_and_asks_for_every_part(chapter: int) -> None:
    judge = Judge(run_source(stub(stage(chapter)), "my_bert.py, to begin with"))
    for rung in LADDER:
        if rung.chapter <= chapter:
            assert judge.report(rung).state == "to do", rung.name


def test_the_start_holds_no_solution() -> None:
    """Of each function there is a docstring and one line more; all else stands in the right file, too."""
    start = stub()
    for name, function in functions(ast.parse(start), ""):
        if name.startswith("BertConfig"):
            continue
        code = [
            line for line in function.body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        ]
        said = [ast.unparse(line) for line in code if ast.unparse(line) != "super().__init__()"]
        assert said == [f"raise NotImplementedError('{name}')"]
        assert name.endswith("__init__") or ast.get_docstring(function), f"{name} says not what it should do"
    rest = [line for line in start.splitlines() if "NotImplementedError" not in line]
    assert set(rest) <= set(solved().splitlines())


def test_it_is_about_250_lines_long_and_stands_alone() -> None:
    tree = ast.parse(solved())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any("nano_bert" in name or "transformers" in name for name in imported)
    assert len(ast.unparse(without_docstrings(tree)).splitlines()) <= 300


def without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return tree
