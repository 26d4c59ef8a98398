"""The live BERT says what Python says: every tensor, every verdict, every sum, on real reviews and on odd inputs."""

import base64
import copy
import functools
import json
import random
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from torch import nn

from nano_bert.data import load_imdb
from nano_bert.data.download import DataError
from nano_bert.model import NanoBertForClassification
from nano_bert.pencil import SENTENCE
from nano_bert.tokenizer.words import WordTokenizer
from nano_bert.training.evaluation import evaluate
from tests.book.live_weights import FOLDER, models
from tests.browser.site import ROOT, tab, visit

PARTS = ["bert", "words", "sums"]  # of the scripts, those that compute
TWIN = "the film was bad not good"

RECEIVE = "window.files = {}; window.models = {}; const Live = { receive: (name, file) => { files[name] = file } }"

# Everything that the page computes of a text, as 32-bit numbers in base64, with its names and shapes.
RUN = """([name, texts]) => {
    const model = (window.models[name] ||= LiveWords.unpack(name, window.files[name]))
    return texts.map((text) => {
        const inputs = LiveWords.inputsOf(LiveWords.encode(model, text))
        const kept = LiveBert.forward(model.weights, model.config, inputs)
        const numbers = new Float32Array(Object.values(kept).flat(2))
        let bytes = ""
        for (const byte of new Uint8Array(numbers.buffer)) bytes += String.fromCharCode(byte)
        const shapes = Object.entries(kept).map(([key, rows]) => [key, rows.length, rows[0].length])
        return { input_ids: inputs.input_ids, shapes, data: btoa(bytes) }
    })
}"""


@functools.cache
def loaded() -> dict[str, tuple[NanoBertForClassification, WordTokenizer]]:
    return {name: (model, tokenizer) for name, (model, tokenizer, _) in models().items()}


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page with the scripts that compute, and both models."""
    with tab(browser) as opened:
        opened.add_script_tag(content=RECEIVE)
        for part in [*PARTS, *loaded()]:
            opened.add_script_tag(path=FOLDER / f"{part}.js")
        yield opened


def odd_texts() -> list[str]:
    """Two hundred texts that nobody meant to type."""
    chance = random.Random(0)
    texts = [
        *("", " ", "\n\t\r", "qwertz asdfgh", "x" * 5_000, "good " * 10_000, "not " * 7, "GOOD Bad nOt"),
        "[MASK] [CLS] [SEP] [PAD] [UNK] [mask]",
        "<b>good</b> <script>alert(1)</script> &amp; <img src=x onerror=alert(1)>",
        *("good\x00bad\x07\x1b[31m", "\x1cgood\x1dbad\x1e \x1f \x85 not", "good\ufeffbad \u200bnot\u200d"),
        *("İstanbul ΣΑΣ ΌΣΟΣ ẞ ß ﬁlm ǅ", "e\u0301 cafe\u0301 naïve", "1½ ² Ⅷ ٣ ① 一二三 _under_score_"),
        *("映画は良かった", "фильм был хороший", "فيلم جيد جدا", "ภาพยนตร์ดีมาก", "영화가 좋았다", "सिनेमा अच्छा था"),
        *("👍🏽👎 ❤️ 👩‍👩‍👧‍👦 🇩🇪", "𝔤𝔬𝔬𝔡 𝟙𝟚 𐐀𐐨"),  # noqa: RUF001
    ]
    known = loaded()["imdb-tiny"][1].id_to_token[5:]
    ranges = ((0x20, 0x7F), (0xA0, 0x250), (0x370, 0x400), (0x2000, 0x2070), (0x3040, 0x30A0))
    letters = ["\t", "\n", *(chr(code) for first, end in ranges for code in range(first, end))]
    while len(texts) < 200:
        words = [
            chance.choice(known) if chance.random() < 0.5 else "".join(chance.choices(letters, k=chance.randint(1, 9)))
            for _ in range(chance.randint(1, 200))
        ]
        texts.append(chance.choice(["", " ", " ", "\n"]).join(words))
    return texts


def hooked(model: NanoBertForClassification, input_ids: Sequence[int]) -> dict[str, torch.Tensor]:
    """What each part of the model makes, under its name, as the page names it."""
    kept: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[torch.Tensor, ...], output: Any) -> None:
            if name.endswith("norm"):
                kept[name.removesuffix(".norm") if name.startswith("bert.embedding") else name] = output
                kept[
                    "bert.embedding.sum" if name.startswith("bert.embedding") else f"{name.removesuffix('_norm')}_sum"
                ] = inputs[0]
            elif isinstance(output, tuple) and ".heads." in name:
                kept[name], kept[f"{name}.weights"] = output
            elif name.endswith("attention.output"):
                kept[name.removesuffix(".output")], kept[f"{name.removesuffix('.output')}.joined"] = output, inputs[0]
            elif isinstance(output, torch.Tensor):
                kept[name] = output

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in model.named_modules() if name]
    ids = torch.tensor(list(input_ids))
    with torch.no_grad():
        logits = model.eval()(ids).logits
    for handle in handles:
        handle.remove()
    tables = model.bert.embedding
    kept = {name: value.detach() for name, value in kept.items()}
    kept["bert.embedding.words"] = tables.words.weight.detach()[ids]
    kept["bert.embedding.positions"] = tables.positions.weight.detach()[: len(ids)]
    kept["bert.embedding.segments"] = tables.segments.weight.detach()[:1].expand(len(ids), -1)
    for name in [name for name in kept if name.endswith(".query")]:
        query, key = kept[name], kept[name.replace("query", "key")]
        kept[name.replace("query", "scores")] = query @ key.T / query.shape[-1] ** 0.5
    kept["pooled"], kept["classifier"] = kept["dropout"], logits
    kept["probabilities"] = logits.softmax(dim=-1)
    return kept


def differences(found: dict[str, Any], model: NanoBertForClassification) -> dict[str, float]:
    """How far each tensor of the page is from Python's, at most."""
    numbers = np.frombuffer(base64.b64decode(found["data"]), dtype="<f4")
    expected, far, start = hooked(model, found["input_ids"]), dict[str, float](), 0
    for name, rows, columns in found["shapes"]:
        mine = torch.from_numpy(numbers[start : start + rows * columns].reshape(rows, columns).copy())
        theirs = expected[name].reshape(rows, columns)
        far[name] = float(((mine - theirs).abs() / theirs.abs().clamp(min=1)).max())
        start += rows * columns
    assert start == len(numbers)
    return far


