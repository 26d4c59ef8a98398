"""The tokenizer: words to ids, ids to words, and nothing lost on the way."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nano_bert import WordTokenizer
from nano_bert.tokenizer.base import SPECIAL_TOKENS

SENTENCE = "the film was good not bad"
WORDS = SENTENCE.split()  # ids 5 to 10
OWN_TOKENS = ("<pad>", "<s>", "</s>", "<UNK>", "<mask>")

# A word of letters and digits of any script, in lower case; and any text that fits on a line.
plain_words = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=8).map(str.lower)
plain_words = plain_words.filter(str.isalnum)
any_words = st.text(min_size=1, max_size=8).filter(lambda word: word.splitlines() == [word])
saved_words = any_words.filter(lambda word: word.strip() == word)
truncations = st.sampled_from(["head", "tail", "both"])


@pytest.fixture
def tokenizer() -> WordTokenizer:
    return WordTokenizer(WORDS, max_seq_len=10)


# The vocabulary


def test_special_tokens_are_ids_0_to_4(tokenizer: WordTokenizer) -> None:
    assert [tokenizer.vocab[token] for token in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]
    ids = [tokenizer.pad_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.unk_id, tokenizer.mask_id]
    assert ids == [0, 1, 2, 3, 4]


def test_own_special_tokens_are_honoured() -> None:
    tokenizer = WordTokenizer(WORDS, special_tokens=OWN_TOKENS)
    assert tokenizer.id_to_token == [*OWN_TOKENS, *WORDS]
    assert tokenizer.encode("a <mask> film") == [1, 3, 4, 6, 2]
    assert tokenizer.decode([1, 3, 4, 6, 2, 0]) == "<UNK> <mask> film"


def test_more_special_tokens_follow_the_five() -> None:
    tokenizer = WordTokenizer(WORDS, special_tokens=[*SPECIAL_TOKENS, "[URL]"])
    assert tokenizer.vocab["[URL]"] == 5
    assert tokenizer.tokenize("see [URL]!") == ["see", "[URL]", "!"]


def test_length_is_the_number_of_ids(tokenizer: WordTokenizer) -> None:
    assert len(tokenizer) == len(tokenizer.vocab) == 11


def test_a_word_counts_once() -> None:
    assert WordTokenizer(["film", "Film", "[MASK]", "film"]).id_to_token == [*SPECIAL_TOKENS, "film"]


def test_vocabulary_from_texts_goes_by_frequency_then_alphabet() -> None:
    texts = ["b a c", ["a", "c", "Film"], "a [SEP] [SEP]"]
    assert WordTokenizer.from_texts(texts).id_to_token == [*SPECIAL_TOKENS, "a", "c", "b", "film"]


@pytest.mark.parametrize(("min_freq", "words"), [(1, ["a", "c", "b"]), (2, ["a", "c"]), (3, ["a"]), (4, [])])
def test_rare_words_are_left_out(min_freq: int, words: list[str]) -> None:
    assert WordTokenizer.from_texts(["a b c", "a c", "a"], min_freq=min_freq).id_to_token[5:] == words


@pytest.mark.parametrize(("limit", "words"), [(6, ["a"]), (7, ["a", "c"]), (100, ["a", "c", "b"])])
def test_the_limit_counts_special_tokens_too(limit: int, words: list[str]) -> None:
    tokenizer = WordTokenizer.from_texts(["a b c", "a c", "a"], max_vocab_size=limit)
    assert tokenizer.id_to_token[5:] == words
    assert len(tokenizer) <= limit


def test_settings_reach_a_tokenizer_made_from_texts() -> None:
    settings = {"max_seq_len": 7, "lower_case": False, "truncation": "tail", "special_tokens": OWN_TOKENS}
    tokenizer = WordTokenizer.from_texts(["Film"], 1, None, **settings)
    assert (tokenizer.max_seq_len, tokenizer.lower_case, tokenizer.truncation) == (7, False, "tail")
    assert tokenizer.id_to_token == [*OWN_TOKENS, "Film"]


# Texts to words


def test_punctuation_is_split_off(tokenizer: WordTokenizer) -> None:
    assert tokenizer.tokenize("Good, isn't it?!") == ["good", ",", "isn", "'", "t", "it", "?", "!"]


def test_lower_case_can_be_turned_off() -> None:
    tokenizer = WordTokenizer(["Film", "film"], lower_case=False)
    assert tokenizer.encode("Film film FILM") == [1, 5, 6, 3, 2]


@pytest.mark.parametrize("lower_case", [True, False])
@pytest.mark.parametrize("tokens", [SPECIAL_TOKENS, OWN_TOKENS])
def test_a_special_token_is_never_changed_nor_split(lower_case: bool, tokens: tuple[str, ...]) -> None:
    tokenizer = WordTokenizer([], lower_case=lower_case, special_tokens=tokens)
    for text in (" ".join(tokens), "".join(tokens), list(tokens)):
        assert tokenizer.token_ids(text) == [0, 1, 2, 3, 4]


def test_the_longer_of_two_special_tokens_wins() -> None:
    tokenizer = WordTokenizer([], special_tokens=["<a", "<a>", "<s", "<s>", "#"])
    assert tokenizer.token_ids("<a> <a <s><s #") == [1, 0, 3, 2, 4]


def test_a_list_of_words_is_taken_as_it_is() -> None:
    tokenizer = WordTokenizer(["new york", "isn't"])
    assert tokenizer.encode(["New York", "isn't"]) == [1, 5, 6, 2]


# Words to ids


def test_a_string_and_its_list_of_words_are_the_same(tokenizer: WordTokenizer) -> None:
    assert tokenizer.encode(SENTENCE) == tokenizer.encode(WORDS) == [1, 5, 6, 7, 8, 9, 10, 2]


def test_an_unknown_word_is_unk(tokenizer: WordTokenizer) -> None:
    assert tokenizer.encode("the play was good") == [1, 5, 3, 7, 8, 2]


def test_a_text_without_words_still_has_cls_and_sep(tokenizer: WordTokenizer) -> None:
    assert tokenizer.encode("") == tokenizer.encode([]) == [1, 2]


def test_a_call_fills_up_with_padding(tokenizer: WordTokenizer) -> None:
    ids = tokenizer("good film")
    assert ids.tolist() == [1, 8, 6, 2, 0, 0, 0, 0, 0, 0]
    assert ids.dtype == torch.long


@pytest.mark.parametrize(
    ("truncation", "kept"),
    [
        ("head", [1, 5, 6, 7, 8, 2]),
        ("tail", [1, 7, 8, 9, 10, 2]),
        ("both", [1, 5, 8, 9, 10, 2]),  # a third of four, rounded down: one from the head, three from the tail
    ],
)
def test_truncation_keeps_the_chosen_end(truncation: Any, kept: list[int]) -> None:
    assert WordTokenizer(WORDS, max_seq_len=6, truncation=truncation).encode(SENTENCE) == kept


@pytest.mark.parametrize("truncation", ["head", "tail", "both"])
def test_a_text_that_just_fits_is_not_cut(truncation: Any) -> None:
    tokenizer = WordTokenizer(WORDS, max_seq_len=8, truncation=truncation)
    assert tokenizer.encode(SENTENCE) == [1, 5, 6, 7, 8, 9, 10, 2]


def test_a_batch_is_padded_to_its_longest_text(tokenizer: WordTokenizer) -> None:
    batch = tokenizer.encode_batch(["good", ["not", "bad"], ""])
    assert batch["input_ids"].tolist() == [[1, 8, 2, 0], [1, 9, 10, 2], [1, 2, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 0, 0]]


def test_rows_without_ids_are_still_whole_numbers(tokenizer: WordTokenizer) -> None:
    assert all(tensor.dtype == torch.long for tensor in tokenizer.pad([[], []]).values())


def test_decoding_takes_tensors_and_leaves_the_frame_out(tokenizer: WordTokenizer) -> None:
    assert tokenizer.decode(tokenizer("the [MASK] play was good")) == "the [MASK] [UNK] was good"


# Properties: true of whatever hypothesis thinks up


@given(st.lists(plain_words))
def test_decoding_gives_the_words_back(words: list[str]) -> None:
    """Of a list, and of a string of words in whatever case."""
    tokenizer = WordTokenizer(words, max_seq_len=len(words) + 3)
    assert tokenizer.decode(tokenizer.encode(words)) == " ".join(words)
    assert tokenizer.decode(tokenizer.encode(" ".join(words))) == " ".join(words)


@given(st.lists(any_words))
def test_decoding_gives_any_list_of_words_back(words: list[str]) -> None:
    tokenizer = WordTokenizer(words, max_seq_len=len(words) + 3, lower_case=False)
    assert tokenizer.decode(tokenizer.encode(words)) == " ".join(words)


@given(st.lists(st.text()))
def test_the_words_of_a_text_lose_no_character_but_spaces(texts: list[str]) -> None:
    tokenizer = WordTokenizer.from_texts(texts, lower_case=False, max_seq_len=500)
    for text in texts:
        assert "".join(tokenizer.tokenize(text)) == "".join(text.split())
        assert tokenizer.unk_id not in tokenizer.token_ids(text)


@given(st.lists(st.text() | st.lists(plain_words), min_size=1), st.integers(3, 20), truncations)
def test_a_batch_is_its_texts_and_none_is_too_long(texts: list[Any], max_seq_len: int, truncation: Any) -> None:
    tokenizer = WordTokenizer.from_texts(texts, min_freq=2, max_seq_len=max_seq_len, truncation=truncation)
    batch = tokenizer.encode_batch(texts)
    for row, mask, text in zip(batch["input_ids"], batch["attention_mask"], texts, strict=True):
        ids = tokenizer.encode(text)
        assert 2 <= len(ids) <= max_seq_len
        assert (ids[0], ids[-1]) == (tokenizer.cls_id, tokenizer.sep_id)
        assert row[mask.bool()].tolist() == ids
        assert row.tolist() == ids + [0] * (len(row) - len(ids))
        assert tokenizer(text).tolist() == ids + [0] * (max_seq_len - len(ids))


@given(st.lists(plain_words, unique=True), st.integers(3, 20), truncations)
def test_what_is_cut_is_one_run_of_words(words: list[str], max_seq_len: int, truncation: Any) -> None:
    tokenizer = WordTokenizer(words, max_seq_len=max_seq_len, truncation=truncation)
    kept = tokenizer.encode(words)[1:-1]
    ids = tokenizer.token_ids(words)
    assert len(kept) == min(len(ids), max_seq_len - 2)
    n_cut = len(ids) - len(kept)
    assert any(kept == ids[:n_head] + ids[n_head + n_cut :] for n_head in range(len(kept) + 1))


@given(
    st.lists(saved_words),
    st.integers(3, 500),
    st.booleans(),
    truncations,
    st.just(SPECIAL_TOKENS) | st.lists(saved_words, min_size=5, max_size=7, unique=True),
)
def test_a_saved_tokenizer_comes_back(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], length: int, lower: bool, cut: Any, special: Any
) -> None:
    tokenizer = WordTokenizer(words, length, lower, cut, special)
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save_pretrained(folder)
    assert vars(WordTokenizer.from_pretrained(folder)) == vars(tokenizer)


# Files


def test_the_vocabulary_is_a_word_a_line(tokenizer: WordTokenizer, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path / "new")
    assert (tmp_path / "new" / "vocab.txt").read_text(encoding="utf-8").split("\n") == [*tokenizer.vocab, ""]


@pytest.mark.parametrize("word", ["", "two\nlines", "two\u2028lines", "return\r"])
def test_a_word_that_no_line_can_hold_is_refused(tmp_path: Path, word: str) -> None:
    with pytest.raises(ValueError, match=r"a word a line, but .* holds a line break or nothing"):
        WordTokenizer([word]).save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("missing", ["vocab.txt", "tokenizer_config.json"])
def test_a_folder_without_a_tokenizer_is_refused(tokenizer: WordTokenizer, tmp_path: Path, missing: str) -> None:
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(FileNotFoundError, match=f"is not a saved tokenizer: it has no file {missing}"):
        WordTokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "lines",
    [
        WORDS,  # the special tokens are gone
        [*SPECIAL_TOKENS, *WORDS, "film"],  # a word twice
        [*SPECIAL_TOKENS, *WORDS[:3], "", "", *WORDS[3:]],  # empty lines
        [*SPECIAL_TOKENS, "Film"],  # a word that a tokenizer in lower case never finds
        ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]", *WORDS],  # another order
        [],
    ],
)
def test_a_vocabulary_of_another_hand_is_refused(tokenizer: WordTokenizer, tmp_path: Path, lines: list[str]) -> None:
    """Each of these would shift the ids in silence, and the model would read other words."""
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with pytest.raises(ValueError, match=r"vocab.txt is not as the tokenizer wrote it: .* get the file again"):
        WordTokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("vocab.txt", b"\xff\xfe"),
        ("tokenizer_config.json", b"{"),
        ("tokenizer_config.json", b"[]"),
        ("tokenizer_config.json", b"{}"),
        ("tokenizer_config.json", b"\xff"),
    ],
)
def test_a_damaged_file_is_refused(tokenizer: WordTokenizer, tmp_path: Path, name: str, content: bytes) -> None:
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match="does not hold a WordTokenizer, or its files are damaged"):
        WordTokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["model_max_length", "do_lower_case", "truncation", "special_tokens"])
def test_a_missing_setting_is_named(tokenizer: WordTokenizer, tmp_path: Path, name: str) -> None:
    tokenizer.save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != name}))
    with pytest.raises(ValueError, match=f"damaged. .* does not say {name}"):
        WordTokenizer.from_pretrained(tmp_path)


# Errors


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        ({"vocab": "the film was"}, TypeError, r"a list of words, such as \['the', 'film', 'was'\]"),
        ({"max_seq_len": 2}, ValueError, "max_seq_len=2 leaves no room for a word .* take 3 or more"),
        ({"truncation": "middle"}, ValueError, '"head", "tail" or "both", but it is \'middle\''),
        ({"special_tokens": SPECIAL_TOKENS[:4]}, ValueError, "at least five different texts, in the order"),
        ({"special_tokens": ["[PAD]"] * 5}, ValueError, "at least five different texts"),
        ({"special_tokens": ["", *SPECIAL_TOKENS]}, ValueError, "at least five different texts"),
    ],
)
def test_wrong_settings_are_refused(as_a_reader: None, wrong: dict[str, Any], error: type, sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        WordTokenizer(**{"vocab": WORDS, **wrong})


def test_wrong_texts_are_refused(as_a_reader: None, tokenizer: WordTokenizer) -> None:
    with pytest.raises(TypeError, match=r"texts is a list of texts, but it is one string: put it in a list"):
        tokenizer.encode_batch("the film")
    with pytest.raises(TypeError, match="one string: put it in a list"):
        WordTokenizer.from_texts("the film")
    with pytest.raises(TypeError, match=r"a string or a list of words, but this one is \[3, 4\]"):
        tokenizer.encode([3, 4])  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="max_vocab_size=5 leaves no room for a word beside the 5 special tokens"):
        WordTokenizer.from_texts(["the film"], max_vocab_size=5)


def test_an_empty_batch_is_refused(tokenizer: WordTokenizer) -> None:
    with pytest.raises(ValueError, match="An empty batch has no ids: give at least one text"):
        tokenizer.encode_batch([])


@pytest.mark.parametrize("wrong", [-1, 11])
def test_an_id_outside_the_vocabulary_is_refused(tokenizer: WordTokenizer, wrong: int) -> None:
    with pytest.raises(ValueError, match=f"{wrong} is not an id of this vocabulary: ids go from 0 to 10"):
        tokenizer.decode([5, wrong])
