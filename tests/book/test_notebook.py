"""A notebook says what its page says, and running it gives what its page shows."""

import ast
import base64
import copy
import inspect
import os
import pkgutil
import re
import runpy
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import jupytext
import matplotlib.pyplot as plt
import nbformat
import pytest
import torch
import yaml
from nbclient import NotebookClient

from tests.book.notebook import find_page, main, make_notebook, make_script, read_cells, write_notebook
from tests.book.pages import Example, read_page
from tests.book.repl import agrees

ROOT = Path(__file__).parents[2]
PAGES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if read_page(page).examples]
CHAPTERS = sorted((ROOT / "docs").glob("[0-9][0-9]-*.md"))
ALWAYS_RUN = ("06-heads",)  # the other chapters are run as notebooks by `pytest -m slow`
TRACEBACK = "Traceback (most recent call last):\n    ...\n"

of_each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT / "docs").as_posix())


@cache
def notebook_of(page: Path) -> Any:
    """The notebook of a page, not to be changed."""
    return make_notebook(page)


@cache
def examples_of(page: Path) -> list[Example]:
    """`tests/book/pages.py` reads a page in another way than the notebooks, and must have seen the same."""
    return read_page(page).examples


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A page for a test to write."""
    return tmp_path / "small.md"


def is_example(cell: Any) -> bool:
    """Whether a code cell stands for examples of the page, not for the code of the package."""
    return cell.cell_type == "code" and "inspect.getsource" not in cell.source


def printed(cell: Any) -> str:
    """What stands below a code cell, as a Python prompt would have printed it."""
    text = ""
    for output in cell.outputs:
        if output.output_type == "error":
            text += f"{TRACEBACK}{output.ename}: {output.evalue}\n"
        elif output.output_type == "execute_result":
            text += output.data["text/plain"] + "\n"
        elif output.output_type == "stream" and output.name == "stdout":
            text += output.text
    return text.rstrip()


def prose_of(page: Path) -> str:
    return "\n".join(cell.source for cell in notebook_of(page).cells if cell.cell_type == "markdown")


def lines_of(sources: list[str]) -> list[str]:
    return [line for source in sources for line in source.splitlines() if line.strip()]


@of_each_page
def test_a_notebook_has_the_examples_of_its_page_and_their_outputs(page: Path, small: Path) -> None:
    nbformat.validate(notebook_of(page))
    cells = [cell for cell in notebook_of(page).cells if is_example(cell)]
    assert lines_of([cell.source for cell in cells]) == lines_of([example.source for example in examples_of(page)])

    without_answers = re.sub(r"</?(details|summary).*\n", "", page.read_text(encoding="utf-8"))
    small.write_text(without_answers, encoding="utf-8")
    opened = [cell for cell in read_cells(small) if is_example(cell)]
    assert [printed(cell) for cell in opened if cell.outputs] == [e.want for e in examples_of(page) if e.want]
    assert not any("jupyter" in cell.metadata for cell in opened)
    shown = [cell for cell in cells if "jupyter" not in cell.metadata]
    everything = [(cell.source, printed(cell)) for cell in opened]
    assert all((cell.source, printed(cell)) in everything for cell in shown)


@of_each_page
def test_the_code_of_answers_and_no_other_is_hidden_and_not_yet_run(page: Path) -> None:
    inside, answers = False, set[int]()
    for number, line in enumerate(page.read_text(encoding="utf-8").split("\n"), 1):
        inside = line.startswith("<details") or (inside and line != "</details>")
        answers |= {number} if inside else set()
    hidden = [cell for cell in notebook_of(page).cells if "jupyter" in cell.metadata]
    sources = [example.source for example in examples_of(page) if example.line in answers]
    assert lines_of([cell.source for cell in hidden]) == lines_of(sources)
    assert all(cell.metadata.jupyter == {"source_hidden": True} and cell.outputs == [] for cell in hidden)


@of_each_page
def test_each_output_stands_below_its_example(page: Path) -> None:
    examples = {example.source.rstrip(): example for example in examples_of(page)}
    for cell in notebook_of(page).cells:
        if cell.cell_type == "code" and cell.outputs:
            ending = next(source for source in sorted(examples, key=len, reverse=True) if cell.source.endswith(source))
            assert cell.source == ending or TRACEBACK not in printed(cell), "it fails alone"


@of_each_page
def test_a_notebook_would_print_what_the_prompt_prints(page: Path) -> None:
    """A prompt echoes each value, also in a loop; a notebook only that of the last line of a cell."""
    for example in examples_of(page):
        is_value = isinstance(ast.parse(example.source).body[-1], ast.Expr)
        prints = re.search(r"\b(print|show)\(", example.source)
        assert prints or is_value or not example.want, f"{page.name}:{example.line}: print(...) what is to be seen"


@of_each_page
def test_nothing_is_left_that_only_the_site_understands(page: Path) -> None:
    text = prose_of(page)
    assert not re.search(r'^:::|markdown="1"|^```pycon|^>>> |figures/|^> \[!', text, re.M)
    assert not re.search(r"\]\([^)\s:]*(\.md|#)[^)\s:]*\)", text), "no link into a folder that is not there"
    assert text.count("<details>") == text.count("</details>")
    assert text.count("<img ") == len(re.findall(r"!\[.*figures/", page.read_text(encoding="utf-8")))


@of_each_page
def test_no_word_of_the_prose_is_lost(page: Path) -> None:
    """Links become their words and figures images; all else stands in the notebook in the order of the page."""
    prose = "\n".join(line for _, line in read_page(page).prose)
    prose = re.sub(r"^> \[!.*|^:::.*(\n {4}.*)*|!\[.*\)$|</?(details|summary|div).*>", "", prose, flags=re.M)
    text = re.sub(
        r"<(details|/details|summary|img)\b.*>|\*\*.*:\*\* run the next cell\.$", "", prose_of(page), flags=re.M
    )
    words, wanted = iter(re.findall(r"\w+", text)), re.findall(r"\w+", re.sub(r"\]\([^)\s]*\)", "]", prose))
    missing = [word for word in wanted if word not in words]  # an iterator: each is looked for after the last
    assert not missing


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_the_code_of_the_package_can_be_printed(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of it, as the site embeds it: the members that a page names, or the whole."""
    for cell in notebook_of(page).cells:
        if "inspect.getsource" in cell.source:
            exec(cell.source, {})
    shown = ""
    for name, written in re.findall(r"^::: (\S+)\n((?: {4}.*\n)*)", page.read_text(encoding="utf-8"), re.M):
        members = (yaml.safe_load(written) or {}).get("options", {}).get("members")
        for full_name in [f"{name}.{member}" for member in members] if members else [name]:
            shown += inspect.getsource(pkgutil.resolve_name(full_name)) + "\n"
    assert shown
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=() if page.stem in ALWAYS_RUN else pytest.mark.slow, id=page.stem) for page in CHAPTERS],
)
def test_running_a_notebook_gives_what_the_page_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = copy.deepcopy(notebook_of(page))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    got = [printed(cell) for cell in notebook.cells if is_example(cell) and printed(cell)]
    wanted = [example.want for example in examples_of(page) if example.want]
    assert len(got) == len(wanted)
    for want, out in zip(wanted, got, strict=True):  # a notebook breaks the lines of long lists in its own way
        assert agrees(want, out) or agrees(" ".join(want.split()), " ".join(out.split()))
    drawn = [output for cell in notebook.cells if is_example(cell) for output in cell.outputs if "data" in output]
    assert sum("image/png" in output.data for output in drawn) == sum("<img" in cell.source for cell in notebook.cells)


