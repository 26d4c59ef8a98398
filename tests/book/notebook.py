"""A page of the book as a notebook, or as a script in cells: made from the page, never a second source.

Prose becomes Markdown cells, with the figures inside, so that the file can travel alone. Examples become code cells,
each up to an output, which stands below as the page shows it. An answer stays behind its click, and its code prints
only when you run it. Where a page shows the code of the package, a cell prints it.
"""

import argparse
import base64
import html
import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nano_bert.pretrained.files import write_atomically

TRACEBACK = "Traceback (most recent call last):\n"

ANSWER = re.compile(r'^<details markdown="1">\n<summary>([^\n]*)</summary>$(.*?)^</details>$', re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```pycon\n(.*?)^```$|^::: ([\w.]+)((?:\n {4}[^\n]*)*)", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^>>> ?(.*\n(?:\.\.\.(?: .*)?\n)*)((?:(?!>>>).*\n)*)", re.MULTILINE)  # source, output
FIGURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+\.svg)\)")
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\((?!\w+:)[\w./-]*(?:\.(?:md|json)|#[\w.-]+)\)")


@dataclass
class Cell:
    """A piece of a page.

    Args:
        source: Markdown, or lines of Python without their prompts.
        is_code: Whether it is Python.
        output: What the page shows below the code; only the last line of code has printed something.
        hidden: Whether it is part of an answer, which the reader has not opened yet.
    """

    source: str
    is_code: bool
    output: str = ""
    hidden: bool = False


def read_cells(page: str) -> list[Cell]:
    r"""Cut a page into cells.

    Args:
        page: Markdown, as it stands in the book.

    Examples:
        >>> from tests.book.notebook import read_cells
        >>> for cell in read_cells("Add them:\n\n```pycon\n>>> a = 1\n>>> a + 1\n2\n>>> b = 3\n```\n"):
        ...     print(cell)
        ...
        Cell(source='Add them:', is_code=False, output='', hidden=False)
        Cell(source='a = 1\na + 1', is_code=True, output='2', hidden=False)
        Cell(source='b = 3', is_code=True, output='', hidden=False)
    """
    prose, *answers = ANSWER.split(page)
    cells = list(_cut(prose))
    for summary, answer, after in zip(answers[::3], answers[1::3], answers[2::3], strict=True):
        inside = list(_cut(answer))
        if inside and inside[0].is_code:
            cells.append(Cell(f"**{summary}:** run the next cell.", is_code=False))
        for cell in inside:
            closed = f"<details>\n<summary>{summary}</summary>\n\n{cell.source}\n\n</details>"
            cells.append(replace(cell, hidden=True) if cell.is_code else replace(cell, source=closed))
        cells += _cut(after)
    return cells


def _cut(text: str) -> Iterator[Cell]:
    """Cut where Markdown ends and code begins."""
    prose, *parts = CODE.split(text)
    if prose.strip():
        yield Cell(prose.strip(), is_code=False)
    for examples, shown, options, after in zip(*(parts[start::4] for start in range(4)), strict=True):
        yield from [_show_source(shown, options)] if shown else _split_examples(examples)
        if after.strip():
            yield Cell(after.strip(), is_code=False)


def _split_examples(examples: str) -> list[Cell]:
    """End a cell after each output, and give an example that fails a cell of its own."""
    cells = list[Cell]()
    for example in EXAMPLE.finditer(examples):
        source, output = re.sub(r"^\.\.\. ?", "", example[1], flags=re.MULTILINE), example[2].rstrip()
        if cells and not cells[-1].output and TRACEBACK not in output:
            source = cells.pop().source + source
        cells.append(Cell(source, is_code=True, output=output))
    return [replace(cell, source=cell.source.rstrip()) for cell in cells]


def _show_source(name: str, options: str) -> Cell:
    """Print what the page embeds: the members that its options list, or all that the name stands for."""
    members = re.search(r"members: \[(.*)\]", options)
    module, _, last = name.rpartition(".")
    module, names = (name, members[1].split(", ")) if members else (module, [last])
    prints = "\n".join(f"print(inspect.getsource({name}))" for name in names)
    return Cell(f"import inspect\nfrom {module} import {', '.join(names)}\n\n{prints}", is_code=True)


def make_notebook(cells: list[Cell], folder: Path) -> str:
    """Return a notebook (Jupyter's format, version 4.5) as JSON.

    Args:
        cells: What `read_cells` gives.
        folder: Where the page stands, so that its figures are found.
    """
    made = list[dict[str, Any]]()
    for number, cell in enumerate(cells, 1):
        kept: dict[str, Any] = {"id": f"cell-{number}", "metadata": {}}
        if cell.is_code:
            kept |= {"cell_type": "code", "execution_count": None, "source": cell.source}
            kept["outputs"] = [] if cell.hidden else list(_outputs(cell.output))
            if cell.hidden:
                kept["metadata"]["jupyter"] = {"source_hidden": True}
            if TRACEBACK in cell.output:
                kept["metadata"]["tags"] = ["raises-exception"]
        else:
            prose = FIGURE.sub(lambda figure: _embed(figure[1], folder / figure[2]), _loosen(cell.source))
            kept |= {"cell_type": "markdown", "source": prose}
        made.append(kept)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    about = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook = {"cells": made, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _loosen(prose: str) -> str:
    """Leave out what leads to other pages, and the mark of a callout, which stays a quote."""
    return re.sub(r"^> \[!\w+\]\n", "", LINK.sub(r"\1", prose), flags=re.MULTILINE)


def _outputs(output: str) -> Iterator[dict[str, Any]]:
    printed, fails, said = output.partition(TRACEBACK)
    if printed:
        yield {"output_type": "stream", "name": "stdout", "text": printed}
    if fails:
        name, _, message = said.removeprefix("    ...\n").partition(": ")
        yield {"output_type": "error", "ename": name, "evalue": message, "traceback": [fails + said]}


def _embed(alt: str, figure: Path) -> str:
    """Return an image that holds its figure: in a Markdown image or an attachment, not every editor shows an SVG."""
    data = base64.b64encode(figure.read_bytes()).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{data}">'


def make_script(cells: list[Cell]) -> str:
    """Return a script whose cells begin with `# %%`, as VS Code, Spyder and PyCharm read it. Prose is comments.

    What fails on the page fails in the script, too: it says how, and goes on.

    Args:
        cells: What `read_cells` gives.
    """
    made = list[str]()
    for cell in cells:
        if not cell.is_code:
            prose = re.sub(r"</?(?:details|summary)>", "", _loosen(cell.source)).strip()
            made.append("# %% [markdown]\n" + "\n".join(f"# {line}".rstrip() for line in prose.split("\n")))
        elif TRACEBACK in cell.output:
            attempt = textwrap.indent(cell.source, "    ")
            told = 'print(f"{type(error).__name__}: {error}")'
            made.append(f"# %%\ntry:\n{attempt}\nexcept Exception as error:\n    {told}")
        else:
            made.append(f"# %%\n{cell.source}")
    return "\n\n".join(made) + "\n"


def find_page(chapter: str) -> Path:
    """Return the file of a page.

    Args:
        chapter: Its number (`"4"`), its name (`"04-attention"`), or its file (`"docs/04-attention.md"`). The first
            two are looked for in the folder `docs` here, then in that of the clone that the package stands in.

    Raises:
        ValueError: If there is no such page; the message lists the chapters.
    """
    if chapter.endswith(".md"):
        if not Path(chapter).is_file():
            raise ValueError(f"There is no page {chapter}.")
        return Path(chapter)
    books = [Path("docs"), Path(__file__).parents[1] / "docs"]
    names = sorted(books[0].glob("[0-9][0-9]-*.md")) or sorted(books[1].glob("[0-9][0-9]-*.md"))
    if not names:
        raise ValueError("The book is not here: start this in a clone of its repository, or give the file of a page.")
    wanted = f"{int(chapter):02}-" if chapter.isdecimal() else f"{chapter}.md"
    found = [page for page in names if page.name.startswith(wanted)] or [names[0].parent / wanted]
    if not found[0].is_file():
        raise ValueError(f"There is no chapter {chapter}. There are: {', '.join(page.stem for page in names)}.")
    return found[0]


def write_notebook(chapter: str, output: str | Path | None = None) -> Path:
    """Make a notebook, or a script, of a page. A file that is there already may hold your notes, and is left alone.

    Args:
        chapter: The page, as for `find_page`.
        output: A name that ends in `.ipynb` or `.py`; by default that of the page, as a notebook, here.

    Returns:
        The new file.

    Raises:
        ValueError: If there is no such page, or it has nothing to run, or the output has another ending.
        FileExistsError: If the output is there already.
    """
    page = find_page(chapter)
    path = Path(output or f"{page.stem}.ipynb")
    if path.suffix not in (".ipynb", ".py"):
        raise ValueError(f"--output must end in .ipynb (a notebook) or .py (a script), but it is {path}.")
    if path.exists():
        raise FileExistsError(f"{path} is there already and may hold your notes: name another file with --output.")
    cells = read_cells(page.read_text(encoding="utf-8"))
    if not any(cell.is_code for cell in cells):
        raise ValueError(f"{page} has no example to run, so there is nothing for a notebook.")
    write_atomically(path, make_script(cells) if path.suffix == ".py" else make_notebook(cells, page.parent))
    return path


def run_notebook(options: argparse.Namespace) -> None:
    """Do what the command `nano-bert notebook` says."""
    path = write_notebook(options.chapter, options.output)
    print(f"Written to {path}. {'VS Code and Jupyter open' if path.suffix == '.ipynb' else 'VS Code opens'} it.")
