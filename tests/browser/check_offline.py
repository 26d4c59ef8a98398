"""No page asks another host for anything, misses a file, or has an error in a script: on the web and in a folder."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Request, Response

from tests.browser.site import pages, tab, visit


@pytest.mark.parametrize("where", ["on the web", "in a folder"])
@pytest.mark.parametrize("name", pages())
def test_a_page_needs_nothing_from_elsewhere(name: str, where: str, book: str, folder: Path, browser: Browser) -> None:
    book = book if where == "on the web" else f"{folder.as_uri()}/"
    wrong: list[str] = []
    asked: list[str] = []

    def ask(asking: Request) -> None:
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
        page.on("request", ask)
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
        # (The network was idle once already, and to wait for that again would be to wait for nothing.)
        page.wait_for_function("[...document.images].every((image) => image.complete)")
        assert page.evaluate("[...document.images].every((image) => image.naturalWidth)")
    assert not wrong, "\n".join(wrong)
    assert any("/search_index.js" in address for address in asked), "the search was not used"


def test_what_the_theme_offers_works_in_a_folder(folder: Path, browser: Browser) -> None:
    """Dark and light, and what has been copied; the release is a zip that is read so."""
    with tab(browser, color_scheme="light") as page:
        visit(page, f"{folder.as_uri()}/04-attention.html")
        page.locator("label[for='__palette_1']").click()
        assert page.evaluate("document.body.dataset.mdColorScheme") == "slate"
        page.locator(".md-content button[data-clipboard-target]").first.click()
        page.locator(".md-dialog", has_text="Copied").wait_for()
