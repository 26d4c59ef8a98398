"""What a model and its functions are given: what fits is read, in each form that transformers takes; else refused.

Each refusal is one of our sentences: it starts with what was given, by its name, and never with PyTorch's own words.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor, nn

from nano_bert import (
    BertConfig,
    NanoBERT,
    NanoBertForClassification,
    NanoBertForPreTraining,
    WordPieceTokenizer,
    WordTokenizer,
)
from nano_bert.attention import BertAttentionHead, BertSelfAttention
from nano_bert.data import Corpus, Split
from nano_bert.encoder import BertEncoder, BertLayer
from nano_bert.plots import plot_attention, plot_embeddings, plot_history
from nano_bert.predict import fill_in, predict
from nano_bert.task_heads import IGNORED, classification_loss, masked_mean, masked_word_loss, next_sentence_loss
from nano_bert.tokenizer.base import SPECIAL_TOKENS
from nano_bert.training import pretrain, train
from nano_bert.training.baselines import BagOfWords, majority
from nano_bert.training.evaluation import evaluate, measure, predict_probabilities
from nano_bert.training.masking import Masking, mask_words
from tests.oracles import hugging_face, random_weights

CONFIG = BertConfig(vocab_size=12, n_layers=2, n_heads=2, n_embed=4, max_seq_len=8, dropout=0.0)
IDS = torch.tensor([[1, 7, 8, 2], [1, 9, 2, 0], [1, 5, 4, 2]])
MODELS: dict[str, Any] = {
    kind.__name__: random_weights(kind(CONFIG), 0).eval()
    for kind in (NanoBERT, NanoBertForClassification, NanoBertForPreTraining)
}
pytestmark = pytest.mark.usefixtures("as_a_reader")


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> Any:
    return MODELS[request.param]


def first(out: Any) -> Tensor:
    """The answer itself, whichever model gave it."""
    return out[0]


# Ids and masks

NO_IDS: dict[str, tuple[Any, type[Exception], str]] = {
    "list": (IDS.tolist(), TypeError, "must be a tensor, .* of the type list"),
    "numpy": (IDS.numpy(), TypeError, r"must be a tensor, .* of the type ndarray.*torch.tensor\(...\)"),
    "nothing": (None, TypeError, "must be a tensor, .* of the type NoneType"),
    "text": ("the film", TypeError, "must be a tensor, .* of the type str"),
    "int16": (IDS.short(), TypeError, r"whole numbers \(torch.long\), but these are torch.int16. Use"),
    "uint8": (IDS.byte(), TypeError, "but these are torch.uint8"),
    "int8": (IDS.to(torch.int8), TypeError, "but these are torch.int8"),
    "uint16": (IDS.to(torch.uint16), TypeError, "but these are torch.uint16"),
    "half": (IDS.half(), TypeError, "but these are torch.float16"),
    "a number": (torch.tensor(7), ValueError, "needs at least one text of at least one token"),
}


@pytest.mark.parametrize("wrong", NO_IDS)
def test_what_are_no_ids_are_refused(model: Any, wrong: str) -> None:
    ids, error, sentence = NO_IDS[wrong]
    with pytest.raises(error, match=f"^input_ids {sentence}" if error is ValueError else "^input_ids .*" + sentence):
        model(ids)
    if ids is not None:
        with pytest.raises((TypeError, ValueError), match=r"^token_type_ids "):
            model(IDS, token_type_ids=ids)


def test_ids_of_32_bits_are_read_as_in_transformers(model: Any) -> None:
    """And no others: it takes int32 and int64, and PyTorch refuses the rest there."""
    same = model(IDS.int(), IDS.int().ne(0).int(), torch.zeros_like(IDS).int())
    assert torch.equal(first(same), first(model(IDS)))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int32, torch.int64, torch.float16, torch.float32])
def test_a_mask_of_any_type_is_the_same(model: Any, dtype: torch.dtype) -> None:
    assert torch.equal(first(model(IDS, (IDS != 0).to(dtype))), first(model(IDS, IDS != 0)))


MASK = IDS.ne(0)
NO_MASKS: dict[str, tuple[Any, type[Exception], str]] = {
    "list": (MASK.tolist(), TypeError, "must be a tensor"),
    "numpy": (MASK.numpy(), TypeError, "must be a tensor"),
    "additive": (torch.where(MASK, 0.0, -10_000.0), ValueError, "holds 1 for a token and 0 for padding, .*mask == 0"),
    "additive, lowest": (torch.where(MASK, 0.0, torch.finfo(torch.float).min), ValueError, "holds 1 for a token"),
    "not a number": (torch.where(MASK, 1.0, float("nan")), ValueError, "holds 1 for a token"),
    "3-D": (MASK[:, None, :], ValueError, r"needs the shape of input_ids, \(3, 4\), but it has \(3, 1, 4\)"),
    "4-D": (MASK[:, None, None, :], ValueError, r"but it has \(3, 1, 1, 4\)"),
    "turned": (MASK.T, ValueError, r"but it has \(4, 3\)"),
    "of one text": (MASK[0], ValueError, r"but it has \(4,\)"),
    "one for each text": (MASK[:, :1], ValueError, r"but it has \(3, 1\)"),
}


@pytest.mark.parametrize("wrong", NO_MASKS)
def test_what_is_no_mask_is_refused(model: Any, wrong: str) -> None:
    mask, error, sentence = NO_MASKS[wrong]
    with pytest.raises(error, match=f"^attention_mask .*{sentence}"):
        model(IDS, mask)


@pytest.mark.parametrize("part", [BertAttentionHead, BertSelfAttention, BertLayer, BertEncoder])
@pytest.mark.parametrize("shape", [(3, 1), (1, 4), (4,), (3, 1, 4), (3, 3)])
def test_no_part_spreads_a_mask_over_texts_that_it_was_not_made_for(part: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^attention_mask .* needs the shape \(3, 4\), but it has"):
        part(CONFIG)(torch.randn(3, 4, 4), torch.ones(shape, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"^attention_mask .* needs the shape \(3, 4\), but it has"):
        masked_mean(torch.randn(3, 4, 4), torch.ones(shape, dtype=torch.bool))


# Labels

NO_LABELS: list[tuple[Callable[[], object], str]] = [
    # as many numbers in another order
    (lambda: pretraining(labels=torch.full((4, 3), 5)), r"needs the shape \(3, 4\), but it has \(4, 3\)"),
    (lambda: pretraining(labels=IDS.flatten()), r"needs the shape \(3, 4\), but it has \(12,\)"),
    (lambda: pretraining(labels=IDS[..., None]), r"but it has \(3, 4, 1\)"),
    (lambda: pretraining(labels=IDS[:1]), r"but it has \(1, 4\)"),
    (lambda: pretraining(next_sentence_label=torch.zeros(3, 1, dtype=torch.long)), r"shape \(3,\), but .* \(3, 1\)"),
    (lambda: pretraining(next_sentence_label=torch.tensor(1)), r"needs the shape \(3,\), but it has \(\)"),
    (lambda: classifier(labels=torch.zeros(3, 1, dtype=torch.long)), r"shape \(3,\), but it has \(3, 1\)"),
    (lambda: classifier(labels=torch.zeros(1, 3, dtype=torch.long)), r"shape \(3,\), but it has \(1, 3\)"),
    (lambda: classifier(labels=torch.tensor(0)), r"needs the shape \(3,\), but it has \(\)"),
    (lambda: classifier(labels=torch.zeros(2, dtype=torch.long)), r"needs the shape \(3,\), but it has \(2,\)"),
    (lambda: masked_word_loss(torch.zeros(2, 3, 5), torch.zeros(3, 2, dtype=torch.long)), r"but it has \(3, 2\)"),
    (lambda: next_sentence_loss(torch.zeros(4, 2), torch.zeros(2, 2, dtype=torch.long)), r"but it has \(2, 2\)"),
    (lambda: classification_loss(torch.zeros(4, 2), torch.zeros(4, 2), "ab"), "these are torch.float32"),
    # other kinds of numbers
    (lambda: classifier(labels=torch.zeros(3)), r"these are torch.float32. Use labels.long\(\)"),
    (lambda: classifier(labels=torch.ones(3, dtype=torch.bool)), "these are torch.bool"),
    (lambda: classifier(labels=torch.ones(3, dtype=torch.uint8)), "these are torch.uint8"),
    (lambda: classifier(labels=[0, 1, 0]), "must be a tensor, .* of the type list"),
    (lambda: classifier(labels=np.array([0, 1, 0])), "must be a tensor, .* of the type ndarray"),
    (lambda: pretraining(labels=IDS.float()), "these are torch.float32"),
    (lambda: pretraining(labels=IDS.tolist()), "must be a tensor"),
    (lambda: pretraining(next_sentence_label=[0, 1, 0]), "must be a tensor"),
    (lambda: pretraining(next_sentence_label=torch.ones(3, dtype=torch.bool)), "these are torch.bool"),
]


def classifier(**labels: Any) -> Any:
    return MODELS["NanoBertForClassification"](IDS, **labels)


def pretraining(**labels: Any) -> Any:
    return MODELS["NanoBertForPreTraining"](IDS, **labels)


@pytest.mark.parametrize(("refused", "sentence"), NO_LABELS)
def test_labels_of_another_shape_or_kind_are_refused(refused: Callable[[], object], sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^(labels|next_sentence_label) .*{sentence}"):
        refused()


def test_labels_of_32_bits_are_labels() -> None:
    labels = torch.tensor([0, 1, 1])
    assert torch.equal(classifier(labels=labels.int()).loss, classifier(labels=labels).loss)
    words = IDS.masked_fill(IDS < 5, IGNORED)
    ours, same = (
        pretraining(labels=words.to(kind), next_sentence_label=labels.to(kind)) for kind in (torch.int, torch.long)
    )
    assert torch.equal(ours.loss, same.loss)


def test_one_text_has_one_label_and_batches_of_batches_have_theirs() -> None:
    """The loss over any number of texts, however they are laid out, is the mean over them all."""
    labels = torch.tensor([0, 1, 1])
    one_by_one: list[Any] = [
        NanoBertForClassification.forward(MODELS["NanoBertForClassification"], ids, labels=label).loss
        for ids, label in zip(IDS, labels, strict=True)
    ]
    assert torch.allclose(classifier(labels=labels).loss, torch.stack(one_by_one).mean())
    model, ids = MODELS["NanoBertForPreTraining"], torch.cat([IDS, IDS.flip(0)])
    many = torch.tensor([0, 1, 1, 0, 0, 1])
    words = ids.masked_fill(ids < 5, IGNORED)
    flat = model(ids, labels=words, next_sentence_label=many).loss
    deep = model(ids.view(2, 3, 4), labels=words.view(2, 3, 4), next_sentence_label=many.view(2, 3)).loss
    assert torch.allclose(flat, deep)
    three = random_weights(NanoBertForClassification(replace(CONFIG, labels=("a", "b", "c"))), 0).eval()
    # As many classes as texts in a row: PyTorch would take the one for the other.
    assert torch.allclose(three(ids.view(2, 3, 4), labels=many.view(2, 3)).loss, three(ids, labels=many).loss)
    assert torch.isfinite(model(ids[0], next_sentence_label=torch.tensor(1)).loss)


# Numbers that are none


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 1e30])
def test_an_answer_that_is_no_number_is_refused(weight: float) -> None:
    tokenizer = WordTokenizer(["good", "film", "bad", "a", "the", "was", "not"])
    asked: list[tuple[Any, Callable[[Any], object]]] = [
        (NanoBertForClassification, lambda model: predict(model, tokenizer, "good film")),
        (NanoBertForClassification, lambda model: predict_probabilities(model, tokenizer, ["good film"])),
        (NanoBertForClassification, lambda model: evaluate(model, tokenizer, Split(["good", "bad"], [1, 0]))),
        (NanoBertForPreTraining, lambda model: fill_in(model, tokenizer, "a [MASK] film")),
    ]
    for kind, ask in asked:
        model: Any = kind(vocab_size=len(tokenizer), n_embed=4, n_layers=2)
        with torch.no_grad():
            model.bert.encoder.layers[0].feed_forward.contract.weight[0, 0] = weight
            model.bert.encoder.layers[1].attention.heads[0].value.weight.fill_(weight)
            model.bert.encoder.layers[1].attention.heads[0].key.weight.fill_(weight)
        if not torch.isfinite(first(model(torch.tensor([[1, 5, 4, 2]])))).all():
            with pytest.raises(ValueError, match=r"^The model answers with (nan|-?inf), which is no probability"):
                ask(model)
        else:
            assert weight == 1e30


# A model and its tokenizer


def test_a_tokenizer_of_another_model_is_refused() -> None:
    words = ["good", "film", "bad"]
    right = WordTokenizer(words)
    other_padding = WordPieceTokenizer(["good", *SPECIAL_TOKENS, "film", "bad"])
    assert (len(other_padding), other_padding.pad_id) == (len(right), 1)
    classifier = NanoBertForClassification(vocab_size=len(right), n_embed=4)
    guesser = NanoBertForPreTraining(vocab_size=len(right), n_embed=4)
    for wrong, sentence in (
        (other_padding, "fills up texts with the id 1, but the model takes 0 for padding"),
        (WordTokenizer([*words, "new"]), "made for a vocabulary of 8 entries, but the tokenizer knows 9"),
    ):
        for ask in (
            lambda wrong=wrong: predict(classifier, wrong, "good film"),
            lambda wrong=wrong: predict_probabilities(classifier, wrong, ["good film"]),
            lambda wrong=wrong: evaluate(classifier, wrong, Split(["good"], [1])),
            lambda wrong=wrong: fill_in(guesser, wrong, "a [MASK] film"),
        ):
            with pytest.raises(ValueError, match=sentence):
                ask()
    fits = NanoBertForClassification(vocab_size=len(right), n_embed=4, pad_id=1)
    assert predict(fits, other_padding, "good film").effects


def test_a_text_is_read_as_far_as_the_model_reads_even_if_the_tokenizer_would_read_on() -> None:
    tokenizer = WordTokenizer(["good", "film"])
    model = NanoBertForClassification(vocab_size=len(tokenizer), n_embed=4, max_seq_len=8)
    assert tokenizer.max_seq_len == 128
    prediction = predict(model, tokenizer, "good film " * 10_000)
    assert (len(prediction.effects), len(prediction.unread)) == (6, 20_000 - 6)
    assert tokenizer.max_seq_len == 128


# Something of another kind

TOKENIZER = WordTokenizer(["good", "film", "bad", "a", "the", "was", "not"])
SPLIT = Split(["good film", "bad film"], [1, 0])
CORPUS = Corpus("films", ("negative", "positive"), SPLIT, SPLIT, SPLIT)
CLASSIFIER, GUESSER = MODELS["NanoBertForClassification"], MODELS["NanoBertForPreTraining"]
BERT, SEED = MODELS["NanoBERT"], torch.Generator()

OTHER_KINDS: dict[str, tuple[Callable[[], object], str]] = {
    "predict: a guesser": (lambda: predict(GUESSER, TOKENIZER, "good"), "model NanoBertForClassification"),  # pyright: ignore
    "predict: no classifier": (lambda: predict(BERT, TOKENIZER, "good"), "model NanoBertForClassification"),  # pyright: ignore
    "predict: turned": (lambda: predict(TOKENIZER, CLASSIFIER, "good"), "model NanoBertForClassification"),  # pyright: ignore
    "predict: a name": (lambda: predict("imdb-tiny", TOKENIZER, "good"), "model NanoBertForClassification"),  # pyright: ignore
    "predict: no tokenizer": (lambda: predict(CLASSIFIER, None, "good"), "tokenizer Tokenizer"),  # pyright: ignore
    "predict: their model": (
        lambda: predict(transformers.BertForSequenceClassification.from_pretrained, TOKENIZER, "good"),  # pyright: ignore
        "model NanoBertForClassification",
    ),
    "fill_in: a classifier": (lambda: fill_in(CLASSIFIER, TOKENIZER, "a [MASK]"), "model NanoBertForPreTraining"),  # pyright: ignore
    "fill_in: no model": (lambda: fill_in(None, TOKENIZER, "a [MASK]"), "model NanoBertForPreTraining"),  # pyright: ignore
    "fill_in: a function": (lambda: fill_in(GUESSER, str.split, "a [MASK]"), "tokenizer Tokenizer"),  # pyright: ignore
    "probabilities: a guesser": (
        lambda: predict_probabilities(GUESSER, TOKENIZER, ["good"]), "model NanoBertForClassification"  # pyright: ignore
    ),
    "evaluate: a guesser": (lambda: evaluate(GUESSER, TOKENIZER, SPLIT), "model NanoBertForClassification"),  # pyright: ignore
    "evaluate: a corpus": (lambda: evaluate(CLASSIFIER, TOKENIZER, CORPUS), "The split Split"),  # pyright: ignore
    "evaluate: texts": (lambda: evaluate(CLASSIFIER, TOKENIZER, ["good"]), "The split Split"),  # pyright: ignore
    "train: a guesser": (lambda: train(GUESSER, TOKENIZER, CORPUS), "model NanoBertForClassification"),  # pyright: ignore
    "train: a split": (lambda: train(CLASSIFIER, TOKENIZER, SPLIT), "corpus Corpus"),  # pyright: ignore
    "train: a dictionary": (
        lambda: train(CLASSIFIER, TOKENIZER, CORPUS, {"epochs": 1}), "settings TrainingConfig"  # pyright: ignore
    ),
    "train: an empty one": (lambda: train(CLASSIFIER, TOKENIZER, CORPUS, {}), "settings TrainingConfig"),  # pyright: ignore
    "train: a folder": (lambda: train(CLASSIFIER, TOKENIZER, CORPUS, None, "runs/mine"), "run Run"),  # pyright: ignore
    "pretrain: a classifier": (
        lambda: pretrain(CLASSIFIER, TOKENIZER, ["good"], ["bad"]), "model NanoBertForPreTraining"  # pyright: ignore
    ),
    "pretrain: a share": (lambda: pretrain(GUESSER, TOKENIZER, ["good"], ["bad"], None, 0.15), "masking Masking"),  # pyright: ignore
    "masking: a seed": (lambda: mask_words(IDS, TOKENIZER, 3), "generator Generator"),  # pyright: ignore
    "masking: a vocabulary": (lambda: mask_words(IDS, TOKENIZER.vocab, SEED), "tokenizer Tokenizer"),  # pyright: ignore
    "majority: lists": (lambda: majority(["good"], SPLIT, CORPUS.label_names), "The split train Split"),  # pyright: ignore
    "majority: a corpus": (lambda: majority(SPLIT, CORPUS, CORPUS.label_names), "The split test Split"),  # pyright: ignore
    "bag: a vocabulary": (lambda: BagOfWords(["good"], CORPUS.label_names), "tokenizer Tokenizer"),  # pyright: ignore
    "bag: a corpus": (lambda: BagOfWords(TOKENIZER, CORPUS.label_names).fit(CORPUS), "The split train Split"),  # pyright: ignore
    "bag: texts": (lambda: BagOfWords(TOKENIZER, CORPUS.label_names).evaluate(["good"]), "The split Split"),  # pyright: ignore
}  # fmt: skip


@pytest.mark.parametrize("what", OTHER_KINDS)
def test_something_of_another_kind_is_named(what: str) -> None:
    """What was given, what is wanted, and in most cases how to get it; never an attribute that something has not."""
    refused, wanted = OTHER_KINDS[what]
    name, _, kind = wanted.rpartition(" ")
    with pytest.raises(TypeError, match=rf"^{name} must be a {kind}, but it is of the type \w+(: |\.)"):
        refused()


def test_what_one_cannot_learn_from_is_no_split_of_a_baseline() -> None:
    names, bag = CORPUS.label_names, BagOfWords(TOKENIZER, CORPUS.label_names)
    for refused in (lambda: majority(Split([], []), SPLIT, names), lambda: bag.fit(Split([], []))):
        with pytest.raises(ValueError, match=r"^The split train has no text to judge: give at least one"):
            refused()
    for refused in (lambda: majority(SPLIT, Split([], []), names), lambda: bag.evaluate(Split([], []))):
        with pytest.raises(ValueError, match=r"^The split( test)? has no text to judge: give at least one"):
            refused()
    for refused in (lambda: bag.fit(Split(["good"], [2])), lambda: bag.evaluate(Split(["good"], [2]))):
        with pytest.raises(ValueError, match=r"^The split( train)? has the label 2, but labels go from 0 to 1"):
            refused()
    with pytest.raises(TypeError, match=r"^texts is a list of texts, but it is one string"):
        bag("good film")
    with pytest.raises(TypeError, match=r"^names is a list of texts, but it is one string"):
        BagOfWords(TOKENIZER, "np")


# Masking

PIECES = WordPieceTokenizer([*SPECIAL_TOKENS, "un", "##forget", "##table", "film", "the"])


def test_a_piece_that_opens_a_row_belongs_to_no_word_of_the_row_before() -> None:
    """Rows without [CLS], such as one long text in slices: each row is hidden as if it stood alone."""
    rows = torch.tensor([[8, 5], [6, 7], [6, 9]])  # film un | ##forget ##table | ##forget the
    together = set[tuple[bool, bool]]()
    for seed in range(60):
        _, labels = mask_words(rows, PIECES, torch.Generator().manual_seed(seed), share=0.2, whole_words=True)
        chosen = labels != IGNORED
        assert chosen[1, 0] == chosen[1, 1], "pieces of one word in one row go together"
        together.add((bool(chosen[0, 1]), bool(chosen[1, 0])))
    assert (True, False) in together
    assert (False, True) in together


@pytest.mark.parametrize("ids", [[1, 5], np.array([1, 5]), None, torch.tensor([1.0, 5.0]), torch.tensor([1, 5]).byte()])
def test_masking_refuses_what_are_no_ids(ids: Any) -> None:
    """Bytes would be taken for a mask."""
    with pytest.raises(TypeError, match=r"^input_ids "):
        mask_words(ids, PIECES, torch.Generator())


@pytest.mark.parametrize("wrong", ["0.15", None, True, [0.15]])
def test_masking_refuses_a_share_that_is_no_number(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"^share is a part of the tokens"):
        Masking(wrong)
    with pytest.raises(TypeError, match=r"^whole_words is True or False, but it is 'yes'"):
        Masking(0.1, "yes")  # pyright: ignore[reportArgumentType]


# Measuring, drawing, settings


def test_answers_are_compared_from_lists_arrays_and_tensors() -> None:
    names = ("no", "yes")
    expected = measure([1, 1, 0], [1, 0, 0], names)
    kinds: list[Any] = [np.array, torch.tensor, tuple]
    for kind in kinds:
        assert measure(kind([1, 1, 0]), kind([1, 0, 0]), names) == expected
    wrong: Any
    for wrong in ([1.0, 1, 0], ["1", "1", "0"], None, [[1], [1], [0]], np.array([1.0, 1, 0])):
        with pytest.raises(TypeError, match=r"^answered holds an id of a class for each text, a whole number, not"):
            measure([1, 1, 0], wrong, names)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"names is a list of texts, but it is one string"):
        measure([1, 1, 0], [1, 0, 0], "ny")


def test_what_cannot_be_drawn_is_refused() -> None:
    nan = torch.full((2, 2), float("nan"))
    for refused, sentence in (
        (lambda: plot_attention(["a", "b"], nan), "^weights cannot be drawn: .* not finite"),
        (lambda: plot_attention(["a", "b"], [[0.5, 0.5], [0.5, 0.5]]), "^weights must be a tensor"),  # pyright: ignore
        (lambda: plot_attention(["a", "b"], torch.ones(1, 2, 2)), r"these have \(1, 2, 2\)"),
        (lambda: plot_embeddings(["a", "b"], torch.ones(2, 4)), r"three numbers, .* the shape \(2, 4\)"),
        (lambda: plot_embeddings(["a", "b"], torch.tensor(1.0)), "2 words and no vectors"),
        (lambda: plot_embeddings(["a", "b"], torch.full((2, 3), float("inf"))), "^vectors cannot be drawn"),
        (lambda: plot_history([]), "no epoch to draw"),
    ):
        with pytest.raises((TypeError, ValueError), match=sentence):
            refused()


def test_settings_from_numpy_are_python_s_own() -> None:
    """So that a JSON file can hold them, and two equal configurations are the same."""
    sizes = {"vocab_size": np.int64(12), "n_layers": np.uint8(2), "n_heads": np.int32(2), "n_embed": np.int16(4)}
    others = {
        "max_seq_len": np.int64(8),
        "pad_id": np.int64(0),
        "dropout": np.float32(0),
        "norm_first": np.bool_(False),
    }
    given: dict[str, Any] = sizes | others | {"labels": np.array(["negative", "positive"])}
    config = BertConfig(**given)
    assert config == CONFIG
    kinds = {type(value) for value in config.to_dict().values()}
    assert kinds <= {int, float, bool, str, tuple, type(None)}


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("n_embed", 4.0, "n_embed counts something, .* not 4.0"),
        ("n_embed", np.float64(4), "n_embed counts something"),
        ("vocab_size", torch.tensor(12), "vocab_size counts something"),
        ("norm_first", "yes", "norm_first is True or False, but it is 'yes'"),
        ("norm_first", 1, "norm_first is True or False, but it is 1"),
        ("pooler", None, "pooler is True or False"),
        ("dropout", 0.1j, "dropout is a number"),
        ("dropout", 10**5000, "dropout is the share .* inf"),
        ("layer_norm_eps", 10**400, "layer_norm_eps must be above 0 and finite"),
        ("n_layers", 10**5000, "n_layers is a number of more than 600 digits"),
        ("pad_id", -(10**5000), "pad_id is a number of more than 600 digits"),
        ("labels", {"a", "b"}, "labels is a list of names"),
        ("labels", {0: "a", 1: "b"}, "labels is a list of names"),
        ("labels", None, "labels is a list of names"),
        ("labels", 2, "labels is a list of names"),
        ("labels", [0, 1], r"labels are names, .* \(0, 1\)"),
        ("labels", [["a"], ["b"]], "labels are names"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settings_of_another_kind_are_refused(name: str, wrong: Any, sentence: str) -> None:
    settings: dict[str, Any] = {"vocab_size": 12, name: wrong}
    with pytest.raises((TypeError, ValueError), match=f"^{sentence}") as caught:
        BertConfig(**settings)
    assert len(str(caught.value)) < 500


def test_what_transformers_reads_is_read_alike() -> None:
    """The same numbers for the same inputs, in every form that both take."""
    model: nn.Module = MODELS["NanoBERT"]
    oracle = hugging_face(model, transformers.BertModel)
    for kind in (torch.int32, torch.int64):
        for mask in (MASK, MASK.int(), MASK.float()):
            inputs = {"attention_mask": mask, "token_type_ids": torch.zeros_like(IDS).to(kind)}
            theirs = oracle(IDS.to(kind), **inputs).last_hidden_state
            torch.testing.assert_close(
                model(IDS.to(kind), **inputs).last_hidden_state[MASK], theirs[MASK], atol=1e-5, rtol=0
            )
