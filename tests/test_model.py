"""The whole model: the same numbers as transformers, and the same numbers however a text is batched."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from torch.nn.functional import cross_entropy

from nano_bert import BertConfig, NanoBERT, NanoBertForClassification, NanoBertForPreTraining, WordTokenizer
from nano_bert.pretrained.weight_names import to_hugging_face
from tests.oracles import (
    PRECISIONS,
    SEEDS,
    assert_same,
    gradients,
    hugging_face,
    random_batch,
    random_config,
    random_labels,
    random_weights,
)

IDS = torch.tensor([[1, 7, 8, 2], [1, 9, 2, 0]])


def named(prefix: str, tensors: tuple[Tensor, ...]) -> dict[str, Tensor]:
    return {f"{prefix} {index}": tensor for index, tensor in enumerate(tensors)}


# The oracle


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS.items())
@pytest.mark.parametrize("seed", SEEDS)
def test_nano_bert_is_bert(seed: int, dtype: torch.dtype, tolerance: float) -> None:
    """With the same weights: every hidden state, the pooler, every attention weight, every gradient."""
    config = random_config(seed)
    model = random_weights(NanoBERT(config).to(dtype), seed).eval()
    oracle = hugging_face(model)
    batch = random_batch(config, seed)

    ours, theirs = model(**batch), oracle(**batch)
    for out in (ours, theirs):
        goal = out.last_hidden_state.square().mean() + out.pooler_output.mean() + out.attentions[0].square().mean()
        goal.backward()

    tokens, sentence = "last_hidden_state", "pooler_output"
    assert_same(
        {tokens: ours.last_hidden_state, sentence: ours.pooler_output}
        | named("hidden state", ours.hidden_states)
        | named("attention", ours.attentions),
        {tokens: theirs.last_hidden_state, sentence: theirs.pooler_output}
        | named("hidden state", theirs.hidden_states)
        | named("attention", theirs.attentions),
        tolerance,
    )
    assert_same(to_hugging_face(gradients(model)), gradients(oracle), tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS.items())
@pytest.mark.parametrize("seed", SEEDS)
def test_the_classifier_is_berts(seed: int, dtype: torch.dtype, tolerance: float) -> None:
    config = random_config(seed)
    model = random_weights(NanoBertForClassification(config).to(dtype), seed).eval()
    oracle = hugging_face(model, transformers.BertForSequenceClassification)
    batch = random_batch(config, seed)
    labels = torch.randint(len(config.labels), (3,))

    ours, theirs = model(**batch, labels=labels), oracle(**batch, labels=labels)
    ours.loss.backward()
    theirs.loss.backward()

    assert_same({"logits": ours.logits, "loss": ours.loss}, {"logits": theirs.logits, "loss": theirs.loss}, tolerance)
    assert_same(named("attention", ours.attentions), named("attention", theirs.attentions), tolerance)
    assert_same(to_hugging_face(gradients(model)), gradients(oracle), tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS.items())
@pytest.mark.parametrize("asked", [("labels",), ("next_sentence_label",), ("labels", "next_sentence_label")])
@pytest.mark.parametrize("seed", SEEDS)
def test_pretraining_is_berts(seed: int, asked: tuple[str, ...], dtype: torch.dtype, tolerance: float) -> None:
    """Both guesses, both losses and their sum, and every gradient. transformers gives a loss for both or none."""
    config = random_config(seed)
    model = random_weights(NanoBertForPreTraining(config).to(dtype), seed).eval()
    oracle = hugging_face(model, transformers.BertForPreTraining)
    batch = random_batch(config, seed)
    riddles = random_labels(config, batch, seed)
    ours, theirs = model(**batch, **{name: riddles[name] for name in asked}), oracle(**batch)
    words, follows = theirs.prediction_logits, theirs.seq_relationship_logits
    losses = {
        "labels": cross_entropy(words.flatten(0, 1), riddles["labels"].flatten()),
        "next_sentence_label": cross_entropy(follows, riddles["next_sentence_label"]),
    }
    loss = oracle(**batch, **riddles).loss if len(asked) == 2 else losses[asked[0]]
    ours.loss.backward()
    loss.backward()
    assert_same(
        {"words": ours.prediction_logits, "follows": ours.seq_relationship_logits, "loss": ours.loss},
        {"words": words, "follows": follows, "loss": loss},
        tolerance,
    )
    assert_same(named("attention", ours.attentions), named("attention", theirs.attentions), tolerance)
    assert_same(to_hugging_face(gradients(model)), gradients(oracle), tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS.items())
@pytest.mark.parametrize("seed", SEEDS)
def test_a_model_that_guesses_words_alone_is_berts(seed: int, dtype: torch.dtype, tolerance: float) -> None:
    config = random_config(seed, pooler=False)
    model = random_weights(NanoBertForPreTraining(config).to(dtype), seed).eval()
    oracle = hugging_face(model, transformers.BertForMaskedLM)
    batch = random_batch(config, seed)
    labels = random_labels(config, batch, seed)["labels"]
    ours, theirs = model(**batch, labels=labels), oracle(**batch, labels=labels)
    ours.loss.backward()
    theirs.loss.backward()
    assert_same(
        {"words": ours.prediction_logits, "loss": ours.loss}, {"words": theirs.logits, "loss": theirs.loss}, tolerance
    )
    assert ours.seq_relationship_logits is None
    assert model.bert(**batch).pooler_output is None
    assert_same(to_hugging_face(gradients(model)), gradients(oracle), tolerance)


def test_without_riddles_there_is_no_loss() -> None:
    assert NanoBertForPreTraining(vocab_size=10)(IDS).loss is None


def test_words_are_written_with_the_table_that_reads_them() -> None:
    """One table, not a copy: what changes in it changes the guesses."""
    model = NanoBertForPreTraining(vocab_size=10, n_embed=4).eval()
    names = [name for name, weight in model.named_parameters() if 10 in weight.shape]
    assert names == ["bert.embedding.words.weight", "masked_word_head.bias"]
    state = torch.randn(4)
    before = model.guess_words(state)
    with torch.no_grad():
        model.bert.embedding.words.weight[7] += 1
    changed = model.guess_words(state) != before
    assert changed.tolist() == [index == 7 for index in range(10)]


def test_a_head_that_is_not_there_answers_no_question(as_a_reader: None) -> None:
    model = NanoBertForPreTraining(vocab_size=10, pooler=False)
    with pytest.raises(ValueError, match="no head for next sentences, so it takes no next_sentence_label"):
        model(IDS, next_sentence_label=torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r'pooling="cls" reads the pooler, .* none: choose pooling="mean"'):
        NanoBertForClassification(vocab_size=10, pooler=False)
    assert NanoBertForClassification(vocab_size=10, pooler=False, pooling="mean")(IDS).logits.shape == (2, 2)


# A text gives the same numbers, whatever stands beside it


def read_all(model: NanoBertForClassification, ids: Tensor, label: Tensor, n: int) -> dict[str, Tensor]:
    """Return every number that the model gives for the first `n` tokens of one text."""
    bert, out = model.bert(ids), model(ids, labels=label)
    return {
        "states": bert.last_hidden_state[..., :n, :],
        "pooler": bert.pooler_output,
        "attentions": torch.stack(bert.attentions)[..., :n, :n],
        "logits": out.logits,
        "loss": out.loss,
    }


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("seed", SEEDS)
def test_padding_and_company_change_nothing(seed: int, pooling: str) -> None:
    """Alone, as a batch of one, padded, and in a batch: states, pooler, attentions, logits and loss."""
    config = random_config(seed, pooling=pooling, norm_first=seed % 2 == 0)
    model = random_weights(NanoBertForClassification(config).double(), seed).eval()
    texts = [torch.randint(1, config.vocab_size, (length,)) for length in (2, 7, 1)]
    labels = torch.randint(len(config.labels), (3,))
    batch = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True)
    together, bert = model(batch, labels=labels), model.bert(batch)
    losses: list[Tensor] = []
    for row, (ids, label) in enumerate(zip(texts, labels, strict=True)):
        n = len(ids)
        alone = read_all(model, ids, label, n)
        padded = read_all(model, torch.cat([ids, torch.zeros(8 - n, dtype=torch.long)]), label, n)
        batch_of_one = read_all(model, ids[None], label[None], n)
        in_company = {
            "states": bert.last_hidden_state[row, :n],
            "pooler": bert.pooler_output[row],
            "attentions": torch.stack(bert.attentions)[:, row, :, :n, :n],
            "logits": together.logits[row],
            "loss": cross_entropy(together.logits[row], label),
        }
        assert_same(padded, alone, 1e-10)
        assert_same(in_company, alone, 1e-10)
        assert_same({name: tensor.reshape(alone[name].shape) for name, tensor in batch_of_one.items()}, alone, 1e-10)
        losses.append(alone["loss"])
    torch.testing.assert_close(together.loss, torch.stack(losses).mean())


def test_one_sentence_has_no_batch_axis() -> None:
    model = NanoBertForClassification(vocab_size=10, n_heads=3).eval()
    out, bert = model(IDS[0], labels=torch.tensor(1)), model.bert(IDS[0])
    assert (bert.last_hidden_state.shape, bert.pooler_output.shape) == ((4, 3), (3,))
    assert (out.logits.shape, out.loss.shape, out.attentions[0].shape) == ((2,), (), (3, 4, 4))


def test_texts_of_the_tokenizer_go_in() -> None:
    """One call's ids, filled up to the longest, give what a batch with its mask gives."""
    tokenizer = WordTokenizer(["the", "film", "was", "good", "not", "bad"], max_seq_len=16)
    model = NanoBertForClassification(vocab_size=len(tokenizer), max_seq_len=16).eval()
    logits = model(**tokenizer.encode_batch(["the film was good", "not bad"])).logits
    torch.testing.assert_close(model(tokenizer("not bad")).logits, logits[1])


