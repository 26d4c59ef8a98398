"""What MkDocs does to each page of the book: it arrives fast, and the search finds what a reader looks for.

A chapter weighs less than 500 kB at first. Of an example, the search knows the words that are typed and stand nowhere
in the prose of its section (`no_grad`, `safetensors`); and what explains a word comes before what only uses it.
A prediction is written as a tip, which GitHub and VS Code show; here it is a box of its own kind, called Predict.
"""

import html as entities
import re
from typing import Any

from mkdocs.plugins import event_priority

LATER = {
    "solutions/": 0.2,
    "changelog": 0.2,
    "contributing": 0.2,
    "results": 0.5,
    "twenty-five": 0.5,
    "papers": 0.5,
    "write-it": 0.5,
}
# What readers call a thing that a page explains under another name.
ALSO = {
    "08-model": "initialization",
    "10-wordpiece": "subword",
    "14-clear-to-fast": "GPU CUDA",
    "how-to-read": "debugger",
    "pytorch": "matmul",
}
EXAMPLE = re.compile(r"<pre>(.*?)</pre>", re.S)
OUTPUT = re.compile(r'<span class="(?:go|gt|gr)">.*?</span>', re.S)
TRACEBACK = re.compile(
    r'(?<=<span class="gt">)(Traceback[^\n]*)</span>\n(.*?)(?=\s*(?:<span class="gp">|</code>))', re.S
)
PREDICT = re.compile(
    r'<div class="admonition tip">\s*<p class="admonition-title">Tip</p>\s*<p><strong>Predict\.</strong>\s*'
)
PREDICT_BOX = '<div class="admonition predict">\n<p class="admonition-title">Predict</p>\n<p>'
DRAW = re.compile(r"<details>(?=\s*<summary>Draw it yourself</summary>)")
# Of the judge, the command and the drawings: nobody looks for them by their words.
WORKINGS = re.compile(r'<(h[2-6]) id=(?="(?:nano_bert\.(?:check|cli|pictures)\.|check|cli|pictures))')
UNSEEN = re.compile(r'<p class="for-the-search">.*?</p>', re.S)


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Let solutions and lists come behind the chapters."""
    for name, boost in LATER.items():
        if page.file.src_uri.startswith(name):
            page.meta.setdefault("search", {"boost": boost})
    return markdown


def on_page_content(html: str, page: Any, **_: object) -> str:
    """Fetch a figure when it comes near, and give the search the words of the examples instead of the examples."""
    html = DRAW.sub('<details class="draw">', PREDICT.sub(PREDICT_BOX, html))
    html = TRACEBACK.sub(_one_error, html)
    html = html.replace("<img ", '<img loading="lazy" ')
    if page.file.src_uri == "api.md":
        html = WORKINGS.sub(r"<\1 data-search-exclude id=", html)
    if page.file.src_uri == "index.md":
        html = f'<div class="landing">{html}</div>'
    also = ALSO.get(page.file.src_uri.removesuffix(".md"))
    html = html.replace("</h1>", f'</h1><p class="for-the-search">{also}</p>', 1) if also else html
    parts = re.split(r"(?=<h[1-6][ >])", html)
    return "".join(_with_words(part) for part in parts)


@event_priority(-50)  # the search has read the page
def on_page_context(context: dict[str, Any], page: Any, **_: object) -> dict[str, Any]:
    """Take away what only the search should read."""
    page.content = UNSEEN.sub("", page.content)
    return context


def _one_error(traceback: re.Match[str]) -> str:
    """An error and its message in one piece: an output, of which a mouse that selects takes nothing along."""
    first, rest = traceback.groups()
    return f'{first}</span>\n<span class="gr">{re.sub(r"<[^>]*>", "", rest)}</span>'


def _with_words(section: str) -> str:
    """A section whose examples are left out of the search, but for the words that its prose does not have."""
    prose = set(re.findall(r"\w+", re.sub(r"<[^>]*>", " ", EXAMPLE.sub(" ", section)).lower()))
    typed = " ".join(OUTPUT.sub(" ", example) for example in EXAMPLE.findall(section) if "gp" in example)
    words = dict.fromkeys(re.findall(r"[^\W\d]\w{2,}", entities.unescape(re.sub(r"<[^>]*>", "", typed))))
    rare = " ".join(word for word in words if word.lower() not in prose)
    section = section.replace("<pre>", "<pre data-search-exclude>")
    return f'{section}<p class="for-the-search">{rare}</p>' if rare else section
