"""A notebook says what its page says, and running it gives what its page shows."""

import ast
import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from nano_bert.cli.arguments import main
from tests.book.notebook import Cell, find_page, make_notebook, make_script, read_cells, write_notebook
from tests.book.pages import read_page
from tests.book.repl import agrees

ROOT = Path(__file__).parents[1]
PAGES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if read_page(page).examples]
CHAPTERS = sorted((ROOT / "docs").glob("[0-9][0-9]-*.md"))
TRACEBACK = "Traceback (most recent call last):\n    ...\n"


def cells_of(page: Path) -> list[Cell]:
    return read_cells(page.read_text(encoding="utf-8"))


def notebook_of(page: Path) -> Any:
    return nbformat.reads(make_notebook(cells_of(page), page.parent), as_version=4)


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


def lines_of(sources: list[str]) -> list[str]:
    return [line for source in sources for line in source.splitlines() if line.strip()]


ids = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT / "docs").as_posix())


@ids
def test_a_notebook_has_the_examples_of_its_page_and_their_outputs(page: Path) -> None:
    """`tests/book/pages.py` reads the page in another way, and must have seen the same."""
    notebook = notebook_of(page)
    nbformat.validate(notebook)
    examples = read_page(page).examples
    cells = [cell for cell in cells_of(page) if cell.is_code and "inspect.getsource" not in cell.source]
    assert lines_of([cell.source for cell in cells]) == lines_of([example.source for example in examples])
    assert [cell.output for cell in cells if cell.output] == [example.want for example in examples if example.want]
    shown = [printed(cell) for cell in notebook.cells if is_example(cell)]
    assert shown == ["" if cell.hidden else cell.output for cell in cells]


@ids
def test_each_output_stands_below_its_example(page: Path) -> None:
    cells = [cell for cell in cells_of(page) if cell.output]
    examples = [example for example in read_page(page).examples if example.want]
    for cell, example in zip(cells, examples, strict=True):
        assert cell.source.endswith(example.source.rstrip())
        assert cell.source == example.source.rstrip() or TRACEBACK not in cell.output, "it fails alone"


@ids
def test_a_notebook_would_print_what_the_prompt_prints(page: Path) -> None:
    """A prompt echoes each value, also in a loop; a notebook only that of the last line of a cell."""
    for example in read_page(page).examples:
        is_value = isinstance(ast.parse(example.source).body[-1], ast.Expr)
        prints = re.search(r"\b(print|show)\(", example.source)
        assert prints or is_value or not example.want, f"{page.name}:{example.line}: print(...) what is to be seen"


@ids
def test_nothing_is_left_that_only_the_site_understands(page: Path) -> None:
    text = "\n".join(cell.source for cell in notebook_of(page).cells if cell.cell_type == "markdown")
    assert not re.search(r'^:::|markdown="1"|^```pycon|^>>> |figures/|^> \[!', text, re.M)
    assert not re.search(r"\]\([^)\s:]*(\.md|#)[^)\s:]*\)", text), "no link into a folder that is not there"
    assert text.count("<details>") == text.count("</details>")
    assert text.count("<img ") == len(re.findall(r"!\[.*figures/", page.read_text(encoding="utf-8")))


@ids
def test_no_word_of_the_prose_is_lost(page: Path) -> None:
    """Links become their words and figures images; all else stands in the notebook in the order of the page."""
    prose = "\n".join(line for _, line in read_page(page).prose)
    prose = re.sub(r"^> \[!.*|^:::.*(\n {4}.*)*|!\[.*\)$|</?(details|summary).*>", "", prose, flags=re.M)
    cells = [cell.source for cell in notebook_of(page).cells if cell.cell_type == "markdown"]
    text = re.sub(
        r"<(details|/details|summary|img)\b.*>|\*\*.*:\*\* run the next cell\.$", "", "\n".join(cells), flags=re.M
    )
    words, wanted = iter(re.findall(r"\w+", text)), re.findall(r"\w+", re.sub(r"\]\([^)\s]*\)", "]", prose))
    missing = [word for word in wanted if word not in words]  # an iterator: each is looked for after the last
    assert not missing


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_the_code_of_the_package_can_be_printed(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [cell.source for cell in notebook_of(page).cells if "inspect.getsource" in cell.source]
    assert cells
    for source in cells:
        exec(source, {})
    assert len(re.findall(r"^(class|def) ", capsys.readouterr().out, re.M)) >= len(cells)


@pytest.mark.parametrize("name", ["02-tokenizer", "06-heads"])
def test_running_a_notebook_gives_what_the_page_shows(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    page = ROOT / "docs" / f"{name}.md"
    notebook = notebook_of(page)
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(ROOT)}}).execute()
    got = [printed(cell) for cell in notebook.cells if is_example(cell) and printed(cell)]
    wanted = [example.want for example in read_page(page).examples if example.want]
    assert len(got) == len(wanted)
    for want, out in zip(wanted, got, strict=True):  # a notebook breaks the lines of long lists in its own way
        assert agrees(want, out) or agrees(" ".join(want.split()), " ".join(out.split()))
    drawn = [output for cell in notebook.cells if is_example(cell) for output in cell.outputs if "data" in output]
    assert sum("image/png" in output.data for output in drawn) == sum("<img" in cell.source for cell in notebook.cells)


