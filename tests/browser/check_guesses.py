"""Predictions and exercises are answered by mouse and keyboard, kept in the browser alone, and counted on one page."""

import hashlib
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page

from nano_bert.check import answers
from nano_bert.check.rungs import LADDER
from nano_bert.check.show import shown
from tests.browser.site import ROOT, tab

RIGHT = json.loads((ROOT / "tests" / "check" / "answers.json").read_text(encoding="utf-8"))
PAGE = "02-tokenizer.html"  # its first prediction is a number, its second has choices


@pytest.fixture
def page(book: str, browser: Browser) -> Iterator[Page]:
    """A chapter, in a browser that has kept nothing."""
    with tab(browser) as opened:
        opened.goto(book + PAGE)
        yield opened


def box(page: Page, number: int) -> Locator:
    return page.locator(".predict").nth(number)


def reply(asking: Locator) -> str:
    return asking.locator(".reply").inner_text()


def counted(page: Page, book: str) -> list[str]:
    """What the page that counts says of the chapter."""
    page.goto(book + "progress.html")
    return page.locator("tr", has_text="2. Words to ids").locator("td").all_inner_texts()


def test_a_wrong_choice_is_told_what_it_overlooks_and_the_right_one_is_right(page: Page, book: str) -> None:
    asking, answer = box(page, 1), page.locator(".predict + details").nth(1)
    asking.get_by_role("button").nth(0).click()
    assert reply(asking).startswith("Not so. The mask takes the five out")
    assert asking.get_by_role("button", pressed=True).count() == 1
    assert answer.get_attribute("open") is None, "an answer opens when the reader opens it"
    page.reload()
    assert asking.get_by_role("button").nth(0).get_attribute("aria-pressed") == "true"
    assert reply(asking).startswith("Not so.")
    asking.get_by_role("button").nth(1).click()
    assert reply(asking) == "Right. The answer says why."
    assert counted(page, book)[:2] == ["1 of 4", "0"], "the first guess was another"


def test_the_keyboard_is_enough(page: Page, book: str) -> None:
    box(page, 0).get_by_role("textbox").focus()
    page.keyboard.type("8")
    page.keyboard.press("Enter")
    assert "The comma is a token of its own" in reply(box(page, 0))
    page.keyboard.press("Control+A")
    page.keyboard.type("12")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert "Each word is one token here" in reply(box(page, 0))
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("nine")
    page.keyboard.press("Enter")
    assert reply(box(page, 0)) == "It asks for numbers, such as 0.5 or 12."
    page.keyboard.press("Control+A")
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    assert reply(box(page, 0)) == "Right. The answer says why."
    page.locator(".predict + details > summary").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")  # past the code of the answer, which is closed
    page.locator(".predict button.choice").nth(1).focus()
    width = "getComputedStyle(document.activeElement).outlineWidth"
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert float(page.evaluate(width).removesuffix("px")) >= 2, "the focus is seen"
    page.keyboard.press("Enter")
    assert reply(box(page, 1)) == "Right. The answer says why."
    assert counted(page, book)[:2] == ["2 of 4", "1"]


def test_an_exercise_is_answered_counted_and_erased(page: Page, book: str) -> None:
    form = page.locator('form[data-key="2.1"]')
    said = page.locator('form[data-key="2.1"] + .reply')
    for typed, says in (
        ("1 10", "It asks for 6 numbers, with blanks between them."),
        ("1 10 3 9 8 1", "Not yet. Go through it once more, step by step."),
        ("[1, 10, 3, 9, 8, 2]", "Right."),
    ):
        form.get_by_role("textbox").fill(typed)
        form.get_by_role("button").click()
        assert said.inner_text().strip() == says
    assert counted(page, book)[2] == "1 of 4"
    page.get_by_role("button", name="Erase everything").click()
    assert page.locator("td").all_inner_texts()[:3] == ["0 of 2", "0", "none"]
    assert page.evaluate("localStorage.getItem('nano-bert: answers')") == "{}"
    page.goto(book + PAGE)
    assert form.get_by_role("textbox").input_value() == ""


def test_the_page_judges_as_the_command_does(book: str, browser: Browser) -> None:
    """Right answers, and a thousand near misses, of every exercise that has an answer."""
    chance = random.Random(0)
    with tab(browser) as page:
        page.goto(book + PAGE)
        for number, known in answers.known().items():
            right = RIGHT[number][2].split()
            asks = {
                "key": number,
                "decimals": "" if known.decimals is None else str(known.decimals),
                "count": str(known.count),
                "fingerprint": known.fingerprint,
            }
            typed = [RIGHT[number][2], ", ".join(right), " ".join(right[1:]), "", "x y", "1e3", "-0.0", "0.5 0.5"]
            for _ in range(25 if known.decimals is not None else 0):
                off = [chance.choice([0, 0, 0.004, -0.01, 0.011, 0.6, -1]) for _ in right]
                typed.append(" ".join(f"{float(word) + by:.4f}" for word, by in zip(right, off, strict=True)))
            ours = [answers.told(number, text.split())[0] for text in typed]
            theirs = page.evaluate("([asks, typed]) => typed.map((text) => Guesses.judged(asks, text))", [asks, typed])
            assert ours[:2] == [True, True]
            assert [one is True for one in theirs] == ours, (number, typed)
        texts = ["", "abc", *(known.fingerprint * 2 for known in answers.known().values()), "\u2212ä" * 11]
        ours = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        assert page.evaluate("(texts) => texts.map(Guesses.sha256)", texts) == ours


