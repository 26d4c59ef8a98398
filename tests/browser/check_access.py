"""Everybody can read the book: axe-core finds no fault, the keyboard reaches everything, and a page weighs little."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.site import pages, tab, visit

# The faults of the theme itself that stay: (rule, where), with the reason.
KNOWN: dict[tuple[str, str], str] = {}
LIMIT = 500_000  # bytes of a chapter at first load, as they travel


def faults(page: Page) -> Iterator[str]:
    """What axe-core finds: the rule, the place, and what stands there."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    for violation in found:
        for node in violation["nodes"]:
            place = " ".join(map(str, node["target"]))
            if (violation["id"], place) not in KNOWN:
                yield f"{violation['id']}: {place}: {node['html'][:200]}: {node['failureSummary']}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", pages())
def test_axe_finds_no_fault(name: str, scheme: str, book: str, browser: Browser) -> None:
    for width in (1280, 400):
        with tab(browser, width=width, color_scheme=scheme) as page:
            visit(page, book + name)
            assert not list(faults(page)), f"at a width of {width}:\n" + "\n".join(faults(page))


@pytest.mark.parametrize("name", pages())
def test_no_page_is_wider_than_a_phone(name: str, book: str, browser: Browser) -> None:
    with tab(browser, width=400) as page:
        visit(page, book + name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.parametrize("name", pages())
def test_no_line_of_an_example_is_cut(name: str, book: str, browser: Browser) -> None:
    with tab(browser, width=1280) as page:
        visit(page, book + name)
        cut: list[str] = page.evaluate("""() => {
            for (const fold of document.querySelectorAll(".md-content details")) fold.open = true
            const codes = [...document.querySelectorAll(".md-content pre > code")]
            const cut = (code) => !code.closest(".doc") && code.scrollWidth > code.clientWidth
            return codes.filter(cut).map((code) => code.textContent)
        }""")
    assert not cut, "\n".join(max(code.splitlines(), key=len) for code in cut)


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", pages())
def test_the_keyboard_alone_reaches_everything(name: str, width: int, book: str, browser: Browser) -> None:
    with tab(browser, width=width) as page:
        visit(page, book + name)
        wanted = page.evaluate("""() => {
            const all = document.querySelectorAll(".md-content :is(a[href], button, summary, input, [tabindex='0'])")
            const seen = [...all].filter((element) => element.checkVisibility({ visibilityProperty: true }))
            seen.forEach((element, number) => { element.dataset.number = number })
            return seen.length
        }""")
        # All that can have the focus, in the content and around it: the list of what stands on a page can be long.
        most = page.evaluate("document.querySelectorAll('a[href], button, input, summary, label, [tabindex]').length")
        reached: set[str] = set()
        unseen: list[str] = []
        for _ in range(most + 20):
            page.keyboard.press("Tab")
            number = page.evaluate("document.activeElement.dataset.number")
            if number is not None:
                reached.add(number)
            unseen += page.evaluate("""() => {
                const { right, left } = document.activeElement.getBoundingClientRect()
                return right < 0 || left > innerWidth ? [document.activeElement.outerHTML.slice(0, 200)] : []
            }""")
        seen = page.evaluate("""() => [...document.querySelectorAll("[data-number]")]
            .filter((element) => element.checkVisibility({ visibilityProperty: true }))
            .map((element) => element.dataset.number)""")  # a live BERT takes the place of a sentence when it is near
        missed = set(seen) & set(map(str, range(wanted))) - reached
        shown = [page.evaluate(f"document.querySelector('[data-number=\"{number}\"]').outerHTML") for number in missed]
    assert not missed, "\n".join(shown)
    assert not unseen, "the Tab key walks through what cannot be seen:\n" + "\n".join(unseen)


def test_the_keyboard_opens_the_drawer_of_a_phone_and_closes_it(book: str, browser: Browser) -> None:
    here = "document.activeElement.closest('.md-sidebar--primary') !== null"
    with tab(browser, width=400) as page:
        visit(page, book + "04-attention.html")
        page.locator(".md-header__button[for='__drawer'] > [role=button]").focus()
        page.keyboard.press("Enter")
        page.wait_for_function("!document.querySelector('.md-sidebar--primary').inert")
        page.wait_for_timeout(500)  # it slides in
        seen: list[str] = []
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate(here):
                seen.append(page.evaluate("document.activeElement.textContent.trim()"))
        assert "5. Masks" in seen
        assert "10. WordPiece" not in seen  # its panel is closed
        page.keyboard.press("Escape")
        page.wait_for_function("document.querySelector('.md-sidebar--primary').inert")
        assert page.evaluate("document.activeElement.parentElement.htmlFor") == "__drawer"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_printed_can_be_read(scheme: str, book: str, browser: Browser) -> None:
    """Links are dark on white, and no page is filled with source code that was behind a click."""
    with tab(browser, color_scheme=scheme) as page:
        visit(page, book + "04-attention.html")
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.wait_for_timeout(500)  # the theme lets colours fade
        link = page.locator(".md-content p a[href]").first
        assert link.evaluate("(link) => getComputedStyle(link).color") == "rgb(31, 95, 174)"
        assert not page.locator(".doc details.mkdocstrings-source pre").first.is_visible()
        assert page.locator(".md-content details:not(.doc *, .draw) pre").first.is_visible()


@pytest.mark.parametrize("name", pages())
def test_a_page_weighs_little(name: str, book: str, browser: Browser) -> None:
    weights: dict[str, int] = {}
    with tab(browser) as page:
        page.on("response", lambda answer: weights.update({answer.url: int(answer.headers.get("content-length", 0))}))
        page.goto(book + name, wait_until="networkidle")
    assert 0 < sum(weights.values()) < LIMIT, "\n".join(f"{n:8} {url}" for url, n in weights.items())
