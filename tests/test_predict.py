"""Prediction: the effect of a word is what happens without it, and a wrong model is refused."""

from pathlib import Path

import pytest
import torch

from nano_bert import NanoBertForClassification, WordPieceTokenizer, WordTokenizer
from nano_bert.predict import Prediction, fill_in, load_classifier, load_pretrained, predict, shipped_models
from nano_bert.tokenizer.base import SPECIAL_TOKENS
from tests.oracles import random_weights

WORDS = ["the", "film", "was", "good", "not", "bad"]
SENTENCE = "The film was good, not bad"


@pytest.fixture
def tokenizer() -> WordTokenizer:
    return WordTokenizer(WORDS, max_seq_len=16)


@pytest.fixture
def model(tokenizer: WordTokenizer) -> NanoBertForClassification:
    model = NanoBertForClassification(
        vocab_size=len(tokenizer), n_heads=2, n_embed=4, max_seq_len=16, labels=("no", "so so", "yes")
    )
    return random_weights(model, 0)


@pytest.fixture
def folder(tmp_path: Path, model: NanoBertForClassification, tokenizer: WordTokenizer) -> Path:
    folder = tmp_path / "judge"  # a folder of its own: its parent stands for the models of the package
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def probabilities(model: NanoBertForClassification, tokenizer: WordTokenizer, words: list[str]) -> torch.Tensor:
    return model.eval()(torch.tensor(tokenizer.encode(words))).logits.softmax(dim=-1)


def test_the_label_is_the_most_probable(model: NanoBertForClassification, tokenizer: WordTokenizer) -> None:
    prediction = predict(model, tokenizer, SENTENCE)
    expected = probabilities(model, tokenizer, tokenizer.tokenize(SENTENCE))
    assert list(prediction.probabilities) == ["no", "so so", "yes"]
    assert list(prediction.probabilities.values()) == pytest.approx(expected.tolist())
    assert prediction.probabilities[prediction.label] == max(prediction.probabilities.values())


def test_an_effect_is_what_leaving_the_word_out_takes_away(
    model: NanoBertForClassification, tokenizer: WordTokenizer
) -> None:
    prediction = predict(model, tokenizer, SENTENCE)
    words = tokenizer.tokenize(SENTENCE)
    answer = model.config.labels.index(prediction.label)
    assert [word for word, _ in prediction.effects] == words == ["the", "film", "was", "good", ",", "not", "bad"]
    whole = probabilities(model, tokenizer, words)[answer]
    for index, (_, effect) in enumerate(prediction.effects):
        without = probabilities(model, tokenizer, [*words[:index], *words[index + 1 :]])[answer]
        assert effect == pytest.approx((whole - without).item(), abs=1e-6)


def test_a_word_that_stands_twice_has_two_effects(model: NanoBertForClassification, tokenizer: WordTokenizer) -> None:
    assert [word for word, _ in predict(model, tokenizer, "bad, bad").effects] == ["bad", ",", "bad"]


def test_a_single_word_can_be_left_out(model: NanoBertForClassification, tokenizer: WordTokenizer) -> None:
    assert len(predict(model, tokenizer, "good").effects) == 1


@pytest.mark.parametrize("truncation", ["head", "tail", "both"])
def test_words_beyond_the_model_s_length_are_named_as_unread(
    model: NanoBertForClassification, tokenizer: WordTokenizer, truncation: str
) -> None:
    tokenizer.truncation = truncation  # pyright: ignore
    words = (WORDS * 4)[:20]
    prediction = predict(model, tokenizer, " ".join(words))
    n_head = {"head": 14, "tail": 0, "both": 4}[truncation]
    assert prediction.unread == words[n_head : n_head + 6]
    assert [word for word, _ in prediction.effects] == words[:n_head] + words[n_head + 6 :]
    # The answer is that for what was read, and an effect that of leaving a word out of it: nothing else moves in.
    read = [word for word, _ in prediction.effects]
    answer = model.config.labels.index(prediction.label)
    whole, without = (probabilities(model, tokenizer, words)[answer] for words in (read, read[1:]))
    assert prediction.effects[0][1] == pytest.approx((whole - without).item(), abs=1e-6)


def test_pieces_are_read_as_the_model_reads_them_and_left_out_word_by_word() -> None:
    """The pieces of a word are not cut into pieces again: "##b" is no "#", "#", "b"."""
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "a", "##b", "##c", "d", "#"], max_seq_len=16)
    model = random_weights(
        NanoBertForClassification(vocab_size=len(tokenizer), n_embed=4, max_seq_len=16, pooling="mean"), 0
    )
    text = "abc d # Abc"
    prediction = predict(model, tokenizer, text)
    inputs = tokenizer.encode_batch([text, "d # Abc", "abc # Abc", "abc d Abc", "abc d #"])
    expected = model.eval()(**inputs).logits.softmax(dim=-1)
    answer = model.config.labels.index(prediction.label)
    assert list(prediction.probabilities.values()) == pytest.approx(expected[0].tolist(), abs=1e-6)
    assert [word for word, _ in prediction.effects] == ["abc", "d", "#", "abc"]
    found = [effect for _, effect in prediction.effects]
    assert found == pytest.approx((expected[0, answer] - expected[1:, answer]).tolist(), abs=1e-6)


