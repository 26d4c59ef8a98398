"""The baselines: scikit-learn's logistic regression is the oracle, and word order is beyond them."""

import random

import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from nano_bert import WordTokenizer
from nano_bert.data import Split
from nano_bert.training.baselines import BagOfWords, majority
from tests.phrases import phrases

NAMES = ("negative", "neutral", "positive")


def random_split(n_classes: int, seed: int, n_texts: int = 120) -> Split:
    """Texts of 0 to 12 words, the class of each hinted at by some of them, with capitals and commas."""
    draw = random.Random(seed)
    texts: list[str] = []
    labels: list[int] = []
    for _ in range(n_texts):
        label = draw.randrange(n_classes)
        words = [f"Word{draw.randrange(30)}" for _ in range(draw.randint(0, 10))]
        words += [f"hint{label}"] * draw.choice([0, 1, 2])
        draw.shuffle(words)
        texts.append(", ".join(words))
        labels.append(label)
    return Split(texts, labels)


@pytest.mark.parametrize("penalty", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("tf_idf", [False, True], ids=["presence", "tf-idf"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_bag_of_words_is_logistic_regression(n_classes: int, tf_idf: bool, penalty: float) -> None:
    train, test = random_split(n_classes, seed=0), random_split(n_classes, seed=1)
    tokenizer = WordTokenizer.from_texts(train.texts, min_freq=2)
    bag = BagOfWords(tokenizer, NAMES[:n_classes], tf_idf).fit(train, penalty)

    columns = {"tokenizer": tokenizer.tokenize, "lowercase": False, "token_pattern": None}
    columns["vocabulary"] = tokenizer.id_to_token[5:]
    vectorizer = TfidfVectorizer(sublinear_tf=True, **columns) if tf_idf else CountVectorizer(binary=True, **columns)
    # Of two classes scikit-learn keeps one row of weights, the difference of our two. Twice a half squared is a half:
    # the same penalty pulls at it half as much.
    strength = 2 / penalty if n_classes == 2 else 1 / penalty
    oracle = LogisticRegression(C=strength, tol=1e-8, max_iter=10_000)
    oracle.fit(vectorizer.fit_transform(train.texts), train.labels)

    ours = bag(test.texts).softmax(dim=-1)
    theirs = torch.tensor(oracle.predict_proba(vectorizer.transform(test.texts)), dtype=torch.float)
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=0)
    assert bag.evaluate(test).accuracy == oracle.score(vectorizer.transform(test.texts), test.labels)
    if n_classes == 2:
        weights, [expected] = bag.word_weights(), oracle.coef_
        assert list(weights.values()) == sorted(weights.values())
        assert [weights[word] for word in columns["vocabulary"]] == pytest.approx(expected, abs=5e-3, rel=5e-3)
        assert len(weights) == len(expected), "the special tokens are no words"


@pytest.mark.parametrize("tf_idf", [False, True], ids=["presence", "tf-idf"])
def test_word_order_is_beyond_a_bag_of_words(tf_idf: bool) -> None:
    """Twins have the same words, so one of each pair is wrong, whatever was learnt."""
    corpus = phrases(1000)
    tokenizer = WordTokenizer.from_texts(corpus.train.texts)
    bag = BagOfWords(tokenizer, corpus.label_names, tf_idf).fit(corpus.train)
    for split in (corpus.train, corpus.validation, corpus.test):
        assert bag.evaluate(split).accuracy == 0.5


def test_unknown_words_say_nothing() -> None:
    train = Split(["good film", "bad film"], [1, 0])
    bag = BagOfWords(WordTokenizer.from_texts(train.texts), ("negative", "positive"), tf_idf=True).fit(train)
    assert torch.equal(bag(["good"]), bag(["an unheard good"]))
    assert torch.equal(bag(["nothing known"]), bag([""]))


def test_a_stronger_penalty_makes_smaller_weights() -> None:
    train = random_split(n_classes=2, seed=0)
    tokenizer = WordTokenizer.from_texts(train.texts)
    sizes = [BagOfWords(tokenizer, NAMES[:2]).fit(train, penalty).weights.weight.norm() for penalty in (0.1, 1.0, 10.0)]
    assert sizes == sorted(sizes, reverse=True)


def test_the_majority_is_that_of_the_training_texts() -> None:
    train, test = Split(["a", "b", "c"], [0, 2, 2]), Split(["d", "e", "f", "g"], [0, 0, 1, 2])
    metrics = majority(train, test, NAMES)
    assert metrics.accuracy == 0.25
    assert metrics.confusion == [[0, 0, 2], [0, 0, 1], [0, 0, 1]]