def compare(page: Page, name: str, texts: Sequence[str]) -> float:
    """Compare ids, tensors and verdicts of some texts; gives the largest difference."""
    model, tokenizer = loaded()[name]
    worst = 0.0
    for begin in range(0, len(texts), 100):
        some = texts[begin : begin + 100]
        for text, found in zip(some, page.evaluate(RUN, [name, some]), strict=True):
            assert found["input_ids"] == tokenizer.encode(text), text[:200]
            far = differences(found, model)
            assert max(far.values()) < 1e-4, (text[:200], max(far, key=lambda key: far[key]), max(far.values()))
            worst = max(worst, *far.values())
    return worst


@pytest.mark.parametrize("name", ["pencil", "imdb-tiny"])
def test_on_odd_inputs_every_tensor_is_pythons(name: str, page: Page) -> None:
    print(f"\n{name}: at most {compare(page, name, odd_texts()):.1e}")


@pytest.fixture(scope="module")
def reviews() -> tuple[list[str], list[int]]:
    try:
        test = load_imdb().test
    except DataError as error:
        pytest.skip(f"the real reviews are not here: {error}")
    return list(test.texts), list(test.labels)


@pytest.mark.parametrize("name", ["pencil", "imdb-tiny"])
def test_on_a_thousand_real_reviews_every_tensor_is_pythons(
    name: str, page: Page, reviews: tuple[list[str], list[int]]
) -> None:
    print(f"\n{name}: at most {compare(page, name, reviews[0][::25]):.1e}")


def test_the_accuracy_on_real_reviews_is_that_of_the_record(page: Page, reviews: tuple[list[str], list[int]]) -> None:
    """Of the 25,000 reviews of the test split as many are told right as by Python; the record says how many."""
    texts, labels = reviews
    right = 0
    for begin in range(0, len(texts), 500):
        some = texts[begin : begin + 500]
        answers = page.evaluate(
            """(texts) => texts.map((text) => {
                const model = (window.models["imdb-tiny"] ||= LiveWords.unpack("imdb-tiny", window.files["imdb-tiny"]))
                const inputs = LiveWords.inputsOf(LiveWords.encode(model, text))
                const [scores] = LiveBert.forward(model.weights, model.config, inputs).classifier
                return scores.indexOf(Math.max(...scores))
            })""",
            some,
        )
        right += sum(answer == label for answer, label in zip(answers, labels[begin : begin + 500], strict=True))
    accuracy = evaluate(*loaded()["imdb-tiny"], load_imdb().test).accuracy
    assert right / len(texts) == pytest.approx(accuracy, abs=1e-6)
    recipes = json.loads((ROOT / "docs" / "results" / "imdb.json").read_text())["recipes"]
    assert right / len(texts) == pytest.approx(recipes["imdb-tiny"]["shipped"]["test"]["accuracy"], abs=1e-4)
    print(f"\naccuracy {right / len(texts):.4f}")


