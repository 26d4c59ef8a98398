"""What a key press costs in the live BERT, until everything is drawn anew: `python -m tests.browser.live_speed`.

In headless Chromium, in a text of 32 words and of 128, with the trained model and all stages open. "busy" is the time
for which the page's main thread kept a processor busy, for each key press, in the median round: it is what is held
against the limits, since it depends little on what else the machine has to do. "median" is the time from the key to the
end of the frame that shows its numbers, in the quietest round; it means something when the load is below the number of
cores. The record is `docs/results/live-speed.json`.
"""

import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.browser.site import CHROMIUM, FLAGS, ROOT, build, serve, visit

RECORD = ROOT / "docs" / "results" / "live-speed.json"
LIMITS = {32: 16.0, 128: 100.0}  # words, milliseconds
ROUNDS, PRESSES, WARM_UP = 8, 25, 10
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


def press(page: Page, times: int) -> list[float]:
    """Press keys, and return how long each took."""
    page.evaluate("window.times = []")
    for number in range(times):
        page.keyboard.press("Backspace" if number % 2 else "s")
        page.evaluate("window.drawn")
    return page.evaluate("window.times")


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
            press(page, WARM_UP)
            rounds: list[tuple[float, float]] = []
            for _ in range(ROUNDS):
                before = busy()
                median = statistics.median(press(page, PRESSES))
                rounds.append((round(median, 1), round((busy() - before) / PRESSES, 1)))
            found[str(n_words)] = {
                "busy": round(statistics.median(spent for _, spent in rounds), 1),
                "median": min(median for median, _ in rounds),
            }
        found["browser"] = f"Chromium {browser.version}"
        browser.close()
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, serve(build(Path(folder))) as address:
        times = measure(address)
    about = "the live BERT, milliseconds for each key press: busy, and from the key to the frame that shows its numbers"
    machine = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    record = {"about": about, **times, "machine": machine}
    print(json.dumps(record, indent=1))
    slow = [n_words for n_words, limit in LIMITS.items() if times[str(n_words)]["busy"] >= limit]
    if slow:
        sys.exit(f"Too slow, so no record was written: {slow} words.")
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
