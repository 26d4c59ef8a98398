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
def test_the_keyboard_alone_reaches_everything(name: str, book: str, browser: Browser) -> None:
    with tab(browser) as page:
        visit(page, book + name)
        wanted = page.evaluate("""() => {
            const all = document.querySelectorAll(".md-content :is(a[href], button, summary, input, [tabindex='0'])")
            const seen = [...all].filter((element) => element.checkVisibility({ visibilityProperty: true }))
            seen.forEach((element, number) => { element.dataset.number = number })
            return seen.length
        }""")
        reached: set[str] = set()
        for _ in range(wanted + 150):
            page.keyboard.press("Tab")
            number = page.evaluate("document.activeElement.dataset.number")
            if number is not None:
                reached.add(number)
        missed = set(map(str, range(wanted))) - reached
        shown = [page.evaluate(f"document.querySelector('[data-number=\"{number}\"]').outerHTML") for number in missed]
    assert not missed, "\n".join(shown)


@pytest.mark.parametrize("name", pages())
def test_a_page_weighs_little(name: str, book: str, browser: Browser) -> None:
    weights: dict[str, int] = {}
    with tab(browser) as page:
        page.on("response", lambda answer: weights.update({answer.url: int(answer.headers.get("content-length", 0))}))
        page.goto(book + name, wait_until="networkidle")
    assert 0 < sum(weights.values()) < LIMIT, "\n".join(f"{n:8} {url}" for url, n in weights.items())
