"""The pages of the book as they are: they can be read, and who changed an output would be found."""

import random
from pathlib import Path

import pytest

from tests.book.pages import Block, read_docstrings, read_page
from tests.book.planted import PAGES, ROOT
from tests.book.reader import Reader
from tests.book.repl import mutants


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
@pytest.mark.parametrize("n_blocks", [1, pytest.param(None, marks=pytest.mark.slow)], ids=["first block", "any block"])
def test_a_changed_output_of_a_real_page_is_seen(path: Path, n_blocks: int | None, tmp_path: Path) -> None:
    """One output, chosen anew by the text of the page, is changed for good."""
    page = read_page(path)
    blocks = [step for step in page.steps if isinstance(step, Block) and any(e.want for e in step.examples)]
    shown = [(block, example) for block in blocks[:n_blocks] for example in block.examples if example.want]
    if not shown:
        return
    draw = random.Random(page.text)
    block, example = draw.choice(shown)
    lines = page.text.split("\n")
    lines[example.want_lines] = draw.choice(list(mutants("\n".join(lines[example.want_lines])))).split("\n")
    changed = tmp_path / path.name
    changed.write_text("\n".join(lines), encoding="utf-8")
    reader = Reader(ROOT)
    assert example.line in [line for line, _ in reader.check_block(read_page(changed), page.steps.index(block))]
    reader.close()


def test_every_docstring_and_page_of_the_project_can_be_read() -> None:
    modules = sorted((ROOT / "nano_bert").rglob("*.py"))
    pages = [read_page(path) for path in PAGES] + [page for path in modules for page in read_docstrings(path)]
    assert [(page.path, fault) for page in pages for fault in page.faults] == []