SUMS = """([name, texts, seed]) => {
    const model = LiveWords.unpack(name, window.files[name])
    let state = seed
    const chance = () => (state = (state * 16807) % 2147483647) / 2147483647
    if (seed) for (const table of Object.values(model.weights)) for (const row of table.slice(0, 50)) row.forEach((_, k) => (row[k] = 4 * chance() - 2))
    let count = 0
    const wrong = []
    for (const text of texts) {
        const ids = LiveWords.encode(model, text)
        const inputs = LiveWords.inputsOf(ids)
        if (seed) {
            inputs.attention_mask = ids.map((_, i) => i === 1 || chance() > 0.3)
            inputs.position_ids = ids.map(() => Math.floor(chance() * model.config.max_seq_len))
        }
        const kept = LiveBert.forward(model.weights, model.config, inputs)
        for (const [key, table] of Object.entries(kept)) table.forEach((values, row) => values.forEach((value, column) => {
            const sum = LiveSums.explain(model, inputs, kept, ids.map(String), { name: key, row, column })
            const total = LiveSums.total(sum)
            const products = sum.kind === "share" ? [] : sum.terms.filter((term) => term.parts.length)
            const whole = products.every((term) => Math.abs(term.parts.reduce((p, part) => p * part.value, 1) - term.amount) < 1e-9)
            if (!(Math.abs(total - value) < 1e-9 * Math.max(1, Math.abs(value))) || !whole) wrong.push([key, row, column, value, total])
            for (const part of sum.terms.flatMap((term) => term.parts)) {
                const from = part.from ? kept[part.from.name][part.from.row][part.from.column] : part.weight ? model.weights[part.weight.name][part.weight.row][part.weight.column] : part.value
                if (from !== part.value) wrong.push([key, row, column, part])
            }
            count += 1
        }))
    }
    return { count, wrong: wrong.slice(0, 5) }
}"""  # noqa: E501


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", ["pencil", "imdb-tiny"])
def test_every_sum_adds_up_to_the_number_it_explains(name: str, seed: int, page: Page) -> None:
    """With the weights as they are, and with random ones, hidden words and moved places."""
    texts = [SENTENCE, TWIN, "", "A wonderful film, moving and funny, though the plot is thin."]
    found = page.evaluate(SUMS, [name, texts, seed])
    assert not found["wrong"]
    assert found["count"] > 1_500


