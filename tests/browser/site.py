"""The book as its readers meet it: built, served compressed as on the web, and opened in Chromium."""

import functools
import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mkdocs.config import load_config
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = Path(
    "/usr/bin/chromium"
)  # Debian's; where there is none, the one that `playwright install chromium` fetches
# The browser itself asks for nothing: what is asked for is asked for by a page.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
COMPRESSED = (".html", ".css", ".js", ".json", ".svg", ".xml", ".txt")  # as GitHub Pages does


def build(folder: Path) -> Path:
    """Build the book into a folder."""
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    return folder


def pages() -> list[str]:
    """Every page of the navigation, in order: `index.html`, `how-to-read.html`, ..."""

    def leaves(entry: Any) -> Iterator[str]:
        if isinstance(entry, str):
            yield str(Path(entry).with_suffix(".html").as_posix())
        else:
            for child in entry.values() if isinstance(entry, dict) else entry:
                yield from leaves(child)

    return list(leaves(load_config(str(ROOT / "mkdocs.yml")).nav))


@functools.cache
def compressed(path: Path) -> bytes:
    """A file as it travels."""
    return gzip.compress(path.read_bytes(), mtime=0)


class Handler(SimpleHTTPRequestHandler):
    """Files of a folder, compressed where a host on the web compresses them."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            path /= "index.html"
        if path.suffix not in COMPRESSED or not path.is_file():
            return super().do_GET()
        body = compressed(path)
        self.send_response(200)
        for name, value in (
            ("Content-Type", self.guess_type(str(path))),
            ("Content-Encoding", "gzip"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "max-age=600"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of this machine; gives the address, which ends in a slash."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Open the browser."""
    with sync_playwright() as playwright:
        path = str(CHROMIUM) if CHROMIUM.exists() else None
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def tab(browser: Browser, width: int = 1280, height: int = 900, **settings: Any) -> Iterator[Page]:
    """Open a page in a context of its own, with nothing in its cache; settings such as `color_scheme="dark"`."""
    context = browser.new_context(viewport={"width": width, "height": height}, **settings)
    yield context.new_page()
    context.close()


def visit(page: Page, address: str) -> None:
    """Go to a page and wait until its scripts have run and its fonts have come; then open all that can be opened."""
    page.goto(address, wait_until="networkidle")
    page.evaluate("document.fonts.ready.then(() => null)")
    page.evaluate("document.querySelectorAll('.md-content details').forEach((answer) => { answer.open = true })")
