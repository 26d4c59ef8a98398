"""Prediction: what a trained model thinks of a text, which words it would miss, and which it would fill in.

The effect of a word is measured, not read off the attention weights: the text is asked about again without it
(leave-one-out, Li, Monroe and Jurafsky, 2016, https://arxiv.org/abs/1612.08220). That is no full explanation
either, since words can stand in for each other, but it says what would really have happened.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from nano_bert.bert_module import BertModule
from nano_bert.model import NanoBertForClassification, NanoBertForPreTraining
from nano_bert.pretrained.hub import SETTINGS, find_files, local_folder
from nano_bert.pretrained.safe_files import read_json
from nano_bert.tokenizer.base import Tokenizer
from nano_bert.tokenizer.check_given import check_count, is_whole, shown
from nano_bert.tokenizer.wordpiece import WordPieceTokenizer
from nano_bert.tokenizer.words import WordTokenizer
from nano_bert.training.evaluation import check_tokenizer, probabilities_of_rows, shares_of

CHECKPOINTS = Path(__file__).parent / "checkpoints"


@dataclass(frozen=True)
class Prediction:
    """An answer and its reasons.

    Attributes:
        label: The most probable class.
        probabilities: The probability of each class.
        effects: For each word that was read, in the order of the text, by how much the probability of `label` falls
            when the word is left out. A word that speaks against the label has a negative effect.
        unread: The words that the model never saw, since the text is longer than what it reads.
    """

    label: str
    probabilities: dict[str, float]
    effects: list[tuple[str, float]]
    unread: list[str] = field(default_factory=list[str])

    def strongest(self, n: int = 5) -> list[tuple[str, float]]:
        """Return the `n` words with the largest effects, whichever way they point."""
        check_count("n", n)
        return sorted(self.effects, key=lambda effect: -abs(effect[1]))[:n]


def predict(model: NanoBertForClassification, tokenizer: Tokenizer, text: str) -> Prediction:
    """Classify a text, and measure what each of its words does to the answer.

    An effect is that of leaving the word out, with all its pieces, which also moves all later words towards the front.
    What was cut off, because the text is too long, does not move in.

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
    check_tokenizer(model, tokenizer, NanoBertForClassification)
    words = list(tokenizer.words(text))
    if not words:
        raise ValueError(f"There is no word to judge in {text!r:.80}: give a text with at least one word.")
    reader = copy.copy(tokenizer)
    reader.max_seq_len = min(tokenizer.max_seq_len or model.config.max_seq_len, model.config.max_seq_len)
    # Each token that is read: its id, and the number of the word that it is a part of.
    ids = reader.cut([index for _, tokens in words for index in tokenizer.ids_of(tokens)])
    parts = reader.cut([number for number, (_, tokens) in enumerate(words) for _ in tokens])
    kept = set(parts)
    read = sorted(kept)
    without = [[index for index, part in zip(ids, parts, strict=True) if part != number] for number in read]
    rows = [[tokenizer.cls_id, *row, tokenizer.sep_id] for row in (ids, *without)]
    probabilities = probabilities_of_rows(model, tokenizer, rows)
    answer = int(probabilities[0].argmax())
    effects: list[float] = (probabilities[0, answer] - probabilities[1:, answer]).tolist()
    shares: list[float] = probabilities[0].tolist()
    return Prediction(
        label=model.config.labels[answer],
        probabilities=dict(zip(model.config.labels, shares, strict=True)),
        effects=[(words[number][0], effect) for number, effect in zip(read, effects, strict=True)],
        unread=[word for number, (word, _) in enumerate(words) if number not in kept],
    )


def load_classifier(name: str | Path) -> tuple[NanoBertForClassification, Tokenizer]:
    """Return a trained classifier and its tokenizer.

    Args:
        name: The name of a model that comes with the package, such as "imdb-tiny", or a folder.

    Raises:
        FileNotFoundError: If it is neither.
        ValueError: If the folder is damaged, or its model and vocabulary do not fit each other.
    """
    folder = find_shipped(name)
    if not folder.is_dir():
        shipped = ", ".join(shipped_models())
        raise FileNotFoundError(f"{shown(str(name))} is neither a folder nor a model of the package: {shipped}.")
    model = NanoBertForClassification.from_pretrained(folder)
    tokenizer = load_tokenizer(folder)
    check_fit(folder, model, tokenizer)
    return model, tokenizer


