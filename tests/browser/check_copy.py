"""What the copy buttons and the mouse take from a page is what a plain `python` wants, in every version of it.

The interpreters are those of BOOK_PYTHONS, paths parted as in PATH; without it, the one that runs the tests.
"""

import os
import re
import sys

import pytest
from playwright.sync_api import Browser, Page

from tests.book.pages import Block, read_page
from tests.book.repl import HEADER, agrees
from tests.browser.prompt import ROOT, Session, paste_all
from tests.browser.site import pages, tab, visit

PYTHONS = [python for python in os.environ.get("BOOK_PYTHONS", sys.executable).split(os.pathsep) if python]
BUTTON = ".md-content [data-clipboard-target]"
ERROR = re.compile(re.escape(HEADER) + r"(?:[ .].*\n)*(\w+)")


def click_all(page: Page) -> list[tuple[str, str]]:
    """Click every copy button in order; gives what is shown, and what is then on the clipboard."""
    found: list[tuple[str, str]] = []
    for button in page.locator(BUTTON).all():
        target = button.get_attribute("data-clipboard-target")
        page.evaluate("navigator.clipboard.writeText('nothing was copied')")
        button.dispatch_event("click")
        page.wait_for_function("navigator.clipboard.readText().then((text) => text != 'nothing was copied')")
        shown = page.evaluate("(target) => document.querySelector(target).textContent", target)
        found.append((shown, page.evaluate("navigator.clipboard.readText()")))
    return found


def open_page(page: Page, address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit(page, address)


@pytest.mark.parametrize("name", pages())
def test_what_is_copied_runs_at_the_prompt_of_every_python(name: str, book: str, browser: Browser) -> None:
    with tab(browser) as page:
        open_page(page, book + name)
        copied = click_all(page)
    written = read_page((ROOT / "docs" / name).with_suffix(".md"))
    blocks = ["".join(example.source for example in step.examples) for step in written.steps if isinstance(step, Block)]
    typed = [text for shown, text in copied if shown.startswith(">>> ")]
    rest = iter(typed)  # between the blocks of the page stand those of the docstrings that it embeds
    assert all(any(block == text for text in rest) for block in blocks), "a block is not copied as it is written"
    assert not [text for text in typed if re.search(r"^(>>>|\.\.\.)( |$)", text, re.MULTILINE)], "prompts were copied"
    assert all(shown.strip() == text.strip() for shown, text in copied if not shown.startswith(">>> "))
    if typed:
        examples = [shown for shown, _ in copied if shown.startswith(">>> ")]
        for python in PYTHONS:
            usual = paste_all(python, typed)
            check(python, examples, usual)
            if not usual.shows_all:  # then how-to-read names a prompt that does
                check(f"{python}, basic prompt", examples, basic := paste_all(python, typed, basic=True))
                assert basic.shows_all


def check(prompt: str, examples: list[str], session: Session) -> None:
    """What a prompt printed is what the page shows; of a prompt that does not show all, only errors are compared."""
    meant = [error for shown in examples for error in ERROR.findall(shown)]
    assert [error.partition(":")[0] for error in session.errors] == meant, f"{prompt}:\n" + "\n".join(session.errors)
    assert len(session.outputs) == len(examples)
    for shown, output in zip(examples, session.outputs, strict=True):
        wanted = outputs_of(shown)
        printed = "\n".join(line.rstrip() for line in output.splitlines()).rstrip()
        assert not session.shows_all or agrees(wanted, printed), f"{prompt} prints\n{printed}\nand not\n{wanted}"


def outputs_of(shown: str) -> str:
    """What a page shows under its prompts; a traceback is no output."""
    outputs = re.split(r"^(?:>>>|\.\.\.)(?: .*)?$\n?", shown, flags=re.MULTILINE)
    return "".join(output for output in outputs if not output.startswith(HEADER.strip())).rstrip()


@pytest.mark.parametrize("name", pages())
def test_the_mouse_selects_neither_prompts_nor_outputs(name: str, book: str, browser: Browser) -> None:
    select = """(code) => {
        const selection = getSelection()
        selection.selectAllChildren(code)
        return [code.textContent, selection.toString()]
    }"""
    with tab(browser) as page:
        open_page(page, book + name)
        for code in page.locator(".md-content code:has(.gp)").all():
            shown, selected = code.evaluate(select)
            typed = [line[4:] for line in shown.split("\n") if re.match(r"(>>>|\.\.\.)( |$)", line)]
            assert [line for line in selected.split("\n") if line] == [line for line in typed if line]