def test_a_text_of_any_length_costs_no_more_than_the_model_s_length(
    model: NanoBertForClassification, tokenizer: WordTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = model.bert.forward
    monkeypatch.setattr("nano_bert.training.evaluation.TOKENS_AT_A_TIME", 40)
    monkeypatch.setattr(model.bert, "forward", lambda ids, *rest: sizes.append(ids.numel()) or real(ids, *rest))
    assert len(predict(model, tokenizer, "good film " * 10_000).unread) == 20_000 - 14
    assert max(sizes) <= 40
    assert sum(sizes) <= 16 * 15


def test_the_strongest_words_point_either_way() -> None:
    prediction = Prediction("yes", {}, [("a", 0.1), ("b", -0.3), ("c", 0.2), ("d", 0.0)])
    assert prediction.strongest(2) == [("b", -0.3), ("c", 0.2)]
    assert [word for word, _ in prediction.strongest()] == ["b", "c", "a", "d"]
    with pytest.raises(ValueError, match=r"^n is a whole number, 1 or more, but it is -1"):
        prediction.strongest(-1)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_text_without_a_word_is_refused(
    model: NanoBertForClassification, tokenizer: WordTokenizer, text: str
) -> None:
    with pytest.raises(ValueError, match=r"There is no word to judge in .*: give a text with at least one word"):
        predict(model, tokenizer, text)


def test_a_classifier_comes_from_a_folder(folder: Path, model: NanoBertForClassification) -> None:
    loaded, tokenizer = load_classifier(folder)
    assert not loaded.training
    assert predict(loaded, tokenizer, SENTENCE) == predict(model, tokenizer, SENTENCE)


def test_a_classifier_of_the_package_comes_by_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nano_bert.predict.CHECKPOINTS", folder.parent)
    assert folder.name in shipped_models()
    assert load_classifier(folder.name)[0].config.labels == ("no", "so so", "yes")


def test_a_name_that_nothing_bears_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nano_bert.predict.CHECKPOINTS", folder.parent)
    with pytest.raises(FileNotFoundError, match=f"imdb-huge is neither a folder nor a model .*: .*{folder.name}"):
        load_classifier("imdb-huge")


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"is not a saved model: it has no file config.json"):
        load_classifier(tmp_path)


def test_a_vocabulary_of_another_model_is_refused(folder: Path) -> None:
    WordTokenizer([*WORDS, "boring"], max_seq_len=16).save_pretrained(folder)
    with pytest.raises(ValueError, match=r"vocab.txt has 12 entries, but the model was made for 11"):
        load_classifier(folder)


def test_texts_longer_than_the_model_reads_are_refused(folder: Path) -> None:
    WordTokenizer(WORDS, max_seq_len=20).save_pretrained(folder)
    with pytest.raises(ValueError, match=r"does not fit together: .* cuts texts to 20 .* the model reads 16"):
        load_classifier(folder)


# Words are filled in


def test_the_shipped_model_fills_in(as_a_reader: None) -> None:
    model, tokenizer = load_pretrained("imdb-pretrained")
    [guesses] = fill_in(model, tokenizer, "the special [MASK] are great", n=3)
    assert guesses[0][0] == "effects"
    assert [share for _, share in guesses] == sorted((share for _, share in guesses), reverse=True)


def test_every_hidden_word_gets_guesses_and_they_share_out_one() -> None:
    model, tokenizer = load_pretrained("imdb-pretrained")
    found = fill_in(model, tokenizer, "the [MASK] was [MASK] .", n=len(tokenizer))
    assert len(found) == 2
    for guesses in found:
        assert sum(share for _, share in guesses) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "n", "sentence"),
    [
        ("nothing to guess", 5, r"Nothing is hidden in 'nothing to guess': write \[MASK\]"),
        ("word " * 300 + "[MASK] " + "word " * 600, 5, "The text is too long, and what is hidden was cut off"),
        ("a [MASK]", True, "n from 1 to their number"),
        ("a [MASK]", 0, "n from 1 to their number"),
        ("a [MASK]", 10**6, "n from 1 to their number"),
    ],
)
def test_what_cannot_be_filled_in_is_a_sentence(as_a_reader: None, text: str, n: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        fill_in(*load_pretrained("imdb-pretrained"), text, n)


def test_another_models_tokenizer_is_refused(as_a_reader: None) -> None:
    model, _ = load_pretrained("imdb-pretrained")
    with pytest.raises(ValueError, match="give the model's own tokenizer"):
        fill_in(model, WordTokenizer(["film"]), "a [MASK]")


def test_a_model_of_the_other_kind_is_named(as_a_reader: None) -> None:
    with pytest.raises(ValueError, match="guesses no words: it has no head for hidden words"):
        load_pretrained("imdb-tiny")
    with pytest.raises(ValueError, match="holds no classifier"):
        load_classifier("imdb-pretrained")
    assert shipped_models() == ["imdb-laptop", "imdb-student", "imdb-tiny"]


def test_a_folder_of_pieces_opens_with_its_own_tokenizer(tmp_path: Path) -> None:
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "good", "bad", "##ly"])
    tokenizer.save_pretrained(tmp_path)
    NanoBertForClassification(vocab_size=len(tokenizer), max_seq_len=9).save_pretrained(tmp_path)
    model, found = load_classifier(tmp_path)
    assert isinstance(found, WordPieceTokenizer)
    assert found.max_seq_len == 9, "no text is longer than the model reads"
    assert predict(model, found, "badly " * 20).label in model.config.labels
    with pytest.raises(ValueError, match="open it with WordPieceTokenizer"):
        WordTokenizer.from_pretrained(tmp_path)