def test_rungs_are_ticked_or_read_from_what_the_command_says(page: Page, book: str) -> None:
    page.goto(book + "progress.html")
    page.get_by_role("checkbox", name="15 training step").check()
    reports = [
        {"number": rung.number, "state": state, "says": "", "mistakes": ()}
        for rung, state in zip(LADDER, ["passed", "passed", "failed", *["waits"] * 11, "to do"], strict=True)
    ]
    page.get_by_role("textbox").last.fill(shown("my_bert.py", reports))
    page.get_by_role("button", name="Read it").click()
    assert page.locator(".pasted + .reply").inner_text() == "2 of 15 rungs are right."
    page.reload()
    ticked = page.get_by_role("checkbox", checked=True)
    assert [box.get_attribute("value") for box in ticked.all() if box.is_visible()] == ["1", "2"]
    page.get_by_role("textbox").last.fill("<b>12 right</b>")
    page.get_by_role("button", name="Read it").click()
    assert page.locator(".pasted + .reply").inner_text().startswith("There is no rung in this")


def test_without_javascript_it_is_a_question_a_list_and_an_answer(book: str, browser: Browser) -> None:
    with tab(browser, java_script_enabled=False) as page:
        page.goto(book + PAGE)
        assert (
            box(page, 1).locator("ol > li").all_inner_texts()[2]
            == "It stays either way, because padding means nothing."
        )
        assert not page.locator(".md-content .typed").first.is_visible()
        assert page.locator(".md-content .predict button").count() == page.locator(".predict .typed button").count()
        page.locator(".predict + details > summary").nth(1).click()
        assert page.locator('[data-guess="3"]').first.is_visible()
        page.goto(book + "progress.html")
        assert page.locator("noscript").first.inner_text().startswith("Without JavaScript nothing can be counted")
        assert page.locator("noscript p").first.is_visible()
        assert not page.get_by_role("button", name="Erase everything").is_visible()


def test_where_the_browser_keeps_nothing_it_is_kept_while_the_page_is_open(book: str, browser: Browser) -> None:
    with tab(browser) as page:
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.add_init_script(
            "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } })"
        )
        page.goto(book + PAGE)
        box(page, 1).get_by_role("button").nth(1).click()
        assert reply(box(page, 1)) == "Right. The answer says why."
        assert not [error for error in wrong if "Guesses" in error or "guesses" in error]


@pytest.mark.parametrize("kept", ["[]", "null", "7", "{not json", '{"2.1": 5, "rung 1": null}'])
def test_what_another_hand_has_kept_does_no_harm(kept: str, page: Page, book: str) -> None:
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.evaluate("(kept) => localStorage.setItem('nano-bert: answers', kept)", kept)
    page.reload()
    box(page, 1).get_by_role("button").nth(1).click()
    assert reply(box(page, 1)).startswith("Right.")
    assert counted(page, book)[:2] == ["1 of 4", "1"]
    assert not wrong


def test_a_folder_that_is_opened_as_it_is_works_and_asks_for_nothing(folder: Path, browser: Browser) -> None:
    with tab(browser) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((folder / PAGE).as_uri())
        box(page, 1).get_by_role("button").nth(1).click()
        page.goto((folder / "progress.html").as_uri())
        assert page.locator("tr", has_text="2. Words to ids").locator("td").first.inner_text() == "1 of 4"
        assert all(url.startswith("file:") for url in asked)


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_moves_when_the_script_begins(width: int, book: str, browser: Browser) -> None:
    """Neither on a first visit, nor where the answers of an earlier one come back."""

    def places(page: Page) -> list[object]:
        page.goto(book + PAGE)
        asking = page.locator(".predict, .predict .choice, form.typed, .reply").all()
        return [one.bounding_box() for one in asking]

    with tab(browser, width=width) as page:
        page.route("**/guesses.js", lambda route: route.abort())
        before = places(page)
        page.unroute("**/guesses.js")
        assert places(page) == before
        for form in page.locator("form.typed").all():
            form.get_by_role("textbox").fill("9")
            form.get_by_role("textbox").press("Enter")
        for number in range(box(page, 1).get_by_role("button").count()):
            page.locator(".predict button.choice").nth(number).click()
        assert places(page) == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_axe_finds_no_fault_when_all_is_answered(width: int, scheme: str, book: str, browser: Browser) -> None:
    with tab(browser, width=width, color_scheme=scheme) as page:
        for name in (PAGE, "08-model.html", "progress.html"):
            page.goto(book + name, wait_until="networkidle")
            for number, button in enumerate(page.locator(".predict button.choice").all()):
                if number % 4 != 3:
                    button.click()
            for form in page.locator(".typed").all():
                form.get_by_role("textbox").fill("9")
                form.get_by_role("textbox").press("Enter")
            page.evaluate("document.querySelectorAll('.md-content details').forEach((one) => { one.open = true })")
            violations = Axe().run(page).response["violations"]
            assert not violations, "\n".join(f"{one['id']}: {one['nodes'][0]['html'][:300]}" for one in violations)
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_page_that_comes_without_loading_anew_can_be_answered(page: Page) -> None:
    """As the theme's instant navigation does it: other contents in the same document, and the script is told."""
    page.evaluate("""() => {
        const place = document.querySelector(".md-content")
        const text = place.innerHTML.replace(/ data-ready=""/g, "")
        const button = /<button type="button" class="choice".*?>(.*?)<\\/button>/g
        place.innerHTML = text.replace(button, '<span class="choice">$1</span>')
        Guesses.start()
        Guesses.start()
    }""")
    asking = box(page, 1)
    assert asking.get_by_role("button").count() == 3
    asking.get_by_role("button").nth(1).click()
    assert reply(asking) == "Right. The answer says why."
    assert re.search(r"subscribe\(Guesses\.start\)", (ROOT / "docs" / "assets" / "guesses.js").read_text("utf-8"))