def test_an_answer_stays_hidden_until_it_is_run(small: Path) -> None:
    page = (
        '> **Predict.** What is 1 + 1?\n\n<details markdown="1">\n<summary>Open the answer</summary>\n\nTwo.\n\n'
        "```pycon\n>>> 1 + 1\n2\n```\n\nAs ever.\n\n</details>\n\nOn.\n"
    )
    small.write_text(page)
    cells = make_notebook(small).cells
    assert [(cell.cell_type, cell.source) for cell in cells] == [
        ("markdown", "> **Predict.** What is 1 + 1?"),
        ("markdown", "<details>\n<summary>Open the answer</summary>\n\nTwo.\n\n</details>"),
        ("code", "1 + 1"),
        ("markdown", "<details>\n<summary>Open the answer</summary>\n\nAs ever.\n\n</details>"),
        ("markdown", "On."),
    ]
    assert cells[2].outputs == []
    assert cells[2].metadata == {"jupyter": {"source_hidden": True}}
    small.write_text(page.replace("\nTwo.\n", ""))
    assert read_cells(small)[1].source == "**Open the answer:** run the next cell."


def test_a_figure_travels_in_the_notebook(small: Path) -> None:
    (small.parent / "a.svg").write_text("<svg/>")
    small.write_text('See ![a "map" of 2 < 3](a.svg) here.\n\n```pycon\n>>> 1\n1\n```\n')
    figure = base64.b64encode(b"<svg/>").decode()
    alt = "a &quot;map&quot; of 2 &lt; 3"
    wanted = f'See <img alt="{alt}" src="data:image/svg+xml;base64,{figure}"> here.'
    assert make_notebook(small).cells[0].source == wanted


