"""The search finds what a reader looks for: what explains a word is among the first results, before any solution."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.site import tab, visit

FIRST = 5  # results that are seen without scrolling

# What readers type, and where it is explained: one of these pages must be among the first.
WORDS = {
    **dict.fromkeys(("IMDB", "baseline", "bag of words", "tf-idf"), "01-number-to-beat measuring glossary"),
    **dict.fromkeys(("accuracy", "F1", "overfitting", "HateXplain"), "measuring 12-fine-tuning 01-number-to-beat"),
    **dict.fromkeys(("vocabulary", "UNK", "truncation"), "02-tokenizer"),
    **dict.fromkeys(("token", "tokenizer", "accents"), "02-tokenizer 10-wordpiece"),
    **dict.fromkeys(("embedding", "position", "segment"), "03-embeddings"),
    **dict.fromkeys(("attention", "query", "key", "self-attention"), "04-attention"),
    "softmax": "04-attention glossary",
    **dict.fromkeys(("mask", "padding", "decoder"), "05-masks"),
    **dict.fromkeys(("head", "multi-head"), "06-heads"),
    **dict.fromkeys(("residual", "LayerNorm", "GELU", "feed-forward"), "07-layer"),
    **dict.fromkeys(("pooler", "encoder", "logits", "parameters", "initialization"), "08-model"),
    **dict.fromkeys(("CLS", "cross-entropy", "loss", "dropout", "DataLoader", "transformer"), "glossary"),
    **dict.fromkeys(("safetensors", "pickle", "checkpoint", "Hugging Face", "transformers"), "09-really-bert"),
    **dict.fromkeys(("WordPiece", "subword", "BPE"), "10-wordpiece"),
    **dict.fromkeys(("pretraining", "masked language model", "next sentence"), "11-pretraining"),
    **dict.fromkeys(("fine-tuning", "AdamW", "optimizer", "learning rate", "warmup"), "12-fine-tuning"),
    **dict.fromkeys(("heat map",), "13-looking-inside"),
    **dict.fromkeys(("GPU", "CUDA", "torchrun", "torch.compile", "bfloat16", "FlashAttention"), "14-clear-to-fast"),
    **dict.fromkeys(("no_grad", "gradient", "backward"), "pytorch 12-fine-tuning 02-tokenizer"),
    **dict.fromkeys(("tensor", "broadcasting", "matmul"), "pytorch"),
    **dict.fromkeys(("notebook", "Jupyter", "VS Code", "breakpoint", "debugger", "REPL"), "how-to-read"),
    **dict.fromkeys(("DistilBERT", "GPT", "RoBERTa"), "after-bert glossary"),
}


def test_these_are_sixty_words_and_more() -> None:
    assert len(WORDS) >= 60


@pytest.fixture(scope="module")
def page(book: str, browser: Browser) -> Iterator[Page]:
    with tab(browser) as opened:
        visit(opened, f"{book}index.html")
        opened.keyboard.press("/")  # the theme's key for its search
        yield opened


def results(page: Page, words: str) -> list[str]:
    """The pages that the search names, from the first on: `04-attention`, `solutions/04-attention`, ..."""
    box = page.locator(".md-search__input")
    for typed, says in (("", "Type to start"), (words, "matching document")):
        box.fill(typed)
        box.press("End")  # the theme listens to keys
        page.locator(".md-search-result__meta", has_text=says).wait_for()
    links = page.locator(".md-search-result__item").evaluate_all(
        "(items) => items.map((item) => new URL(item.querySelector('a').href).pathname)"
    )
    return [link.lstrip("/").removesuffix(".html") for link in links]


@pytest.mark.parametrize("words", WORDS)
def test_what_explains_a_word_is_found_first(words: str, page: Page) -> None:
    found = results(page, words)
    assert set(found[:FIRST]) & set(WORDS[words].split()), found[:FIRST]
    explained = next(page for page in found if page in WORDS[words].split())
    assert not [page for page in found[: found.index(explained)] if page.startswith("solutions/")]
