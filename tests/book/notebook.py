"""A page of the book as a notebook, or as a script in cells: made from the page, never a second source.

    python -m tests.book.notebook 4                          chapter 4 as 04-attention.ipynb
    python -m tests.book.notebook 4 --output attention.py    as a script, whose cells begin with # %%

Prose becomes Markdown cells, with the figures inside, so that the file can travel alone. Examples become code cells,
each up to an output, which stands below as the page shows it. An answer stays behind its click, and its code prints
only when you run it. Where a page shows the code of the package, a cell prints it.
"""

import argparse
import base64
import html
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

DOCS = Path(__file__).parents[2] / "docs"
TRACEBACK = "Traceback (most recent call last):\n"

ANSWER = re.compile(r'^<details markdown="1">\n<summary>([^\n]*)</summary>$(.*?)^</details>$', re.MULTILINE | re.DOTALL)
LIVE = re.compile(r"^</?div\b.*>$", re.MULTILINE)  # around what a reader without the live machine sees
CODE = re.compile(r"^```pycon\n(.*?)^```$|^::: ([\w.]+)((?:\n {4}[^\n]*)*)", re.MULTILINE | re.DOTALL)
EXAMPLES = re.compile(r"((?:(?:>>>|\.\.\.)(?: .*)?\n)+)((?:(?!>>>).*\n)*)")  # those up to an output, and the output
PROMPT = re.compile(r"^(?:>>>|\.\.\.) ?", re.MULTILINE)
FIGURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+\.svg)\)")
INTO_THE_BOOK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\((?!\w+:)[\w./-]*(?:\.(?:md|json)|#[\w.-]+)\)")

PYTHON = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
BARE = {"notebook_metadata_filter": "-all", "cell_metadata_filter": "-all", "comment_magics": False}  # for jupytext
ATTEMPT = 'try:\n{}\nexcept Exception as error:\n    print(f"{{type(error).__name__}}: {{error}}")'


def read_cells(page: Path) -> list[NotebookNode]:
    """Cut a page into the cells of a notebook; a figure is still a link to its file."""
    prose, *answers = ANSWER.split(LIVE.sub("", page.read_text(encoding="utf-8")))
    cells = list(_cut(prose))
    for summary, answer, after in zip(answers[::3], answers[1::3], answers[2::3], strict=True):
        cells += [*_close(summary, list(_cut(answer))), *_cut(after)]
    if all(cell.cell_type == "markdown" for cell in cells):
        raise ValueError(f"{page} has no example to run, so there is nothing for a notebook.")
    for number, cell in enumerate(cells, 1):
        cell.id = f"cell-{number}"  # nbformat's own would be random: the same page gives the same file
    return cells


def _cut(text: str) -> Iterator[NotebookNode]:
    """Cut where Markdown ends and code begins."""
    prose, *parts = CODE.split(text)
    yield from _prose(prose)
    for examples, shown, options, after in zip(*(parts[start::4] for start in range(4)), strict=True):
        yield from [_show_source(shown, options)] if shown else _split_examples(examples)
        yield from _prose(after)


def _prose(text: str) -> Iterator[NotebookNode]:
    """Leave out links to other pages, and the mark of a callout, which stays a quote."""
    text = INTO_THE_BOOK.sub(r"\1", text.strip())
    if text:
        yield new_markdown_cell(re.sub(r"^> \[!\w+\]\n", "", text, flags=re.MULTILINE))


def _split_examples(examples: str) -> Iterator[NotebookNode]:
    """End a cell after each output, and give an example that fails a cell of its own."""
    for prompts, output in EXAMPLES.findall(examples):
        printed, fails, said = output.rstrip().partition(TRACEBACK)
        before, _, last = f"\n{prompts}".rpartition("\n>>> ") if fails else ("", "", prompts)
        if before:
            yield new_code_cell(PROMPT.sub("", before).strip())
        cell = new_code_cell(PROMPT.sub("", last).strip())
        if printed:
            cell.outputs.append(new_output("stream", name="stdout", text=printed))
        if fails:
            name, _, message = said.removeprefix("    ...\n").partition(": ")
            cell.outputs.append(new_output("error", ename=name, evalue=message, traceback=[fails + said]))
            cell.metadata.tags = ["raises-exception"]
        yield cell


def _show_source(name: str, options: str) -> NotebookNode:
    """Print what the page embeds: the members that its options list, or all that the name stands for."""
    members = re.search(r"members: \[(.*)\]", options)
    module, _, last = name.rpartition(".")
    module, names = (name, members[1].split(", ")) if members else (module, [last])
    prints = "\n".join(f"print(inspect.getsource({name}))" for name in names)
    return new_code_cell(f"import inspect\nfrom {module} import {', '.join(names)}\n\n{prints}")


def _close(summary: str, answer: list[NotebookNode]) -> Iterator[NotebookNode]:
    """Put an answer behind its click: its prose is folded, and its code hidden and not yet run."""
    if answer and answer[0].cell_type == "code":
        yield new_markdown_cell(f"**{summary}:** run the next cell.")
    for cell in answer:
        if cell.cell_type == "code":
            yield new_code_cell(cell.source, metadata={**cell.metadata, "jupyter": {"source_hidden": True}})
        else:
            yield new_markdown_cell(f"<details>\n<summary>{summary}</summary>\n\n{cell.source}\n\n</details>")


def make_notebook(page: Path) -> NotebookNode:
    """Return a page as a valid notebook, with its figures inside."""

    def embed(figure: re.Match[str]) -> str:  # in a Markdown image or an attachment, not every editor shows an SVG
        data = base64.b64encode((page.parent / figure[2]).read_bytes()).decode()
        return f'<img alt="{html.escape(figure[1])}" src="data:image/svg+xml;base64,{data}">'

    notebook = new_notebook(cells=read_cells(page), metadata=PYTHON)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = FIGURE.sub(embed, cell.source)
    nbformat.validate(notebook)
    return notebook


def make_script(page: Path) -> str:
    """Return a page as a script in cells, as VS Code, Spyder and PyCharm read it.

    What fails on the page fails in the script, too: it says how, and goes on.
    """
    notebook = new_notebook(cells=read_cells(page), metadata={"jupytext": BARE})
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"</?(?:details|summary)>", "", cell.source).strip()
        elif "raises-exception" in cell.metadata.get("tags", []):
            cell.source = ATTEMPT.format(textwrap.indent(cell.source, "    "))
    return jupytext.writes(notebook, fmt="py:percent")


def find_page(chapter: str) -> Path:
    """Return the file of a page, by its number (`4`), name (`04-attention`) or file (`docs/04-attention.md`)."""
    chapters = sorted(DOCS.glob("[0-9][0-9]-*.md"))
    if chapter.isdecimal():
        found = [page for page in chapters if page.name.startswith(f"{int(chapter):02}-")]
    else:
        found = [page for page in (Path(chapter), DOCS / f"{chapter}.md") if page.suffix == ".md" and page.is_file()]
    if not found:
        raise ValueError(f"There is no page {chapter}. The chapters are {', '.join(page.stem for page in chapters)}.")
    return found[0]


def write_notebook(chapter: str, output: str | Path | None = None) -> Path:
    """Write a page as a notebook (`.ipynb`, by default one with the name of the page) or as a script (`.py`).

    A file that is there already may hold a reader's notes, and is left alone.
    """
    page = find_page(chapter)
    path = Path(output or f"{page.stem}.ipynb")
    if path.suffix not in (".ipynb", ".py"):
        raise ValueError(f"--output must end in .ipynb (a notebook) or .py (a script), but it is {path}.")
    if not path.parent.is_dir():
        raise ValueError(f"There is no folder {path.parent} to write {path.name} into.")
    if path.exists():
        raise FileExistsError(f"{path} is there already and may hold your notes: name another file with --output.")
    text = make_script(page) if path.suffix == ".py" else nbformat.writes(make_notebook(page))
    path.write_text(text.rstrip() + "\n", encoding="utf-8")
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; a mistake is a sentence and exit code 2."""
    parser = argparse.ArgumentParser("python -m tests.book.notebook", description="Make a notebook of a page.")
    parser.add_argument("page", help="the number of a chapter, the name of a page, or its file")
    parser.add_argument("--output", metavar="FILE", help="ends in .ipynb or .py (default: PAGE.ipynb, here)")
    options = parser.parse_args(arguments)
    try:
        path = write_notebook(options.page, options.output)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(f"Written to {path}. {'VS Code and Jupyter open' if path.suffix == '.ipynb' else 'VS Code opens'} it.")


if __name__ == "__main__":
    main()
