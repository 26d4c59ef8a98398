"""A look into a model: the page holds what the forward pass computed, asks for nothing, and takes no word for HTML."""

import base64
import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nano_bert import NanoBERT, NanoBertForPreTraining, WordPieceTokenizer, WordTokenizer
from nano_bert.cli.arguments import main
from nano_bert.look import LookPage, look, look_into
from nano_bert.pencil import SENTENCE, pencil_bert
from nano_bert.predict import load_classifier


def data_of(page: LookPage) -> dict[str, Any]:
    """What the page shows, as tensors."""
    found = re.search(r'<script type="application/json" id="data">(.*)</script>', page.html)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    layers, heads, n, size = data["shape"]
    for name, shape in (
        ("weights", (layers, heads, n, n)),
        ("queries", (layers, heads, n, size)),
        ("keys", (layers, heads, n, size)),
    ):
        numbers = np.frombuffer(base64.b64decode(data[name]), dtype="<f4")
        data[name] = torch.from_numpy(numbers.reshape(shape).copy())
    return data


def test_the_page_shows_the_weights_of_the_forward_pass() -> None:
    torch.manual_seed(0)
    tokenizer = WordTokenizer(vocab=SENTENCE.split())
    model = NanoBERT(vocab_size=len(tokenizer), n_layers=3, n_heads=2, n_embed=8)  # dropout is on, and stays on
    data = data_of(look(model, tokenizer, SENTENCE))
    assert model.training
    with torch.no_grad():
        out = model.eval()(torch.tensor(tokenizer.encode(SENTENCE)))
    torch.testing.assert_close(data["weights"], torch.stack(out.attentions))
    assert data["words"] == ["[CLS]", *SENTENCE.split(), "[SEP]"]
    # A score is query times key over the root of the head's size, and the softmax of the scores is the weights.
    scores = data["queries"] @ data["keys"].transpose(-1, -2) / 4**0.5
    torch.testing.assert_close(scores.softmax(dim=-1), data["weights"])


def test_every_kind_of_model_can_be_looked_into() -> None:
    model, tokenizer = load_classifier("imdb-tiny")
    clear = look(model, tokenizer, "A wonderful film.")
    assert "positive 0.9" in data_of(clear)["answer"]
    assert look(model.fuse(), tokenizer, "A wonderful film.") == clear
    pieces = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##kind"])
    guesser = NanoBertForPreTraining(vocab_size=len(pieces), n_embed=4)
    assert data_of(look(guesser, pieces, "unkind"))["words"] == ["[CLS]", "un", "##kind", "[SEP]"]
    assert data_of(look(guesser, pieces, ""))["words"] == ["[CLS]", "[SEP]"]


def test_the_page_needs_nothing_from_elsewhere_and_a_word_is_no_html() -> None:
    evil = "</script><script>alert(1)</script>"
    tokenizer = WordTokenizer(vocab=["a"], special_tokens=["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]", evil])
    page = look(NanoBERT(vocab_size=len(tokenizer)), tokenizer, evil).html
    assert evil not in page
    assert page.count("<script") == page.count("</script>") == 2
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)=|@import|url\(|fetch\(|XMLHttp|localStorage|innerHTML""", page)


def test_a_notebook_shows_it_in_a_frame_of_its_own() -> None:
    page = look(*pencil_bert(), SENTENCE)
    shown = page._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert shown.startswith('<iframe sandbox="allow-scripts"')
    inside = re.search(r'srcdoc="([^"]*)"', shown)
    assert inside
    assert html.unescape(inside[1]) == page.html


def test_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    model, tokenizer = pencil_bert()
    assert look(model, tokenizer, SENTENCE.split()) == look(model, tokenizer, SENTENCE)
    with pytest.raises(ValueError, match="The model was made for a vocabulary of 11 entries"):
        look(model, WordTokenizer(vocab=["a"]), "a")
    large = NanoBERT(vocab_size=11, n_layers=9, n_heads=2, n_embed=4, max_seq_len=1_000)
    long = WordTokenizer(vocab=SENTENCE.split(), max_seq_len=1_000)
    with pytest.raises(ValueError, match="1000 tokens that look at each other in 18 heads make 18,000,000"):
        look(large, long, "good " * 2_000)
    with pytest.raises(FileNotFoundError):
        look_into(tmp_path / "nothing", "good")


def test_the_command_writes_the_page_and_overwrites_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "look.html"
    for text in ("a good film", "a bad film"):  # twice: the first page is one of ours
        assert main(["look", "imdb-tiny", text, "--output", str(path)]) == 0
    assert data_of(LookPage(path.read_text(encoding="utf-8")))["words"][2] == "bad"
    assert f"Written to {path}" in capsys.readouterr().out
    other = tmp_path / "thesis.html"
    other.write_text("<title>My thesis</title>")
    assert main(["look", "imdb-tiny", "a good film", "--output", str(other)]) == 2
    assert "is no page of this kind" in capsys.readouterr().err
    assert other.read_text() == "<title>My thesis</title>"
