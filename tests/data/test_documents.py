"""Documents: any text file is read, whoever wrote it, and what is no text is told so."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_bert.data.documents import hold_out, read_documents, split_sentences


def written(folder: Path, content: bytes | str) -> Path:
    path = folder / "texts.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "documents"),
    [
        ("one\n\ntwo", ["one", "two"]),
        ("\n\n  one\nstill one\n \t \n\n\ntwo  \n\n", ["one\nstill one", "two"]),
        ("one\ntwo\n\nthree", ["one\ntwo", "three"]),
        ("one\n \t \ntwo\n\nthree", ["one", "two", "three"]),
        ("one\ntwo\nthree\n", ["one", "two", "three"]),
        ("\none\n two \n", ["one", "two"]),
        ("alone", ["alone"]),
        ("one\r\nstill one\r\n\r\ntwo\r\n", ["one\nstill one", "two"]),
        ("one\r\ntwo\r\n", ["one", "two"]),
        ("one\r\rtwo", ["one", "two"]),
        ("\ufeffone\n\ntwo", ["one", "two"]),
        ("naïve café\n\n映画 🎬", ["naïve café", "映画 🎬"]),
        ("one\u2028still one\ntwo\x0bstill two", ["one\u2028still one", "two\x0bstill two"]),
    ],
    ids=repr,
)
def test_documents_of_every_kind(tmp_path: Path, content: str, documents: list[str]) -> None:
    assert read_documents(written(tmp_path, content)) == documents
    assert read_documents(str(written(tmp_path, content))) == documents


@pytest.mark.parametrize("content", ["", "\n", "\r\n \t\r\n\n", "\ufeff", "\ufeff\n\n"], ids=repr)
def test_a_file_without_a_word(tmp_path: Path, content: str) -> None:
    with pytest.raises(ValueError, match=r"texts.txt holds no text"):
        read_documents(written(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("the caf\xe9 was good".encode("latin-1"), r"not a text in UTF-8: .* at byte 7. Save it as UTF-8."),
        ("good\n\nbad".encode("utf-16"), "not a text in UTF-8"),
        ("good\n\nbad".encode("utf-16-le"), "not a text: it holds bytes of zero"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not a text in UTF-8"),
        (b"PK\x03\x04\x00\x00", "not a text: it holds bytes of zero"),
        (b"good\xed\xa0\x80", "not a text in UTF-8"),
        ("caf\xe9".encode()[:-1], "not a text in UTF-8: unexpected end of data at byte 3"),
    ],
    ids=repr,
)
def test_what_is_no_text(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"texts.txt is {sentence}"):
        read_documents(written(tmp_path, content))


def test_no_file_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_documents(tmp_path / "nothing.txt")
    with pytest.raises(OSError, match="directory"):
        read_documents(tmp_path)


@pytest.mark.parametrize("content", ["word " * 400_000, "\n" * 2_000_000 + "word", "\n \t" * 600_000 + "word"], ids=len)
def test_a_large_file_is_read_in_a_moment(tmp_path: Path, content: str) -> None:
    path = written(tmp_path, content)
    start = time.process_time()
    assert read_documents(path) == [content.strip()]
    split_sentences(content)
    assert time.process_time() - start < 1


@given(st.lists(st.text(alphabet="ab.! \t", min_size=1).filter(str.strip), min_size=2), st.sampled_from(["\n", "\r\n"]))
def test_documents_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, texts: list[str], end: str) -> None:
    folder = tmp_path_factory.mktemp("texts")
    expected = [text.strip() for text in texts]
    assert read_documents(written(folder, f"{end}{end}".join(texts))) == expected
    assert read_documents(written(folder, end.join(texts))) == expected


# Sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        (" \n ", []),
        ("no end", ["no end"]),
        ("One.", ["One."]),
        ("One. Two?  Three!\nFour", ["One.", "Two?", "Three!", "Four"]),
        ("It cost 3.50. Wow!!! Really?! Yes...", ["It cost 3.50.", "Wow!!!", "Really?!", "Yes..."]),
        ("no.space.here", ["no.space.here"]),
        ("  . a", [".", "a"]),
    ],
    ids=repr,
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@given(st.text(alphabet="ab.!? \n\t\u00a0"))
def test_no_character_is_lost_between_sentences(text: str) -> None:
    sentences = split_sentences(text)
    assert "".join("".join(sentences).split()) == "".join(text.split())
    assert all(sentence == sentence.strip() != "" for sentence in sentences)


# Held out


@pytest.mark.parametrize("n", [20, 21, 39, 40, 100])
def test_every_twentieth_is_set_aside(n: int) -> None:
    documents = [str(number) for number in range(1, n + 1)]
    rest, aside = hold_out(documents)
    assert aside == [str(number) for number in range(20, n + 1, 20)]
    assert sorted(rest + aside, key=int) == documents
    assert rest == sorted(rest, key=int), "their order stays"


@pytest.mark.parametrize("n", [0, 1, 19])
def test_too_few_to_set_any_aside(n: int) -> None:
    with pytest.raises(ValueError, match=f"want 20 documents at least, but there are {n}"):
        hold_out(["text"] * n)