def load_pretrained(name: str | Path) -> tuple[NanoBertForPreTraining, Tokenizer]:
    """Return a model that guesses words, and its tokenizer.

    Args:
        name: "imdb-pretrained" or "imdb-halves", which come with the package, or a folder that `nano-bert pretrain`
            wrote.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If the folder is damaged, or its model guesses no words.
    """
    folder = find_shipped(name)
    model, tokenizer = NanoBertForPreTraining.from_pretrained(folder), load_tokenizer(folder)
    check_fit(folder, model, tokenizer)
    return model, tokenizer


def find_shipped(name: str | Path) -> Path:
    """Return the folder of a model that comes with the package or, where the name is none of these, of that name."""
    folder = local_folder(name)
    return CHECKPOINTS / name if (CHECKPOINTS / folder / "config.json").is_file() else folder


def load_tokenizer(folder: Path) -> WordTokenizer | WordPieceTokenizer:
    """Return the tokenizer of a folder, whichever kind it is; the folder says so."""
    path = find_files(folder) / SETTINGS
    settings = read_json(path) if path.exists() else {}  # an old BERT's folder says nothing
    reads_words = settings.get("tokenizer_class") == "WordTokenizer"
    return (WordTokenizer if reads_words else WordPieceTokenizer).from_pretrained(path.parent)


def check_fit(folder: Path, model: BertModule, tokenizer: Tokenizer) -> None:
    """Refuse a model and a vocabulary that were not made for each other; let no text be longer than the model reads."""
    if len(tokenizer) != model.config.vocab_size:
        raise ValueError(
            f"{folder} does not fit together: vocab.txt has {len(tokenizer)} entries, but the model was made for "
            f"{model.config.vocab_size}."
        )
    try:
        check_tokenizer(model, tokenizer)
    except ValueError as error:
        raise ValueError(f"{folder} does not fit together: {error}") from error
    if tokenizer.max_seq_len is None:
        tokenizer.max_seq_len = model.config.max_seq_len
    if tokenizer.max_seq_len > model.config.max_seq_len:
        raise ValueError(
            f"{folder} does not fit together: tokenizer_config.json cuts texts to {tokenizer.max_seq_len} tokens, but "
            f"the model reads {model.config.max_seq_len} at most."
        )


def fill_in(
    model: NanoBertForPreTraining, tokenizer: Tokenizer, text: str, n: int = 5
) -> list[list[tuple[str, float]]]:
    """Guess the words that a text hides.

    Args:
        model: A pretrained model.
        tokenizer: Its tokenizer.
        text: A text with `[MASK]` in it, once or more often.
        n: How many guesses to return for each.

    Returns:
        For each `[MASK]` the `n` most probable words, with their probabilities.

    Raises:
        ValueError: If the text hides nothing.

    Examples:
        >>> from nano_bert.predict import fill_in, load_pretrained
        >>> model, tokenizer = load_pretrained("imdb-pretrained")
        >>> [word for word, probability in fill_in(model, tokenizer, "the special [MASK] are great")[0][:1]]
        ['effects']
    """
    check_tokenizer(model, tokenizer, NanoBertForPreTraining)
    if not is_whole(n) or not 1 <= n <= len(tokenizer):
        raise ValueError(
            f"The model guesses among {len(tokenizer)} words, but {n!r:.80} guesses are asked for: give n from 1 to "
            f"their number."
        )
    ids = torch.tensor(tokenizer.encode(text), device=model.device)
    places = ids == tokenizer.mask_id
    if not places.any():
        mask = tokenizer.id_to_token[tokenizer.mask_id]
        cut = mask in tokenizer.tokenize(text)
        why = "The text is too long, and what is hidden was cut off" if cut else "Nothing is hidden"
        raise ValueError(f"{why} in {text!r:.80}: write {mask} in place of a word.")
    with torch.no_grad():
        guesses = shares_of(model(ids).prediction_logits[places]).topk(n)
    shares: list[list[float]] = guesses.values.tolist()
    indices: list[list[int]] = guesses.indices.tolist()
    words = [[tokenizer.id_to_token[index] for index in each] for each in indices]
    return [list(zip(*each, strict=True)) for each in zip(words, shares, strict=True)]


def shipped_models() -> Sequence[str]:
    """Return the names of the trained classifiers that come with the package."""
    return sorted(path.parent.name for path in CHECKPOINTS.glob("*/config.json") if b"Classif" in path.read_bytes())
