"""The pages of the book as they are: they can be read, and who changed an output would be found."""

import random
from pathlib import Path

import pytest

from tests.book.pages import Block, read_docstrings, read_page
from tests.book.planted import PAGES, ROOT
from tests.book.reader import Reader
from tests.book.repl import mutants


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_changed_output_of_a_real_page_is_seen(path: Path, tmp_path: Path) -> None:
    """One output of the page's first blocks, chosen anew by the text of the page, is changed for good."""
    page = read_page(path)
    blocks = [step for step in page.steps[:3] if isinstance(step, Block)]
    shown = [(k, example) for k, block in enumerate(blocks) for example in block.examples if example.want]
    if not shown:
        return
    draw = random.Random(path.read_text(encoding="utf-8"))
    index, example = draw.choice(shown)
    lines = path.read_text(encoding="utf-8").split("\n")
    lines[example.want_lines] = draw.choice(list(mutants("\n".join(lines[example.want_lines])))).split("\n")
    changed = tmp_path / path.name
    changed.write_text("\n".join(lines), encoding="utf-8")
    reader, mutated = Reader(ROOT), read_page(changed)
    step = page.steps.index(blocks[index])
    assert example.line in [line for line, _ in reader.check_block(mutated, step)]
    reader.close()


def test_every_docstring_and_page_of_the_project_can_be_read() -> None:
    modules = sorted((ROOT / "nano_bert").glob("*.py"))
    pages = [read_page(path) for path in PAGES] + [page for path in modules for page in read_docstrings(path)]
    assert [(page.path, fault) for page in pages for fault in page.faults] == []