@pytest.mark.skipif(shutil.which("npx") is None, reason="there is no Node.js, which TypeScript runs on")
def test_the_types_of_the_scripts_are_as_they_say() -> None:
    command = ["npx", "--yes", "-p", "typescript@5", "tsc", "-p", str(Path(__file__).parent)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


# From here on as a reader: what is shown is read, and what can be pressed is pressed.


@pytest.fixture
def machine(book: str, browser: Browser) -> Iterator[Page]:
    with tab(browser) as opened:
        visit(opened, book + "live.html")
        opened.wait_for_selector(".live-runs")
        yield opened


def table(page: Page, caption: str) -> list[list[float]]:
    """The numbers of a table, by the beginning of its caption."""
    rows = page.evaluate(
        """(wanted) => {
            const tables = [...document.querySelectorAll(".live-table")]
            const found = tables.find((one) => one.caption.textContent.startsWith(wanted))
            const numbers = (row) => [...row.querySelectorAll("td")].map((cell) => cell.textContent)
            return [...found.tBodies[0].rows].map(numbers)
        }""",
        caption,
    )
    return [[float(text.replace("−", "-")) for text in row] for row in rows]  # noqa: RUF001


def same(shown: Sequence[Sequence[float]], expected: torch.Tensor, digits: int = 3) -> bool:
    return torch.allclose(torch.tensor(shown), expected.detach().float(), atol=0.51 * 10**-digits, rtol=0)


def shown_as(page: Page, out: dict[str, torch.Tensor]) -> bool:
    """Whether the numbers of the page are these, from beginning to end."""
    layer = "bert.encoder.layers.0"
    maps = [same(table(page, f"Head {k + 1}"), _query_key_value(out, k), 2) for k in range(2)]
    return (
        same(table(page, "What the model reads"), out["bert.embedding"])
        and all(maps)
        and same(table(page, "All words after the layer"), out[f"{layer}.feed_forward_norm"])
        and same(table(page, "The text"), out["pooled"].reshape(1, -1))
        and same(table(page, "The answer"), torch.stack([out["classifier"], out["probabilities"]]).reshape(2, -1))
    )


def _query_key_value(out: dict[str, torch.Tensor], head: int) -> torch.Tensor:
    return torch.cat(
        [out[f"bert.encoder.layers.0.attention.heads.{head}.{part}"] for part in ("query", "key", "value")], 1
    )


EMBEDDED = [
    path for path in sorted((ROOT / "docs").glob("0*.md")) if 'class="live-bert"' in path.read_text(encoding="utf-8")
]
# What a stage says of the word that it opens on, and of the text: rows of numbers.
OPENING = """() => [...document.querySelectorAll(".live-table tbody tr")].filter((row) => {
    const caption = row.closest("table").caption.textContent
    return row.classList.contains("focus") || /way through|The text|The answer|from its id/.test(caption)
}).map((row) => [...row.querySelectorAll("td")].map((cell) => cell.textContent.replace("−", "-")))"""  # noqa: RUF001


@pytest.mark.parametrize("path", EMBEDDED, ids=lambda path: path.stem)
def test_a_stage_opens_on_the_numbers_of_its_chapter(path: Path, book: str, browser: Browser) -> None:
    """Each of them is on the page or on one before it, perhaps with fewer digits, or it is nearly 0."""
    pages = EMBEDDED[: EMBEDDED.index(path) + 1]
    text = " ".join(one.read_text(encoding="utf-8") for one in pages).replace("−", "-")  # noqa: RUF001
    known = {float(number) for number in re.findall(r"-?\d*\.\d+|-?\b\d+\b", text)}
    with tab(browser) as opened:
        visit(opened, f"{book}{path.stem}.html")
        opened.locator(".live-bert").scroll_into_view_if_needed()
        opened.wait_for_selector(".live-runs")
        rows = [[float(number) for number in row] for row in opened.evaluate(OPENING)]
    assert rows
    strange = [
        number
        for row in rows
        for number in row
        if abs(number) > 0.005 and not any(round(number, digits) in known for digits in (3, 2))
    ]
    assert not strange, f"the page does not say {strange}"


def test_what_is_typed_is_shown_as_python_computes_it(machine: Page) -> None:
    model, tokenizer = loaded()["pencil"]
    for text in [SENTENCE, TWIN, "not good", "", "Good, GOOD!", "the film was good not bad and more than eight places"]:
        machine.locator(".live-text").fill(text)
        assert shown_as(machine, hooked(model, tokenizer.encode(text))), text


def test_random_weights_set_by_sliders_give_pythons_numbers(machine: Page) -> None:
    chance, model = random.Random(1), copy.deepcopy(loaded()["pencil"][0])
    weights = machine.locator(".live-table td.weight")
    for number in chance.sample(range(weights.count()), 25):
        weights.nth(number).click()
        value = str(round(chance.uniform(-3, 3) * 20) / 20)
        slider = machine.locator(".live-slider input[type=range]")
        slider.fill(value)
        name, place = re.fullmatch(
            r"model\.([\w.]+)\[([\d, ]+)\]", machine.locator(".live-slider code").inner_text()
        ).groups()
        with torch.no_grad():
            model.get_parameter(name)[tuple(map(int, place.split(", ")))] = float(value)
    assert shown_as(machine, hooked(model, loaded()["pencil"][1].encode(SENTENCE)))
    machine.get_by_role("button", name="Put all back").click()
    assert shown_as(machine, hooked(*[loaded()["pencil"][0], loaded()["pencil"][1].encode(SENTENCE)]))


def test_a_word_is_hidden_left_out_and_moved_by_a_key(machine: Page) -> None:
    model, tokenizer = loaded()["pencil"]
    ids = torch.tensor(tokenizer.encode(SENTENCE))
    chip = machine.get_by_role("option", name=re.compile("^not"))
    chip.click()

    def probability() -> float:
        return table(machine, "The answer")[1][1]

    def praise(**inputs: torch.Tensor) -> float:
        return float(model(**inputs).logits.softmax(dim=-1)[1].detach())

    machine.keyboard.press("m")
    assert probability() == pytest.approx(praise(input_ids=ids, attention_mask=ids != 9), abs=6e-4)
    machine.keyboard.press("m")
    machine.keyboard.press("Delete")
    assert probability() == pytest.approx(praise(input_ids=ids[ids != 9]), abs=6e-4)
    machine.keyboard.press("Delete")
    machine.keyboard.press("[")
    tables = model.bert.embedding
    places = torch.tensor([0, 1, 2, 3, 4, 4, 6, 7])  # "not" has moved back by one
    with torch.no_grad():
        x = tables.norm(tables.words(ids) + tables.positions(places) + tables.segments.weight[0])
        states = model.bert.encoder(x, torch.ones(8, dtype=torch.bool))[0][-1]
        moved = float(model.classifier(states.mean(dim=0)).softmax(dim=-1)[1])
    assert probability() == pytest.approx(moved, abs=6e-4)
    machine.get_by_role("button", name="As typed").click()
    assert probability() == pytest.approx(praise(input_ids=ids), abs=6e-4)


def test_what_is_typed_is_text_stays_here_and_is_not_kept(machine: Page) -> None:
    asked: list[str] = []
    machine.on("request", lambda request: asked.append(request.url))
    machine.locator(".live-text").fill("<img src=x onerror='window.hurt=1'> <b>good</b> <script>window.hurt=1</script>")
    for place in ("td", "th", "[role=option]"):
        for one in machine.locator(f".live {place}").all()[:40]:
            one.dispatch_event("click")
    machine.wait_for_timeout(1_000)
    assert machine.evaluate("window.hurt === undefined && !document.querySelector('.live :is(img, b, script)')")
    home = machine.url.removesuffix("live.html")
    assert all(re.fullmatch(f"{home}assets/katex/fonts/[\\w-]+", url.removesuffix(".woff2")) for url in asked), asked
    assert machine.evaluate("document.cookie") == ""
    kept = machine.evaluate(
        "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href, history.state])"
    )
    assert "img" not in kept


def test_a_number_unfolds_and_folds_by_the_keyboard(machine: Page) -> None:
    """Down to a weight, and back to where the reader was."""
    here = "document.activeElement.textContent"
    machine.locator(".live-table", has_text="What the model reads").locator("tbody tr").nth(6).locator(
        "td"
    ).first.focus()
    cell = machine.evaluate(here)
    machine.keyboard.press("Enter")
    assert machine.evaluate(here) == f"praise of “bad” = {cell}"
    machine.keyboard.press("Tab")
    machine.keyboard.press("Escape")
    assert machine.locator(".live-sum").count() == 0
    assert machine.evaluate(here) == cell


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_axe_finds_no_fault_in_what_unfolds(width: int, scheme: str, book: str, browser: Browser) -> None:
    with tab(browser, width=width, color_scheme=scheme) as opened:
        visit(opened, book + "live.html")
        opened.wait_for_selector(".live-runs")
        opened.locator(".live-table", has_text="What the model reads").locator("td").nth(9).click()
        opened.locator(".live-fold .live-table td.weight").nth(40).click()
        axe = Axe()
        for name in (None, "trained on reviews"):
            if name:
                opened.get_by_role("button", name=name).click()
                opened.locator(".live-text").fill("a wonderful film and a boring mess " * 5)
                opened.wait_for_timeout(300)
            found = axe.run(opened, context=".live").response["violations"]
            assert not found, [(one["id"], [node["html"][:100] for node in one["nodes"]]) for one in found]
            assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_it_runs_in_a_folder_and_the_models_change(folder: Path, browser: Browser) -> None:
    with tab(browser) as opened:
        opened.goto(f"{folder.as_uri()}/live.html")
        opened.wait_for_selector(".live-runs")
        opened.get_by_role("button", name="trained on reviews").click()
        opened.locator(".live-answer", has_text="positive").wait_for()
        opened.get_by_role("button", name="by hand").click()
        opened.locator(".live-answer", has_text="praise").wait_for()
        assert not opened.locator(".live-answer", has_text="positive").count()


def test_paper_and_a_reader_without_scripts_have_a_figure_and_a_sentence(book: str, browser: Browser) -> None:
    with tab(browser, java_script_enabled=False) as opened:
        opened.goto(book + "live.html")
        assert opened.locator(".live-bert img").is_visible()
        assert opened.locator(".live-bert p").first.is_visible()
    with tab(browser) as opened:
        visit(opened, book + "live.html")
        opened.wait_for_selector(".live-runs")
        assert not opened.locator(".live-bert img").is_visible()
        opened.emulate_media(media="print")
        assert opened.locator(".live-bert img").is_visible()
        assert not opened.locator(".live").is_visible()
