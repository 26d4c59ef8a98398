"""Prediction: what a trained model thinks of a text, and which words it would miss.

The effect of a word is measured, not read off the attention weights: the text is asked about again without it
(leave-one-out, Li, Monroe and Jurafsky, 2016, https://arxiv.org/abs/1612.08220). That is no full explanation
either, since words can stand in for each other, but it says what would really have happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nano_bert.encoding import Tokenizer
from nano_bert.evaluation import predict_probabilities
from nano_bert.model import NanoBertForClassification
from nano_bert.tokenizer import WordTokenizer

CHECKPOINTS = Path(__file__).parent / "checkpoints"


@dataclass(frozen=True)
class Prediction:
    """An answer and its reasons.

    Attributes:
        label: The most probable class.
        probabilities: The probability of each class.
        effects: For each word, in the order of the text, by how much the probability of `label` falls when the
            word is left out. A word that speaks against the label has a negative effect.
    """

    label: str
    probabilities: dict[str, float]
    effects: list[tuple[str, float]]

    def strongest(self, n: int = 5) -> list[tuple[str, float]]:
        """Return the `n` words with the largest effects, whichever way they point."""
        return sorted(self.effects, key=lambda effect: -abs(effect[1]))[:n]


def predict(model: NanoBertForClassification, tokenizer: Tokenizer, text: str) -> Prediction:
    """Classify a text, and measure what each of its words does to the answer.

    Args:
        model: A trained classifier.
        tokenizer: Its tokenizer.
        text: The text.

    Raises:
        ValueError: If there is no word in the text.

    Examples:
        >>> from nano_bert.predict import load_classifier, predict
        >>> model, tokenizer = load_classifier("imdb-laptop")
        >>> predict(model, tokenizer, "A wonderful film, moving and funny.").label
        'positive'
    """
    words = tokenizer.tokenize(text)
    if not words:
        raise ValueError(f"There is no word to judge in {text!r}: give a text with at least one word.")
    shorter = [[*words[:index], *words[index + 1 :]] for index in range(len(words))]
    probabilities = predict_probabilities(model, tokenizer, [words, *shorter])
    answer = int(probabilities[0].argmax())
    effects: list[float] = (probabilities[0, answer] - probabilities[1:, answer]).tolist()
    shares: list[float] = probabilities[0].tolist()
    return Prediction(
        label=model.config.labels[answer],
        probabilities=dict(zip(model.config.labels, shares, strict=True)),
        effects=list(zip(words, effects, strict=True)),
    )


def load_classifier(name: str | Path) -> tuple[NanoBertForClassification, WordTokenizer]:
    """Return a trained classifier and its tokenizer.

    Args:
        name: The name of a model that comes with the package, such as "imdb-tiny", or a folder.

    Raises:
        FileNotFoundError: If it is neither.
        ValueError: If the folder is damaged, or its model and vocabulary do not fit each other.
    """
    shipped = shipped_models()
    folder = CHECKPOINTS / name if name in shipped else Path(name)
    if not folder.is_dir():
        raise FileNotFoundError(f"{name} is neither a folder nor a model of the package: {', '.join(shipped)}.")
    model = NanoBertForClassification.from_pretrained(folder)
    tokenizer = WordTokenizer.from_pretrained(folder)
    if len(tokenizer) != model.config.vocab_size:
        raise ValueError(
            f"{folder} does not fit together: vocab.txt has {len(tokenizer)} entries, but the model was made for "
            f"{model.config.vocab_size}."
        )
    if (tokenizer.max_seq_len or 0) > model.config.max_seq_len:
        raise ValueError(
            f"{folder} does not fit together: tokenizer_config.json cuts texts to {tokenizer.max_seq_len} tokens, but "
            f"the model reads {model.config.max_seq_len} at most."
        )
    return model, tokenizer


def shipped_models() -> Sequence[str]:
    """Return the names of the trained models that come with the package."""
    return sorted(path.parent.name for path in CHECKPOINTS.glob("*/config.json"))