def test_an_example_that_fails_on_the_page_may_fail_in_the_notebook(small: Path) -> None:
    small.write_text(f"```pycon\n>>> a = 0\n>>> 1 / a\n{TRACEBACK}ZeroDivisionError: no\n```\n")
    first, second = make_notebook(small).cells
    assert (first.source, first.outputs, first.metadata) == ("a = 0", [], {})
    assert (second.source, second.metadata.tags) == ("1 / a", ["raises-exception"])
    assert (second.outputs[0].ename, second.outputs[0].evalue) == ("ZeroDivisionError", "no")


def test_a_notebook_is_the_same_each_time() -> None:
    page = find_page("4")
    assert nbformat.writes(make_notebook(page)) == nbformat.writes(make_notebook(page))
    names = [cell.id for cell in notebook_of(page).cells]
    assert len(set(names)) == len(names)


@of_each_page
def test_a_script_can_be_compiled_and_holds_the_same_cells(page: Path) -> None:
    script = make_script(page)
    compile(script, page.name, "exec")
    assert script.startswith("# %%"), "no header that a reader would have to skip"
    assert not re.search(r"base64|</?(details|summary)>", script)
    again: list[Any] = list(jupytext.reads(script, fmt="py:percent").cells)
    cells = notebook_of(page).cells
    assert [cell.cell_type for cell in again] == [cell.cell_type for cell in cells]
    for cell, mine in zip(cells, again, strict=True):
        assert cell.cell_type == "markdown" or "tags" in cell.metadata or mine.source == cell.source


def test_a_script_says_how_an_example_fails_and_goes_on(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small.write_text(f"```pycon\n>>> 1 / 0\n{TRACEBACK}ZeroDivisionError: no\n>>> print(2)\n2\n```\n")
    exec(make_script(small), {})
    assert capsys.readouterr().out == "ZeroDivisionError: division by zero\n2\n"


def test_a_script_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_notebook("4", tmp_path / "script.py")
    monkeypatch.chdir(ROOT)
    with warnings.catch_warnings(), torch.enable_grad():  # what a page switches off stays off for that page alone
        warnings.simplefilter("ignore")
        runpy.run_path(str(path), run_name="__main__")
    plt.close("all")
    out, err = capsys.readouterr()
    assert err == ""
    tables = [example.want for example in examples_of(find_page("4")) if example.source.startswith("show(")]
    assert tables
    assert all(table in out for table in tables)
    assert "class BertAttentionHead" in out


def test_a_page_is_found_by_number_name_and_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = ROOT / "docs" / "04-attention.md"
    monkeypatch.chdir(tmp_path)
    for name in ("4", "04", "04-attention", str(page)):
        assert find_page(name) == page
    assert find_page("solutions/04-attention") == ROOT / "docs" / "solutions" / "04-attention.md"
    Path("mine.md").write_text("mine")
    assert find_page("mine.md") == Path("mine.md")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["15"], "There is no page 15. The chapters are 01-number-to-beat, 02-tokenizer,"),
        (["attention"], "There is no page attention. The chapters are 01-"),
        ([""], "There is no page . The chapters are 01-"),
        (["docs/04.md"], "There is no page docs/04.md."),
        (["there.py"], "There is no page there.py."),
        (["4", "--output", "a.txt"], "--output must end in .ipynb (a notebook) or .py (a script), but it is a.txt."),
        (["4", "--output", "nowhere/a.py"], "There is no folder nowhere to write a.py into."),
        (["papers"], "papers.md has no example to run, so there is nothing for a notebook."),
        (["4", "--output", "there.py"], "there.py is there already and may hold your notes: name another file with"),
    ],
)
def test_a_mistake_is_a_sentence(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.py").write_text("my notes")
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert said in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("there.py", "my notes")]


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    path = write_notebook("4", tmp_path / "a.ipynb")
    with pytest.raises(FileExistsError, match="may hold your notes"):
        write_notebook("5", path)


def test_the_command_writes_a_notebook_here(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.book.notebook", "4"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "Written to 04-attention.ipynb. VS Code and Jupyter open it.\n"
    assert nbformat.read(tmp_path / "04-attention.ipynb", as_version=4) == make_notebook(find_page("4"))
    assert [path.name for path in tmp_path.iterdir()] == ["04-attention.ipynb"]
