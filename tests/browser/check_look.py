"""A look into a model, in a real browser: it asks for nothing, shows what it holds, and axe-core finds no fault."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from nano_bert.look import look_into
from nano_bert.pencil import SENTENCE
from tests.browser.site import tab


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_works_by_itself(width: int, scheme: str, tmp_path: Path, browser: Browser) -> None:
    path = look_into("imdb-laptop", SENTENCE).save(tmp_path / "look.html")
    wrong: list[str] = []
    with tab(browser, width=width, color_scheme=scheme) as page:
        page.on("request", lambda request: wrong.append(request.url))
        page.on("console", lambda said: wrong.append(said.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(path.as_uri())
        page.get_by_role("group", name="Tokens that look").get_by_role("button", name="bad").click()
        said = page.get_by_role("status").inner_text()
        page.get_by_role("group", name="Tokens that are looked at").get_by_role("button", name="not").click()
        assert "“bad” looks at “not”: 0." in page.get_by_role("status").inner_text()
        assert said.startswith("“bad” looks at")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert not Axe().run(page).response["violations"]
    assert wrong == [path.as_uri()]
