"""What VS Code is told about this book is true, as far as one can see without the editor."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.book.pages import read_docstrings, read_page
from tests.book.planted import PAGES, ROOT, Book

FILES = [*sorted((ROOT / ".vscode").glob("*.json")), ROOT / ".devcontainer" / "devcontainer.json"]
MKDOCS = """site_name: A book
plugins: [{mkdocstrings: {handlers: {python: {paths: [.]}}}}]
"""


def read(name: str) -> Any:
    return json.loads((ROOT / name).read_text(encoding="utf-8"))


def tasks() -> dict[str, Any]:
    return {task["label"]: task for task in read(".vscode/tasks.json")["tasks"]}


def matchers(label: str) -> list[dict[str, Any]]:
    found = tasks()[label]["problemMatcher"]
    return found if isinstance(found, list) else [found]


def problems(matcher: dict[str, Any], output: str) -> Iterator[dict[str, str]]:
    """What lands in the list of problems, as VS Code reads the lines of an output."""
    pattern = matcher["pattern"]
    for line in output.splitlines():
        match = re.search(pattern["regexp"], line)
        if match:
            yield {key: match[group] for key, group in pattern.items() if isinstance(group, int)}


def run(*command: str, folder: Path = ROOT) -> str:
    settings = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False, env=settings,
    )  # fmt: skip
    return ended.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_is_plain_json(path: Path) -> None:
    assert json.loads(path.read_text(encoding="utf-8"))


def test_run_with_coverage_finds_what_it_needs() -> None:
    """The editor adds `--cov`, which pytest knows by a plugin alone."""
    assert importlib.util.find_spec("pytest_cov")
    assert '"pytest-cov' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_everything_starts_through_the_chosen_interpreter_with_a_module_that_exists() -> None:
    for task in tasks().values():
        assert (task["type"], task["command"]) == ("process", "${command:python.interpreterPath}")
        assert task["args"][0] == "-m"
        assert importlib.util.find_spec(task["args"][1]), task
    for launch in read(".vscode/launch.json")["configurations"]:
        assert importlib.util.find_spec(launch["module"]), launch


def test_the_editor_adds_nothing_to_what_pytest_selects_and_looks_again_when_a_page_is_saved() -> None:
    settings = read(".vscode/settings.json")
    assert settings["python.testing.pytestEnabled"] is True
    assert settings["python.testing.pytestArgs"] == []
    assert settings["python.testing.autoTestDiscoverOnSavePattern"] == "**/*.{py,md}"
    assert settings["debug.allowBreakpointsEverywhere"] is True
    for name in settings["yaml.schemas"].values():
        assert (ROOT / name).is_file()


def test_the_container_offers_the_same_extensions() -> None:
    container = read(".devcontainer/devcontainer.json")["customizations"]["vscode"]["extensions"]
    assert container == read(".vscode/extensions.json")["recommendations"]


def test_a_failing_example_and_a_failing_exercise_land_in_the_list_of_problems(book: Book) -> None:
    """At the file and line where they stand, whatever the system writes between folders."""
    page = book.write("exercises/page.md", "# A page\n\n```pycon\n>>> 1 + 1\n3\n```\n")
    module = book.write(
        "exercises/module.py", 'def one():\n    """Give one.\n\n    >>> one()\n    2\n    """\n    return 1\n'
    )
    for arguments in [["exercises"], [str(page), str(module)]]:  # a task names the folder, or the file at hand in full
        output = book.run("-q", *arguments).stdout.str()
        for label in ("Run everything", "Run the page or test at hand", "Check my exercises"):
            (matcher,) = matchers(label)
            found = {(book.root / problem["file"], problem["line"]) for problem in problems(matcher, output)}
            assert found == {(page, "4"), (module, "4")}, output


def test_a_wrong_link_and_a_wrong_docstring_land_in_the_list_of_problems(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "mkdocs.yml").write_text(MKDOCS, encoding="utf-8")
    (tmp_path / "part.py").write_text(
        'def f(x):\n    """One.\n\n    Args:\n        y: none.\n    """\n', encoding="utf-8"
    )
    (tmp_path / "docs" / "index.md").write_text("# A page\n\n[to](nowhere.md)\n\n::: part\n", encoding="utf-8")
    output = run("-m", "mkdocs", "build", folder=tmp_path)
    pages, docstrings = matchers("Serve the book")
    assert [problem["file"] for problem in problems(pages, output)] == ["index.md"], output
    assert ("part.py", "WARNING") in {(p["file"], p["severity"]) for p in problems(docstrings, output)}, output
    lines = output.splitlines()
    first = [line for line in lines if re.search(pages["background"]["beginsPattern"], line)]
    last = [line for line in lines if re.search(pages["background"]["endsPattern"], line)]
    assert first
    assert last
    assert lines.index(first[0]) < lines.index(last[0])


def test_each_example_has_a_name_of_its_own_for_the_list_of_tests() -> None:
    modules = sorted((ROOT / "nano_bert").rglob("*.py"))
    pages = [read_page(path) for path in PAGES] + [page for path in modules for page in read_docstrings(path)]
    names = [(page.path, step.name) for page in pages for step in page.steps]
    assert len(names) > 500
    assert len(names) == len(set(names))
    assert not [name for _, name in names if "::" in name]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["docs/04-attention.md", "docs/08-model.md", "nano_bert/attention.py"])
def test_the_play_button_of_one_example_is_enough(page: str) -> None:
    """Its last example, alone in a fresh process: those above it are run first.

    In this process, `test_one_block_alone_replays_the_blocks_above_it` in tests/book/test_literate.py always says so.
    """
    path = ROOT / page
    read = list(read_docstrings(path)) if path.suffix == ".py" else [read_page(path)]
    last = f"{page}::{read[-1].steps[-1].name}"
    assert "1 passed" in run("-m", "pytest", "-q", "-p", "no:cacheprovider", last)