def test_an_answer_stays_hidden_until_it_is_run() -> None:
    page = (
        '> **Predict.** What is 1 + 1?\n\n<details markdown="1">\n<summary>Open the answer</summary>\n\nTwo.\n\n'
        "```pycon\n>>> 1 + 1\n2\n```\n\nAs ever.\n\n</details>\n\nOn.\n"
    )
    assert read_cells(page) == [
        Cell("> **Predict.** What is 1 + 1?", False),
        Cell("<details>\n<summary>Open the answer</summary>\n\nTwo.\n\n</details>", False),
        Cell("1 + 1", True, "2", hidden=True),
        Cell("<details>\n<summary>Open the answer</summary>\n\nAs ever.\n\n</details>", False),
        Cell("On.", False),
    ]
    code = json.loads(make_notebook(read_cells(page), Path()))["cells"][2]
    assert code["outputs"] == []
    assert code["metadata"] == {"jupyter": {"source_hidden": True}}
    bare = page.replace("\nTwo.\n", "")
    assert read_cells(bare)[1].source == "**Open the answer:** run the next cell."


def test_a_figure_travels_in_the_notebook(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text("<svg/>")
    page = 'See ![a "map" of 2 < 3](a.svg) here.\n'
    source = json.loads(make_notebook(read_cells(page), tmp_path))["cells"][0]["source"]
    figure = base64.b64encode(b"<svg/>").decode()
    alt = "a &quot;map&quot; of 2 &lt; 3"
    assert source == f'See <img alt="{alt}" src="data:image/svg+xml;base64,{figure}"> here.'


def test_an_example_that_fails_on_the_page_may_fail_in_the_notebook() -> None:
    page = f"```pycon\n>>> a = 0\n>>> 1 / a\n{TRACEBACK}ZeroDivisionError: no\n```\n"
    first, second = json.loads(make_notebook(read_cells(page), Path()))["cells"]
    assert (first["source"], first["outputs"]) == ("a = 0", [])
    assert second["metadata"]["tags"] == ["raises-exception"]
    assert (second["outputs"][0]["ename"], second["outputs"][0]["evalue"]) == ("ZeroDivisionError", "no")


def test_a_notebook_is_the_same_each_time() -> None:
    page = find_page("4")
    assert make_notebook(cells_of(page), page.parent) == make_notebook(cells_of(page), page.parent)
    numbers = [cell.id for cell in notebook_of(page).cells]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_script_can_be_compiled_and_holds_the_same_cells(page: Path) -> None:
    script = make_script(cells_of(page))
    compile(script, page.name, "exec")
    assert len(re.findall(r"^# %%", script, re.M)) == len(cells_of(page))
    assert "base64" not in script
    assert not re.search(r"</?(details|summary)>", script)


def test_a_script_says_how_an_example_fails_and_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    page = f"```pycon\n>>> 1 / 0\n{TRACEBACK}ZeroDivisionError: no\n>>> print(2)\n2\n```\n"
    exec(make_script(read_cells(page)), {})
    assert capsys.readouterr().out == "ZeroDivisionError: division by zero\n2\n"


def test_a_script_runs_from_top_to_bottom(tmp_path: Path) -> None:
    path = write_notebook("4", tmp_path / "script.py")
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", str(path)]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, "")
    tables = [example.want for example in read_page(find_page("4")).examples if example.source.startswith("show(")]
    assert len(tables) > 2
    assert all(table in run.stdout for table in tables)
    assert "class BertAttentionHead" in run.stdout


def test_a_chapter_is_found_by_number_name_and_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = ROOT / "docs" / "04-attention.md"
    for chapter in ("4", "04", "04-attention", str(page)):
        assert find_page(chapter).resolve() == page
    assert find_page("solutions/04-attention").resolve() == ROOT / "docs" / "solutions" / "04-attention.md"
    monkeypatch.chdir(tmp_path)
    assert find_page("4") == page, "beside the package"
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "04-mine.md").write_text("mine")
    assert find_page("4") == Path("docs/04-mine.md"), "here comes first"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["15"], "There is no chapter 15. There are: 01-number-to-beat, 02-tokenizer,"),
        (["attention"], "There is no chapter attention. There are: 01-"),
        ([""], "There is no chapter . There are: 01-"),
        (["docs/04.md"], "There is no page docs/04.md."),
        (["4", "--output", "a.txt"], "--output must end in .ipynb (a notebook) or .py (a script), but it is a.txt."),
        (["papers"], "papers.md has no example to run, so there is nothing for a notebook."),
        (["4", "--output", "there.py"], "there.py is there already and may hold your notes: name another file with"),
    ],
)
def test_a_mistake_is_a_sentence(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.py").write_text("my notes")
    assert main(["notebook", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("there.py", "my notes")]


def test_without_the_book_one_is_told_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tests.book.notebook.__file__", str(tmp_path / "site-packages" / "nano_bert" / "notebook.py"))
    with pytest.raises(ValueError, match="The book is not here"):
        find_page("4")


def test_the_command_writes_a_notebook_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["notebook", "4"]) == 0
    assert capsys.readouterr().out.startswith("Written to 04-attention.ipynb.")
    nbformat.validate(nbformat.read(tmp_path / "04-attention.ipynb", as_version=4))
    assert [path.name for path in tmp_path.iterdir()] == ["04-attention.ipynb"]
