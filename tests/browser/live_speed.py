"""How long a key press takes in the live BERT, until everything is drawn anew: `python -m tests.browser.live_speed`.

From the key to the end of the frame that shows its numbers, in headless Chromium, without waiting for a screen: the
median of a hundred key presses in a text of 32 words and of 128, with the trained model and all stages open. Beside it
stands the time for which the page kept a processor busy, which other programs on the machine change less. The record is
`docs/results/live-speed.json`.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.browser.site import CHROMIUM, FLAGS, ROOT, build, serve, visit

RECORD = ROOT / "docs" / "results" / "live-speed.json"
LIMITS = {32: 16.0, 128: 100.0}  # words, milliseconds
PRESSES, WARM_UP = 100, 10
SENTENCE = "I expected a masterpiece and what I got was a boring predictable mess that nobody should see twice "
WATCH = """() => {
    window.times = []
    let start = 0
    addEventListener("keydown", () => { start = performance.now() }, true)
    addEventListener("input", () => {
        window.drawn = new Promise((resolve) => requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel()
            port1.onmessage = () => resolve(window.times.push(performance.now() - start))
            port2.postMessage(0) // comes when the frame is drawn
        }))
    })
}"""


def measure(book: str) -> dict[str, Any]:
    """Press keys in texts of each length."""
    found: dict[str, Any] = {}
    with sync_playwright() as playwright:
        path = str(CHROMIUM) if CHROMIUM and Path(CHROMIUM).exists() else None
        flags = [*FLAGS, "--disable-frame-rate-limit", "--disable-gpu-vsync"]
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        visit(page, book + "live.html")
        page.get_by_role("button", name="trained on reviews").click()
        page.wait_for_function("document.querySelector('.live-answer').textContent.includes('ive')")
        page.evaluate(WATCH)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})

        def busy() -> float:
            metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
            return 1000 * metrics["TaskDuration"]

        for n_words in LIMITS:
            page.locator(".live-text").fill(" ".join((SENTENCE * 9).split()[:n_words]))
            before = 0.0
            for press in range(WARM_UP + PRESSES):
                if press == WARM_UP:
                    page.evaluate("window.times = []")
                    before = busy()
                page.keyboard.press("Backspace" if press % 2 else "s")
                page.evaluate("window.drawn")
            spent = (busy() - before) / PRESSES
            low, middle, high = (round(time, 1) for time in statistics.quantiles(page.evaluate("window.times"), n=4))
            found[str(n_words)] = {"median": middle, "quartiles": [low, high], "busy": round(spent, 1)}
        found["browser"] = f"Chromium {browser.version}"
        browser.close()
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, serve(build(Path(folder))) as address:
        times = measure(address)
    record = {
        "about": "the live BERT: milliseconds from a key press to the end of the frame that shows its numbers",
        **times,
    }
    print(json.dumps(record, indent=1))
    slow = [n_words for n_words, limit in LIMITS.items() if times[str(n_words)]["median"] >= limit]
    if slow:
        sys.exit(f"Slower than it should be, so no record was written: {slow} words.")
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