# The mask


@pytest.mark.parametrize("pad_id", [0, 2])
def test_without_a_mask_padding_is_hidden(pad_id: int) -> None:
    model = NanoBertForClassification(vocab_size=10, pad_id=pad_id, pooling="mean").eval()
    padding = torch.eq(IDS, pad_id)
    assert torch.equal(model(IDS).logits, model(IDS, ~padding).logits)
    for read in (model, model.bert):
        seen = read(IDS).attentions[0].movedim(-1, 1)  # (batch, key, head, query)
        assert (seen[padding] == 0).all()
        assert (seen[~padding] > 0).all()


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int32, torch.long, torch.float32])
def test_a_mask_may_be_of_any_dtype(dtype: torch.dtype) -> None:
    model = NanoBertForClassification(vocab_size=10, pooling="mean").eval()
    mask = IDS != 0
    assert torch.equal(model(IDS, mask.to(dtype)).logits, model(IDS, mask).logits)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_a_text_that_is_all_padding_is_never_nan(dtype: torch.dtype, pooling: str) -> None:
    """In no precision, forward or backward."""
    model = NanoBertForClassification(vocab_size=10, n_embed=4, n_heads=2, n_layers=2, pooling=pooling).to(dtype).eval()
    out = model(torch.tensor([[0, 0, 0], [1, 7, 2]]), labels=torch.tensor([0, 1]))
    assert (out.attentions[0][0] == 0).all()
    out.loss.backward()
    assert all(tensor.isfinite().all() for tensor in (out.logits, out.loss, *gradients(model).values()))


