"""Lighthouse over pages of the book, with Node.js: `python -m tests.browser.lighthouse [page ...]`."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.browser.site import CHROMIUM, build, serve

PAGES = ["index.html", "04-attention.html", "13-looking-inside.html", "api.html"]
LIMIT = 0.95


def scores(address: str) -> dict[str, float]:
    """What Lighthouse gives a page, from 0 to 1, by category."""
    command = ["npx", "--yes", "lighthouse@12", address, "--output=json", "--quiet", "--preset=desktop"]
    command += [
        "--chrome-flags=--headless --no-sandbox",
        "--only-categories=performance,accessibility,best-practices,seo",
    ]
    settings = {**os.environ, "CHROME_PATH": str(CHROMIUM)} if CHROMIUM.exists() else None
    report = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, env=settings).stdout)
    return {name: category["score"] for name, category in report["categories"].items()}


if __name__ == "__main__":
    low = False
    with tempfile.TemporaryDirectory() as folder, serve(build(Path(folder))) as book:
        for page in sys.argv[1:] or PAGES:
            found = scores(book + page)
            low |= min(found.values()) < LIMIT
            print(f"{page:28}", *(f"{name} {score:.2f}" for name, score in found.items()), sep="  ")
    sys.exit(low)
