"""The phrases: twins, a proof that a bag of words fails, and a check that attention does not."""

from collections import Counter
from collections.abc import Iterator

import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from torch import nn

from nano_bert.data import Corpus, Split, load_phrases
from nano_bert.data.phrases import NEGATIVE, POSITIVE, TEMPLATES, all_pairs, twins


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_phrases()


@pytest.fixture(scope="module")
def labels() -> dict[str, int]:
    every_pair = (pair for template in TEMPLATES for pair in twins(template))
    return {phrase: label for pair in every_pair for phrase, label in zip(pair, (1, 0), strict=True)}


def splits(corpus: Corpus) -> tuple[Split, Split, Split]:
    return corpus.train, corpus.validation, corpus.test


def bag(phrase: str) -> tuple[str, ...]:
    return tuple(sorted(phrase.split()))


def test_twins_have_the_same_words_and_differ() -> None:
    for template in TEMPLATES:
        for positive, negative in twins(template):
            assert bag(positive) == bag(negative)
            assert positive != negative


def test_the_grammar_writes_no_phrase_twice() -> None:
    phrases = [phrase for template in TEMPLATES for pair in twins(template) for phrase in pair]
    assert len(phrases) == len(set(phrases))


def test_an_and_spaces_are_right() -> None:
    assert not any(adjective[0] in "aeiou" for adjective in POSITIVE + NEGATIVE)  # "a good one", never "a awful one"
    assert not set(POSITIVE) & set(NEGATIVE)
    for pair in all_pairs(seed=0):
        for phrase in pair:
            assert phrase == " ".join(phrase.split())
            assert "{" not in phrase


@pytest.mark.parametrize(
    ("phrase", "label"),
    [
        ("the film was good not bad", 1),
        ("the film was bad not good", 0),
        ("the plot was not dull but really clever", 1),
        ("the plot was not good at all , even bad", 0),
        ("the plot was not bad at all , even good", 1),
        ("far from funny , the script was dull", 0),
        ("the story was far more boring than gripping", 0),
        ("the story was less boring than gripping", 1),
        ("the cast was always warm and never flat", 1),
        ("i expected a fresh film and got a stale one", 0),
        ("the ending was poor but the film was good", 1),
        ("the movie was dreary although the score was lively", 0),
    ],
)
def test_labels_say_what_the_phrase_says(labels: dict[str, int], phrase: str, label: int) -> None:
    assert labels[phrase] == label


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_splits_are_made_of_whole_pairs_and_share_nothing(seed: int) -> None:
    corpus = load_phrases(seed=seed)
    assert [len(split) for split in splits(corpus)] == [4000, 500, 500]
    seen: set[str] = set()
    for split in splits(corpus):
        # As many of each label in every bag of words: no function of the bag is right more often than by chance.
        balance: Counter[tuple[str, ...]] = Counter()
        for text, label in zip(split.texts, split.labels, strict=True):
            balance[bag(text)] += 1 if label else -1
        assert set(balance.values()) == {0}
        assert len(set(split.texts)) == len(split)
        assert not seen & set(split.texts)
        seen |= set(split.texts)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("n", [20, 5000])
def test_the_phrases_of_the_book_are_in_test(n: int, seed: int) -> None:
    test = load_phrases(n, seed).test
    label = dict(zip(test.texts, test.labels, strict=True))
    assert label["the film was good not bad"] == 1
    assert label["the film was bad not good"] == 0


def test_every_template_is_used_equally_often() -> None:
    pairs = all_pairs(seed=3)
    template_of = {pair: template for template in TEMPLATES for pair in twins(template)}
    counts = Counter(template_of[pair] for pair in pairs)
    assert set(counts) == set(TEMPLATES)
    assert len(set(counts.values())) == 1


def test_the_seed_draws_the_phrases_and_their_order() -> None:
    assert load_phrases(seed=1) == load_phrases(seed=1)
    assert len({*load_phrases(seed=1).train.texts} & {*load_phrases(seed=2).train.texts}) < 2000
    labels = load_phrases().train.labels
    assert 30 < sum(labels[:100]) < 70  # shuffled: neither sorted nor twin beside twin
    assert any(first == second for first, second in zip(labels[::2], labels[1::2], strict=True))


@pytest.mark.parametrize("n", [0, -20, 10, 30, 4999, 1_000_000])
def test_a_size_that_cannot_be_cut_into_pairs_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=rf"n must be a multiple of 20, from 20 to 50,960, got {n}"):
        load_phrases(n)


def test_all_phrases_of_the_grammar_can_be_had() -> None:
    corpus = load_phrases(50_960)
    assert len({text for split in splits(corpus) for text in split.texts}) == 50_960


def test_a_bag_of_words_is_right_half_the_time_exactly(corpus: Corpus) -> None:
    words = CountVectorizer(token_pattern=r"\S+")
    model = LogisticRegression().fit(words.fit_transform(corpus.train.texts), corpus.train.labels)
    for split in splits(corpus):
        assert model.score(words.transform(split.texts), split.labels) == 0.5


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Tensors this small are slower on many threads, and much slower when the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("positions", "n_epochs", "least", "most"), [(True, 4, 0.95, 1.0), (False, 1, 0.5, 0.5)])
def test_attention_solves_it_and_only_with_positions(
    corpus: Corpus, positions: bool, n_epochs: int, least: float, most: float
) -> None:
    """One layer of PyTorch's own, 16 wide, mean pooling; without positions it, too, is a bag of words."""
    torch.manual_seed(0)
    words = sorted({word for text in corpus.train.texts for word in text.split()})
    ids = {word: number for number, word in enumerate(words, start=1)}
    length = max(len(text.split()) for split in splits(corpus) for text in split.texts)

    def encode(split: Split) -> tuple[torch.Tensor, torch.Tensor]:
        rows = [[ids[word] for word in text.split()] for text in split.texts]
        padded = [row + [0] * (length - len(row)) for row in rows]
        return torch.tensor(padded), torch.tensor(split.labels)

    word_table = nn.Embedding(len(ids) + 1, 16)
    position_table = nn.Embedding(length, 16)
    for table in (word_table, position_table):
        nn.init.normal_(table.weight, std=0.1)
    encoder = nn.TransformerEncoderLayer(16, 2, 64, dropout=0.0, activation="gelu", batch_first=True)
    norm, classifier = nn.LayerNorm(16), nn.Linear(16, 2)
    parts = nn.ModuleList([word_table, position_table, norm, encoder, classifier])

    def logits(input_ids: torch.Tensor) -> torch.Tensor:
        padding = input_ids == 0
        hidden = word_table(input_ids)
        if positions:
            hidden = hidden + position_table.weight
        hidden = encoder(norm(hidden), src_key_padding_mask=padding)
        hidden = hidden * ~padding[..., None]
        return classifier(hidden.sum(dim=1) / (~padding).sum(dim=1, keepdim=True))

    input_ids, labels = encode(corpus.train)
    optimizer = torch.optim.AdamW(parts.parameters(), lr=1e-2)
    for _ in range(n_epochs):
        for batch in torch.randperm(len(labels)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits(input_ids[batch]), labels[batch]).backward()
            optimizer.step()
    parts.eval()
    with torch.no_grad():
        input_ids, labels = encode(corpus.test)
        # In float64, so that twins, whose words are added up in another order, cannot fall on two sides of a tie.
        parts.double()
        accuracy = (logits(input_ids).argmax(dim=1) == labels).double().mean().item()
    assert least <= accuracy <= most
