"""No page asks another host for anything, misses a file, or has an error in its scripts."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Request, Response

from tests.browser.site import pages, tab, visit


@pytest.mark.parametrize("name", pages())
def test_a_page_needs_nothing_from_elsewhere(name: str, book: str, browser: Browser) -> None:
    wrong: list[str] = []
    asked: list[str] = []

    def request(asking: Request) -> None:
        asked.append(asking.url)
        if urlsplit(asking.url).scheme not in ("data", "blob") and not asking.url.startswith(book):
            wrong.append(f"asks another host: {asking.url}")

    def response(answer: Response) -> None:
        if answer.status >= 400:
            wrong.append(f"{answer.status}: {answer.url}")

    def message(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            wrong.append(f"console: {said.text}")

    with tab(browser) as page:
        page.on("request", request)
        page.on("response", response)
        page.on("requestfailed", lambda failed: wrong.append(f"failed: {failed.url} {failed.failure}"))
        page.on("console", message)
        page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
        visit(page, book + name)
        page.keyboard.press("/")  # the theme's key for its search
        page.keyboard.type("attention", delay=20)
        page.locator(".md-search-result__item").first.wait_for()
        # To its end: what is loaded only when it is seen is loaded now.
        page.evaluate("document.querySelectorAll('.md-content img').forEach((image) => { image.loading = 'eager' })")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth)")
    assert not wrong, "\n".join(wrong)
    assert any("/search_index.json" in address for address in asked), "the search was not used"
