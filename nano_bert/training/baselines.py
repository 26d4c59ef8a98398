"""Baselines: what one gets without a transformer. A result that does not beat them says nothing.

The bag of words forgets the order of a text and keeps which words occur in it. Each word has a weight for each
class; a text's score is the sum over its words. It is logistic regression (Cox, 1958) and, on IMDB, hard to beat
(Wang and Manning, 2012, https://aclanthology.org/P12-2018).
"""

from collections import Counter
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nano_bert.data.corpus import Split, check_split
from nano_bert.tokenizer.base import Tokenizer
from nano_bert.tokenizer.check_given import Text, check_kind, check_texts
from nano_bert.training.evaluation import Metrics, measure


def majority(train: Split, test: Split, names: Sequence[str]) -> Metrics:
    """Answer always with the class that is most frequent in the training split.

    Examples:
        >>> from nano_bert.training.baselines import majority
        >>> from nano_bert.data.corpus import Split, check_split
        >>> train, test = Split(["a", "b", "c"], [1, 1, 0]), Split(["d", "e"], [0, 1])
        >>> majority(train, test, names=("negative", "positive")).accuracy
        0.5
    """
    check_split(train, len(names), "The split train")
    check_split(test, len(names), "The split test")
    [(most_frequent, _)] = Counter(train.labels).most_common(1)
    return measure(test.labels, [most_frequent] * len(test), names)


class BagOfWords(nn.Module):
    """Logistic regression on the words that occur in a text: whole texts, nothing cut.

    Args:
        tokenizer: Splits texts into words; its vocabulary is the list of features.
        names: The names of the classes.
        tf_idf: Whether words count unequally: a word more, the more often it stands in the text and the fewer
            texts it stands in, and all words of a text together as much as those of any other text (Salton and
            Buckley, 1988, https://doi.org/10.1016/0306-4573(88)90021-0). Otherwise each word that occurs counts 1.

    Examples:
        >>> from nano_bert import WordTokenizer
        >>> from nano_bert.training.baselines import BagOfWords
        >>> from nano_bert.data.corpus import Split, check_split
        >>> train = Split(["good film", "bad film"], [1, 0])
        >>> bag = BagOfWords(WordTokenizer.from_texts(train.texts), ("negative", "positive")).fit(train)
        >>> bag.evaluate(Split(["a good one", "bad , just bad"], [1, 0])).accuracy
        1.0
    """

    def __init__(self, tokenizer: Tokenizer, names: Sequence[str], tf_idf: bool = False) -> None:
        super().__init__()
        check_kind("tokenizer", tokenizer, Tokenizer)
        self.tokenizer = tokenizer
        check_texts("names", names)
        self.names = tuple(names)
        self.tf_idf = tf_idf
        self.rarity = torch.ones(len(tokenizer))
        self.weights = nn.EmbeddingBag(len(tokenizer), len(names), mode="sum")
        self.bias = nn.Parameter(torch.zeros(len(names)))
        nn.init.zeros_(self.weights.weight)

    def forward(self, texts: Sequence[str]) -> Float[Tensor, "text n_classes"]:
        """Return the score of each class for each text."""
        return self._scores(*self._features([self._count(text) for text in check_texts("texts", texts)]))

    def fit(self, train: Split, penalty: float = 1.0, n_iterations: int = 100) -> "BagOfWords":
        """Find the weights of the words.

        Args:
            train: Texts and labels.
            penalty: Strength of the pull of all weights towards zero: penalty / 2 times the sum of their
                squares is added to the summed loss. More of it means that single words count less.
            n_iterations: Most steps of L-BFGS (Liu and Nocedal, 1989), which uses all texts in each.

        Returns:
            Itself, fitted.
        """
        check_split(train, len(self.names), "The split train")
        counts = [self._count(text) for text in train.texts]
        if self.tf_idf:
            n_texts_with = torch.zeros(len(self.tokenizer))
            for word, n_texts in Counter(word for count in counts for word in count).items():
                n_texts_with[word] = n_texts
            self.rarity = torch.log((1 + len(train)) / (1 + n_texts_with)) + 1
        features, labels = self._features(counts), torch.tensor(train.labels)
        optimizer = torch.optim.LBFGS(self.parameters(), max_iter=n_iterations, line_search_fn="strong_wolfe")

        def loss_and_gradient() -> float:
            optimizer.zero_grad()
            loss = cross_entropy(self._scores(*features), labels)
            loss = loss + penalty / 2 * self.weights.weight.square().sum() / len(train)
            loss.backward()
            return loss.item()

        optimizer.step(loss_and_gradient)
        return self

    def evaluate(self, split: Split) -> Metrics:
        """Compare its answers with the labels of a split."""
        answers = self.answer(split)
        return measure(split.labels, answers, self.names)

    def answer(self, split: Split) -> list[int]:
        """Return its answer for every text of a split, as the id of a class."""
        check_split(split, len(self.names), "The split")
        return self(split.texts).argmax(dim=-1).tolist()

    def word_weights(self) -> dict[str, float]:
        """Return what each word adds: its weight for the last class less that for the first, sorted from low to high.

        With two classes these weights and the same difference of the biases say all: a text whose sum is above 0
        belongs to the last class.

        Examples:
            >>> from nano_bert import WordTokenizer
            >>> from nano_bert.training.baselines import BagOfWords
            >>> from nano_bert.data.corpus import Split, check_split
            >>> train = Split(["good film", "bad film"], [1, 0])
            >>> bag = BagOfWords(WordTokenizer.from_texts(train.texts), ("negative", "positive")).fit(train)
            >>> {word: round(weight, 2) for word, weight in bag.word_weights().items()}
            {'bad': -0.67, 'film': 0.0, 'good': 0.67}
        """
        weights: list[float] = (self.weights.weight[:, -1] - self.weights.weight[:, 0]).tolist()
        vocab, special = self.tokenizer.vocab, self.tokenizer.special_tokens
        words = {word: weights[index] for word, index in vocab.items() if word not in special}
        return dict(sorted(words.items(), key=lambda pair: pair[1]))

    def _count(self, text: Text) -> Counter[int]:
        """Return how often each known word occurs in a text."""
        counts = Counter(self.tokenizer.token_ids(text))
        del counts[self.tokenizer.unk_id]
        return counts

    def _features(self, counts: Sequence[Counter[int]]) -> tuple[Tensor, Tensor, Tensor]:
        """Return all texts' different words in one row, where each text starts in it, and how much each counts."""
        words = torch.tensor([word for count in counts for word in count], dtype=torch.long)
        lengths = torch.tensor([len(count) for count in counts])
        starts = lengths.cumsum(dim=0) - lengths
        if not self.tf_idf:
            return words, starts, torch.ones(len(words))
        tally = torch.tensor([number for count in counts for number in count.values()], dtype=torch.float)
        values = (1 + tally.log()) * self.rarity[words]
        text = torch.repeat_interleave(torch.arange(len(counts)), lengths)  # which text each word is from
        norms = torch.zeros(len(counts)).index_add_(0, text, values.square()).sqrt()
        return words, starts, values / norms[text]

    def _scores(self, words: Tensor, starts: Tensor, values: Tensor) -> Tensor:
        return self.weights(words, starts, per_sample_weights=values) + self.bias
