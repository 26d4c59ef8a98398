"""The settings of a model, in one place, checked before anything is built.

The names are those of nano-BERT; the defaults of the architecture are those of the original BERT
(Devlin et al., 2019, section 3, https://arxiv.org/abs/1810.04805) and of the code published with it
(https://github.com/google-research/bert). Sizes default to something that a laptop trains in seconds.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict, dataclass, fields
from numbers import Integral, Real
from typing import Any, Literal, cast

import numpy as np

Pooling = Literal["cls", "mean"]

SIZES = ("vocab_size", "n_layers", "n_heads", "n_embed", "n_feed_forward", "max_seq_len", "n_token_types")
NUMBERS = ("dropout", "attention_dropout", "layer_norm_eps", "initializer_range", "segment_range")
LARGEST = 4_000_000_000  # parameters: 16 GB, more than a laptop has, and twelve times BERT-large


@dataclass(frozen=True)
class BertConfig:
    """Everything that decides a model's shape. It cannot be changed once made.

    Args:
        vocab_size: Number of entries in the vocabulary, special tokens included.
        n_layers: Number of encoder layers.
        n_heads: Number of attention heads in a layer. Each answers with `n_embed / n_heads` features.
        n_embed: Number of features of a token; 3 makes a word a point in space. BERT-base has 768.
        n_feed_forward: Width of the hidden layer of the feed-forward network. By default four times
            `n_embed`, as in Vaswani et al. (2017), section 3.3.
        max_seq_len: Longest input in tokens, `[CLS]` and `[SEP]` included: one position vector for each.
        n_token_types: Number of segments that a token can belong to. BERT has two, for sentence pairs.
        dropout: Share of features dropped in training, in [0, 1).
        attention_dropout: Share of attention weights dropped in training. By default the same as `dropout`, as in BERT.
            At 0 a fused model never writes its attention weights down, and on a processor trains faster.
        norm_first: False normalises after each residual sum, as BERT does. True normalises before each
            sub-layer (Xiong et al., 2020, https://arxiv.org/abs/2002.04745); it is here for experiments.
        layer_norm_eps: Added to the variance under the root of LayerNorm; BERT's own value.
        initializer_range: Standard deviation of the random initial embeddings; BERT's own value.
        segment_range: Standard deviation of the random initial segment vectors; BERT's own value. All tokens of
            a text share a segment, so a large one starts them all in nearly the same direction, from which the
            words learn to tilt. Very small models learn more steadily so.
        pad_id: Id of the padding token. Tokens with this id are masked when no mask is given.
        labels: Names of a classifier's classes, in the order of their ids. Their number is its width.
        pooling: What a classifier reads: "cls", the pooled first token, as BERT does; or "mean", the mean
            over the tokens that are not masked.
        pooler: Whether there is a pooler, the layer that sums up a text from its first token. BERT has one, and learns
            it by telling whether two sentences follow each other. A model that was only taught to guess masked
            words has none.

    Raises:
        ValueError: If a size is below 1, the model would be larger than any BERT, `n_embed` is not divisible by
            `n_heads`, a dropout is outside [0, 1), or a class has no name of its own.
        TypeError: If a size is not a whole number.

    Examples:
        >>> from nano_bert import BertConfig
        >>> config = BertConfig(vocab_size=100, n_heads=2, n_embed=4)
        >>> config.head_size, config.feed_forward_size
        (2, 16)
        >>> BertConfig(vocab_size=100, n_heads=4, n_embed=3)
        Traceback (most recent call last):
            ...
        ValueError: n_embed=3 cannot be shared out among n_heads=4: choose a multiple of n_heads, such as n_embed=4.
    """

    vocab_size: int
    n_layers: int = 1
    n_heads: int = 1
    n_embed: int = 3
    n_feed_forward: int | None = None
    max_seq_len: int = 128
    n_token_types: int = 2
    dropout: float = 0.1
    attention_dropout: float | None = None
    norm_first: bool = False
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02
    segment_range: float = 0.02
    pad_id: int = 0
    labels: tuple[str, ...] = ("negative", "positive")
    pooling: Pooling = "cls"
    pooler: bool = True

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            # What comes from NumPy or a JSON file becomes Python's own; a frozen dataclass wants it said so.
            object.__setattr__(self, name, _of_its_kind(name, getattr(self, name)))
        self._check_sizes()
        self._check_choices()

    def _check_sizes(self) -> None:
        for name in SIZES:
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, but it is {getattr(self, name)}.")
        if self.n_parameters > LARGEST:
            raise ValueError(
                f"A model of these sizes would have {self.n_parameters:,} parameters; {LARGEST:,} is the limit here, "
                f"and BERT-large has 335 million. Are all sizes right? "
                + ", ".join(f"{name}={getattr(self, name)}" for name in SIZES)
                + "."
            )
        if self.n_embed % self.n_heads != 0:
            multiple = self.n_heads * max(1, round(self.n_embed / self.n_heads))
            raise ValueError(
                f"n_embed={self.n_embed} cannot be shared out among n_heads={self.n_heads}: "
                f"choose a multiple of n_heads, such as n_embed={multiple}."
            )

    def _check_choices(self) -> None:
        dropped = {"dropout": "features", "attention_dropout": "attention weights"}
        for name, what in dropped.items():
            share = getattr(self, name)
            if share is not None and not 0 <= share < 1:
                raise ValueError(f"{name} is the share of {what} to drop: at least 0 and below 1, but it is {share}.")
        for name in ("layer_norm_eps", "initializer_range", "segment_range"):
            if not 0 < getattr(self, name) < float("inf"):  # written so that it refuses NaN, too
                raise ValueError(f"{name} must be above 0 and finite, but it is {getattr(self, name)}.")
        if not 0 <= self.pad_id < self.vocab_size:
            raise ValueError(
                f"pad_id={self.pad_id} is not an id of the vocabulary: ids go from 0 to {self.vocab_size - 1}."
            )
        if self.pooling not in ("cls", "mean"):
            raise ValueError(f'pooling is "cls" or "mean", but it is {self.pooling!r}.')
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels names each class once, at least one, but it is {self.labels}.")
        if not all(label.isprintable() for label in self.labels):
            raise ValueError(
                f"labels are names on one line, without control characters, but they are {self.labels!r:.80}."
            )

    @property
    def head_size(self) -> int:
        """Number of features of a query, key or value vector in one head."""
        return self.n_embed // self.n_heads

    @property
    def feed_forward_size(self) -> int:
        """Width of the hidden layer of the feed-forward network."""
        return 4 * self.n_embed if self.n_feed_forward is None else self.n_feed_forward

    @property
    def attention_dropout_rate(self) -> float:
        """Share of attention weights dropped in training."""
        return self.dropout if self.attention_dropout is None else self.attention_dropout

    @property
    def n_parameters(self) -> int:
        """Number of parameters of a NanoBERT of these sizes, counted part by part, without building it.

        Examples:
            >>> from nano_bert import BertConfig
            >>> base = BertConfig(30_522, n_layers=12, n_heads=12, n_embed=768, max_seq_len=512)
            >>> base.n_parameters  # BERT-base: "110M", says the paper
            109482240
        """
        embed, hidden = self.n_embed, self.feed_forward_size
        norm = 2 * embed
        embeddings = (self.vocab_size + self.max_seq_len + self.n_token_types) * embed + norm
        attention = 4 * (embed * embed + embed)  # query, key and value of all heads, and their output
        feed_forward = embed * hidden + hidden + hidden * embed + embed
        encoder = self.n_layers * (attention + norm + feed_forward + norm) + norm * self.norm_first
        return embeddings + encoder + (embed * embed + embed) * self.pooler

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a plain dictionary, ready for `BertConfig(**settings)`."""
        return asdict(self)


def class_names(value: Any) -> tuple[str, ...]:
    """Return the names of classes, from a list or the like.

    Raises:
        TypeError: If they are no list of texts.
    """
    if isinstance(value, (str, Set, Mapping)) or not isinstance(value, Iterable):  # a set has no order
        raise TypeError(f"labels is a list of names, but it is {value!r:.80}: write labels=[{value!r:.80}, ...].")
    names = tuple(cast(Iterable[Any], value))
    if not all(isinstance(one, str) for one in names):
        raise TypeError(f"labels are names, so each is a text (str), but they are {names!r:.80}.")
    return names


def _of_its_kind(name: str, value: Any) -> object:
    """Return a setting as Python's own number, truth or text; refuse one of another kind."""
    if name == "labels":
        return class_names(value)
    if name in ("norm_first", "pooler"):
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{name} is True or False, but it is {value!r:.80}.")
        return bool(cast(Any, value))
    if name == "pooling" or (name in ("n_feed_forward", "attention_dropout") and value is None):
        return value
    if isinstance(value, bool) or not isinstance(value, Real if name in NUMBERS else Integral):
        wanted = "is a number, but it is" if name in NUMBERS else "is a whole number, but it is"
        if name in SIZES:
            wanted = "counts something, so it must be a whole number (int), not"
        raise TypeError(f"{name} {wanted} {value!r:.80}.")
    number = cast(Any, value)
    if name in NUMBERS:
        try:
            return float(number)
        except OverflowError:
            return float("inf")
    if int(number).bit_length() > 2_000:
        raise ValueError(f"{name} is a number of more than 600 digits, and no model has so much of anything.")
    return int(number)


def check_config(config: object) -> None:
    """Refuse to build a part of a model from anything but its settings.

    Raises:
        TypeError: If these are none.
    """
    if not isinstance(config, BertConfig):
        kind = type(config)  # with where it comes from: others call theirs a BertConfig, too
        raise TypeError(
            f"A part of a model is built from a BertConfig of nano_bert, as in BertLayer(BertConfig(vocab_size=100)), "
            f"and not from a {kind.__name__} of {kind.__module__}."
        )


def make_config(config: BertConfig | None, settings: Mapping[str, Any]) -> BertConfig:
    """Return `config`, or a new one from `settings`: the two ways in which a model can be asked for.

    Raises:
        TypeError: If both or neither are given, what is given is no configuration, or a setting has a name that no
            configuration has.
    """
    if config is not None:
        if not isinstance(config, BertConfig):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"A model is made from its settings, as in NanoBERT(vocab_size=100), and not from this "
                f"{type(config).__name__}. Token ids are for the finished model: model(input_ids)."
            )
        if settings:
            raise TypeError(f"Give a config or its settings, not both: got a config and {sorted(settings)}.")
        return config
    known = [field.name for field in fields(BertConfig)]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise TypeError(f"A model has no setting named {unknown[0]!r}. Its settings are: {', '.join(known)}.")
    if "vocab_size" not in settings:
        raise TypeError("A model needs vocab_size, the number of entries in its vocabulary: vocab_size=len(tokenizer).")
    return BertConfig(**settings)