# Chance, and the lack of it


def test_in_evaluation_the_same_text_gives_the_same_numbers() -> None:
    model = NanoBertForClassification(vocab_size=10, dropout=0.5).eval()
    assert torch.equal(model(IDS).logits, model(IDS).logits)


def test_without_dropout_training_and_evaluation_agree() -> None:
    model = NanoBertForClassification(vocab_size=10, dropout=0.0)
    assert torch.equal(model.train()(IDS).logits, model.eval()(IDS).logits)


def test_with_dropout_they_do_not() -> None:
    model = NanoBertForClassification(vocab_size=10, n_embed=8, dropout=0.5)
    assert not torch.allclose(model.train()(IDS).logits, model.eval()(IDS).logits)


def test_every_place_where_bert_drops_is_there() -> None:
    """After the embeddings, on each head's weights, after each sub-layer, and before the classifier."""
    model = NanoBertForClassification(vocab_size=10, n_layers=2, n_heads=2, n_embed=8, dropout=0.5)
    model = random_weights(model, 0).eval()
    logits = model(IDS).logits
    dropouts = [module for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    assert len(dropouts) == 1 + 2 * (2 + 1) + 1
    assert {dropout.p for dropout in dropouts} == {0.5}
    for dropout in dropouts:
        dropout.train()  # it alone
        assert not torch.equal(model(IDS).logits, logits)
        dropout.eval()


def test_a_seed_draws_the_same_model_and_the_same_dropout() -> None:
    def run(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return NanoBertForClassification(vocab_size=10).train()(IDS).logits

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


@pytest.mark.parametrize(("width", "segments"), [(0.02, 1.0), (0.1, 0.1)])
def test_weights_start_small_and_random(width: float, segments: float) -> None:
    """Embeddings as wide as asked, matrices by their inputs; no bias, nothing for [PAD], LayerNorms that do nothing."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=500, n_embed=64, n_layers=2, initializer_range=width, segment_range=segments, pad_id=3
    )
    model = NanoBertForClassification(config)
    for name, weight in model.named_parameters():
        if "norm" in name:
            assert torch.equal(weight, torch.full_like(weight, float(name.endswith("weight"))))
        elif name.endswith("bias"):
            assert (weight == 0).all()
        else:
            deviation = max(weight.shape) ** -0.5  # orthogonal: columns, or rows, of length 1
            if "embedding" in name:
                deviation = segments if "segments" in name else width
            assert abs(weight.std().item() / deviation - 1) < 0.25, name
            assert abs(weight.mean().item()) < 0.25 * deviation, name
    assert (model.bert.embedding.words.weight[3] == 0).all()
    assert model.bert.embedding.words.weight[0].std() > width / 2


def test_inputs_are_never_changed() -> None:
    config = random_config(0)
    model = random_weights(NanoBertForClassification(config), 0)
    batch = {**random_batch(config, 0), "labels": torch.tensor([0, 1, 0])}
    before = {name: tensor.clone() for name, tensor in batch.items()}
    model(**batch).loss.backward()
    assert all(torch.equal(batch[name], before[name]) for name in batch)


# Errors: the model says what it got, what it wants, and how to mend it


@pytest.fixture(params=["model", "classifier"])
def read(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return a way to read texts that the reader has: the bare model, or a classifier."""
    kind = NanoBERT if request.param == "model" else NanoBertForClassification
    return kind(vocab_size=10, max_seq_len=6, pooling="mean")


@pytest.mark.parametrize(
    ("ids", "error", "sentence"),
    [
        (torch.ones(2, 7, dtype=torch.long), ValueError, "7 tokens, .* max_seq_len=6. Cut the text with a tokenizer"),
        (torch.tensor([[1, 10]]), ValueError, "input_ids holds 10, .* ids 0 to 9. .*same vocabulary"),
        (torch.tensor([[1, -1]]), ValueError, "input_ids holds -1"),
        (IDS.float(), TypeError, r"whole numbers .* torch.float32. Use input_ids.long\(\)"),
        (IDS[:0], ValueError, r"at least one text of at least one token, .* \(0, 4\)"),
    ],
)
def test_wrong_ids_are_refused(
    as_a_reader: None, read: Callable[..., Any], ids: Tensor, error: type, sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        read(ids)


@pytest.mark.parametrize("shape", [(2, 3), (4,), (1, 4), (2, 4, 1), ()])
def test_a_mask_of_another_shape_is_refused(
    as_a_reader: None, read: Callable[..., Any], shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"attention_mask .* needs the shape of input_ids, \(2, 4\), but it has \("):
        read(IDS, torch.ones(shape))


@pytest.mark.parametrize("value", [2, -1, 0.5, float("nan"), -10000.0])
def test_a_mask_of_other_numbers_is_refused(as_a_reader: None, read: Callable[..., Any], value: float) -> None:
    with pytest.raises(ValueError, match="holds 1 for a token and 0 for padding, but this one holds other numbers"):
        read(IDS, torch.full((2, 4), value))


@pytest.mark.parametrize("labels", [[0, 2], [-1, 0], [0, -100]])
def test_an_unknown_label_is_refused(as_a_reader: None, labels: list[int]) -> None:
    model = NanoBertForClassification(vocab_size=10)
    wrong = next(label for label in labels if label not in (0, 1))
    with pytest.raises(ValueError, match=rf"{wrong} is not the id of a class. .*: 0 \(negative\), 1 \(positive\)"):
        model(IDS, labels=torch.tensor(labels))


@pytest.mark.parametrize("kind", [NanoBERT, NanoBertForClassification])
def test_a_model_says_what_it_needs(kind: type) -> None:
    with pytest.raises(TypeError, match="needs vocab_size"):
        kind()
    with pytest.raises(TypeError, match="no setting named 'heads'"):
        kind(vocab_size=10, heads=2)


def test_the_mean_is_taken_over_what_the_mask_shows() -> None:
    """Of real words, too: hidden by the mask, or padding that it shows."""
    config = random_config(0, pooling="mean")
    model, ids = random_weights(NanoBertForClassification(config), 0).eval(), torch.tensor([[1, 2, 3, config.pad_id]])
    for mask in (torch.tensor([[1, 0, 1, 0]]), torch.tensor([[1, 1, 1, 1]]), torch.tensor([[0, 0, 0, 1]])):
        vectors = model.bert(ids, mask).last_hidden_state
        expected = model.classifier(vectors[mask.bool()].mean(dim=0))
        torch.testing.assert_close(model(ids, mask).logits[0], expected)
