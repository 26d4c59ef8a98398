"""My BERT. It grows with the book, a chapter at a time.

Each part says in its docstring what goes in, what comes out, and what its own parts are called: by these names weights
are copied in. `nano-bert check` looks at what you have so far.
"""

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

# Chapter 2. Words to ids.

SPECIAL_TOKENS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]


class WordTokenizer:
    """Turn texts into ids, word by word.

    Args:
        vocab: The known words.
        max_seq_len: Longest list of ids to return, `[CLS]` and `[SEP]` included.

    Attributes:
        id_to_token: A list, the special tokens first, then the words, each once.
        vocab: A dictionary from each of these tokens to its place in the list.
        max_seq_len: As given.
    """

    def __init__(self, vocab: Iterable[str], max_seq_len: int = 128) -> None:
        self.id_to_token = list(dict.fromkeys([*SPECIAL_TOKENS, *vocab]))
        self.vocab = {token: index for index, token in enumerate(self.id_to_token)}
        self.max_seq_len = max_seq_len

    def tokenize(self, text: str) -> list[str]:
        """Return the words of a text in small letters.

        A word is a run of letters, digits and `_`, of any alphabet; each other mark that is no space is a word of its
        own. (Special tokens need not be recognised in a text: "[PAD]" is three words like any others.)
        """
        return re.findall(r"\w+|[^\w\s]", text.lower())

    def encode(self, text: str) -> list[int]:
        """Return the ids of `[CLS]`, of the words, and of `[SEP]`.

        An unknown word is `[UNK]`. A row has at most `max_seq_len` ids: of a longer text the last words are left out.
        """
        words = self.tokenize(text)[: self.max_seq_len - 2]
        return [self.vocab.get(token, self.vocab["[UNK]"]) for token in ["[CLS]", *words, "[SEP]"]]

    def encode_batch(self, texts: Sequence[str]) -> dict[str, Int[Tensor, "batch seq"]]:
        """Return a dictionary with `input_ids` and `attention_mask`.

        A row for each text, filled up with `[PAD]` to the longest of them; the mask is 1 for a token and 0 for filling.
        """
        rows = [self.encode(text) for text in texts]
        longest = max(len(row) for row in rows)
        filled = [row + [self.vocab["[PAD]"]] * (longest - len(row)) for row in rows]
        masks = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
        return {"input_ids": torch.tensor(filled), "attention_mask": torch.tensor(masks)}


# Chapter 3. Words become vectors.


@dataclass
class BertConfig:
    """The sizes of a model."""

    vocab_size: int
    n_layers: int = 1
    n_heads: int = 1
    n_embed: int = 4
    n_feed_forward: int | None = None
    max_seq_len: int = 128
    n_token_types: int = 2
    dropout: float = 0.1
    layer_norm_eps: float = 1e-12
    pad_id: int = 0

    @property
    def head_size(self) -> int:  # given
        """Number of features of a query, key or value vector in one head."""
        return self.n_embed // self.n_heads

    @property
    def feed_forward_size(self) -> int:  # given
        """Width of the hidden layer of the feed-forward network."""
        return self.n_feed_forward or 4 * self.n_embed


class BertEmbeddings(nn.Module):
    """Turn token ids into vectors: word + position + segment, then LayerNorm and dropout.

    Its parts: `words`, `positions` and `segments`, each an `nn.Embedding`; `norm`, an `nn.LayerNorm` with the eps of
    the config; `dropout`, an `nn.Dropout` with its rate.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.words = nn.Embedding(config.vocab_size, config.n_embed)
        self.positions = nn.Embedding(config.max_seq_len, config.n_embed)
        self.segments = nn.Embedding(config.n_token_types, config.n_embed)
        self.norm = nn.LayerNorm(config.n_embed, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, input_ids: Int[Tensor, "*batch seq"], token_type_ids: Int[Tensor, "*batch seq"] | None = None
    ) -> Float[Tensor, "*batch seq embed"]:
        """Return one vector a token. Without `token_type_ids` all tokens are in segment 0."""
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(input_ids)
        places = torch.arange(input_ids.shape[-1])
        vectors = self.words(input_ids) + self.positions(places) + self.segments(token_type_ids)
        return self.dropout(self.norm(vectors))


# Chapter 4. One attention head. (The mask comes in chapter 5.)


class BertAttentionHead(nn.Module):
    """One attention head: a question, a label and a content for each token, and a weighted mean.

    Its parts: `query`, `key` and `value`, each an `nn.Linear` from `n_embed` to `head_size`; `dropout`, for the
    weights before they mix (what is returned is not dropped).
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.query = nn.Linear(config.n_embed, config.head_size)
        self.key = nn.Linear(config.n_embed, config.head_size)
        self.value = nn.Linear(config.n_embed, config.head_size)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Float[Tensor, "*batch seq embed"], attention_mask: Bool[Tensor, "*batch seq"]
    ) -> tuple[Float[Tensor, "*batch seq head_size"], Float[Tensor, "*batch query=seq key=seq"]]:
        """Return the mixed vectors, and the weights that mixed them.

        Chapter 4 can do without the mask. From chapter 5 on: True where a token may be looked at. What is hidden weighs
        exactly 0, and where all is hidden all weights are 0, in every dtype, without NaN on the way forward or back.
        """
        query, key, value = self.query(x), self.key(x), self.value(x)
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        hidden = ~attention_mask.unsqueeze(-2)
        scores = scores.masked_fill(hidden, torch.finfo(scores.dtype).min)
        weights = scores.softmax(dim=-1).masked_fill(hidden, 0.0)
        return self.dropout(weights) @ value, weights


# Chapter 6. Many heads.


class BertSelfAttention(nn.Module):
    """A list of heads that look at the same tokens, and a linear layer that puts their answers together.

    Its parts: `heads`, an `nn.ModuleList` of `n_heads` heads; `output`, an `nn.Linear` from `n_embed` to `n_embed`.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.heads = nn.ModuleList(BertAttentionHead(config) for _ in range(config.n_heads))
        self.output = nn.Linear(config.n_embed, config.n_embed)

    def forward(
        self, x: Float[Tensor, "*batch seq embed"], attention_mask: Bool[Tensor, "*batch seq"]
    ) -> tuple[Float[Tensor, "*batch seq embed"], Float[Tensor, "*batch head query=seq key=seq"]]:
        """Return what all heads found, as wide as `x`, and the weights of each head."""
        answers = [head(x, attention_mask) for head in self.heads]
        mixed = torch.cat([vectors for vectors, _ in answers], dim=-1)
        return self.output(mixed), torch.stack([weights for _, weights in answers], dim=-3)


# Chapter 7. Residual, norm, feed-forward.


class LayerNorm(nn.Module):
    """Give every vector the mean 0 and the variance 1, then a gain and a bias for each feature.

    Its parts: `weight`, the gain, which begins at 1, and `bias`, which begins at 0, each an `nn.Parameter` of
    `n_features` numbers.
    """

    def __init__(self, n_features: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_features))
        self.bias = nn.Parameter(torch.zeros(n_features))
        self.eps = eps

    def forward(self, x: Float[Tensor, "*any features"]) -> Float[Tensor, "*any features"]:
        """Return the normalised vectors, without `nn.LayerNorm` or its function: means, squares and a root only."""
        centred = x - x.mean(dim=-1, keepdim=True)
        variance = centred.square().mean(dim=-1, keepdim=True)
        return centred / (variance + self.eps).sqrt() * self.weight + self.bias


class FeedForward(nn.Module):
    """Think about each token by itself: widen, bend with GELU, narrow again.

    Its parts: `expand`, an `nn.Linear` from `n_embed` to `feed_forward_size`; `contract`, the way back.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.expand = nn.Linear(config.n_embed, config.feed_forward_size)
        self.contract = nn.Linear(config.feed_forward_size, config.n_embed)

    def forward(self, x: Float[Tensor, "*batch seq embed"]) -> Float[Tensor, "*batch seq embed"]:
        """Return a new vector for each token, made from its old one alone."""
        return self.contract(nn.functional.gelu(self.expand(x)))


class BertLayer(nn.Module):
    """One layer: the tokens look at each other, then each is thought about by itself.

    Its parts: `attention`, a `BertSelfAttention`; `attention_norm`; `feed_forward`, a `FeedForward`;
    `feed_forward_norm` (both norms are your own `LayerNorm`); `dropout`, for what each of the two finds, before it is
    added.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = BertSelfAttention(config)
        self.attention_norm = LayerNorm(config.n_embed, config.layer_norm_eps)
        self.feed_forward = FeedForward(config)
        self.feed_forward_norm = LayerNorm(config.n_embed, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Float[Tensor, "*batch seq embed"], attention_mask: Bool[Tensor, "*batch seq"]
    ) -> tuple[Float[Tensor, "*batch seq embed"], Float[Tensor, "*batch head query=seq key=seq"]]:
        """Return the tokens' new vectors, and the attention weights of every head. It is BERT's order, post-norm."""
        found, weights = self.attention(x, attention_mask)
        x = self.attention_norm(x + self.dropout(found))
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x))), weights


# Chapter 8. The encoder and its pooler.


class BertEncoder(nn.Module):
    """A stack of layers, each reading what the one below wrote.

    Its part: `layers`, an `nn.ModuleList` of `n_layers` layers.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(BertLayer(config) for _ in range(config.n_layers))

    def forward(
        self, x: Float[Tensor, "*batch seq embed"], attention_mask: Bool[Tensor, "*batch seq"]
    ) -> tuple[tuple[Float[Tensor, "*batch seq embed"], ...], tuple[Float[Tensor, "*batch head query key"], ...]]:
        """Return two tuples: the hidden states, the input first and the result last; the weights of each layer."""
        hidden_states, attentions = [x], list[Tensor]()
        for layer in self.layers:
            x, weights = layer(x, attention_mask)
            hidden_states.append(x)
            attentions.append(weights)
        return tuple(hidden_states), tuple(attentions)


class BertPooler(nn.Module):
    """Sum up a text in one vector, that of its first token.

    Its part: `dense`, an `nn.Linear` from `n_embed` to `n_embed`.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.n_embed, config.n_embed)

    def forward(self, x: Float[Tensor, "*batch seq embed"]) -> Float[Tensor, "*batch embed"]:
        """Return one vector a text."""
        return self.dense(x[..., 0, :]).tanh()


def masked_mean(
    x: Float[Tensor, "*batch seq embed"], mask: Bool[Tensor, "*batch seq"]
) -> Float[Tensor, "*batch embed"]:
    """Return the mean of each text's vectors, padding left out; zeros for a text that is all padding."""
    counts = mask.unsqueeze(-1).to(x.dtype)
    return (x * counts).sum(dim=-2) / counts.sum(dim=-2).clamp(min=1)


class BertOutput(NamedTuple):
    """What NanoBERT says of each token, and of the text as a whole."""

    last_hidden_state: Float[Tensor, "*batch seq embed"]
    pooler_output: Float[Tensor, "*batch embed"]
    hidden_states: tuple[Float[Tensor, "*batch seq embed"], ...]
    attentions: tuple[Float[Tensor, "*batch head query key"], ...]


class NanoBERT(nn.Module):
    """BERT: token ids go in, one vector a token comes out, each made in the light of all the others.

    Its parts: `embedding`, `encoder` and `pooler`. It keeps the config as `config`.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = BertEmbeddings(config)
        self.encoder = BertEncoder(config)
        self.pooler = BertPooler(config)

    def forward(
        self,
        input_ids: Int[Tensor, "*batch seq"],
        attention_mask: Int[Tensor, "*batch seq"] | Bool[Tensor, "*batch seq"] | None = None,
        token_type_ids: Int[Tensor, "*batch seq"] | None = None,
    ) -> BertOutput:
        """Read texts.

        The mask is 1 (or True) for a token and 0 for padding; where none is given, all is a token but what has the
        `pad_id` of the config.
        """
        mask = input_ids != self.config.pad_id if attention_mask is None else attention_mask.bool()
        hidden_states, attentions = self.encoder(self.embedding(input_ids, token_type_ids), mask)
        return BertOutput(hidden_states[-1], self.pooler(hidden_states[-1]), hidden_states, attentions)


# Chapter 9. Is it really BERT?


def our_names(tensors: Mapping[str, Tensor], n_heads: int) -> dict[str, Tensor]:
    """Return tensors that have the names of Hugging Face under the names of this file.

    Queries, keys and values are cut into heads: the first rows of each are the first head. What no part of the model
    needs (`embeddings.position_ids`) is left out. The dictionary that came in stays as it is.
    """
    parts = {
        "embeddings.word_embeddings.": "embedding.words.",
        "embeddings.position_embeddings.": "embedding.positions.",
        "embeddings.token_type_embeddings.": "embedding.segments.",
        "embeddings.LayerNorm.": "embedding.norm.",
        "encoder.layer.": "encoder.layers.",
        ".attention.output.dense.": ".attention.output.",
        ".attention.output.LayerNorm.": ".attention_norm.",
        ".intermediate.dense.": ".feed_forward.expand.",
        ".output.dense.": ".feed_forward.contract.",
        ".output.LayerNorm.": ".feed_forward_norm.",
    }
    ours: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        for theirs, part in parts.items():
            name = name.replace(theirs, part)
        layer, is_packed, part = name.partition(".attention.self.")
        if is_packed:
            for head, rows in enumerate(tensor.chunk(n_heads)):
                ours[f"{layer}.attention.heads.{head}.{part}"] = rows
        elif name != "embeddings.position_ids":
            ours[name] = tensor
    return ours


def from_pretrained(folder: str | Path) -> NanoBERT:
    """Return the model of a folder with `config.json` and `model.safetensors`, ready to be asked: dropout is off."""
    settings = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    config = BertConfig(
        vocab_size=settings["vocab_size"],
        n_layers=settings["num_hidden_layers"],
        n_heads=settings["num_attention_heads"],
        n_embed=settings["hidden_size"],
        n_feed_forward=settings["intermediate_size"],
        max_seq_len=settings["max_position_embeddings"],
        n_token_types=settings["type_vocab_size"],
        layer_norm_eps=settings["layer_norm_eps"],
        pad_id=settings["pad_token_id"],
    )
    model = NanoBERT(config)
    model.load_state_dict(our_names(load_file(Path(folder) / "model.safetensors"), config.n_heads))
    return model.eval()


# Chapter 10. WordPiece.


def stands_alone(letter: str) -> bool:
    """Say whether a character is a word of its own: a mark of punctuation, a sign of ASCII, or a Chinese character.

    To Unicode, a mark of punctuation has a category that begins with P. A sign of ASCII is neither letter, digit nor
    space: `$` and `_`, but not `€`, which is treated like a letter. Chinese are those from U+4E00 to U+9FFF. (BERT
    knows some rare blocks more.)
    """
    is_sign = letter.isascii() and not letter.isalnum() and not letter.isspace()
    return is_sign or unicodedata.category(letter).startswith("P") or "\u4e00" <= letter <= "\u9fff"


class WordPieceTokenizer(WordTokenizer):
    """Turn texts into ids, piece by piece.

    Args:
        vocab: The pieces in the order of their ids, the special tokens among them; `##` marks one that continues a
            word.
        max_seq_len: As in `WordTokenizer`, which has the rest.
    """

    def __init__(self, vocab: Iterable[str], max_seq_len: int = 512) -> None:
        super().__init__(vocab, max_seq_len)
        self.id_to_token = list(vocab)
        self.vocab = {token: index for index, token in enumerate(self.id_to_token)}

    def tokenize(self, text: str) -> list[str]:
        """Return the pieces of a text: small letters, accents off (by NFD), cut into words, each word into pieces.

        Control characters go, such as a NUL or a soft hyphen (Unicode's categories Cc and Cf); but a tab and the end
        of a line are spaces. What stands between spaces is a word, and so is each character that `stands_alone`.
        """
        letters = unicodedata.normalize("NFD", text.lower())
        gone = {letter for letter in letters if unicodedata.category(letter) in ("Mn", "Cc", "Cf")} - set("\t\n\r")
        plain = "".join(f" {letter} " if stands_alone(letter) else letter for letter in letters if letter not in gone)
        return [piece for word in plain.split() for piece in self.split_word(word)]

    def split_word(self, word: str) -> list[str]:
        """Cut a word into pieces, greedily: from the left, each as long as can be.

        A word that cannot be spelt to its end, or has more than 100 letters, is `["[UNK]"]`.
        """
        pieces: list[str] = []
        start = 0
        while start < len(word) <= 100:
            tried = [("##" if start else "") + word[start:end] for end in range(len(word), start, -1)]
            found = [piece for piece in tried if piece in self.vocab]
            if not found:
                return ["[UNK]"]
            pieces.append(found[0])
            start += len(found[0]) - (2 if start else 0)
        return pieces if len(word) <= 100 else ["[UNK]"]


# Chapter 11. Pretraining.

IGNORED = -100


def mask_words(
    input_ids: Int[Tensor, "*batch seq"], tokenizer: WordTokenizer, generator: torch.Generator, share: float = 0.15
) -> tuple[Int[Tensor, "*batch seq"], Int[Tensor, "*batch seq"]]:
    """Choose a share of the tokens, never special ones; of these 80 % become `[MASK]`, 10 % a word drawn, 10 % stay.

    Return the ids with some hidden, and the labels: the true id of each chosen token, `IGNORED` elsewhere. A special
    token is never drawn. (Which ids are special, `tokenizer.vocab` says: they need not be 0 to 4, as those of
    `WordTokenizer` are.) `input_ids` is not changed. All randomness is the generator's. (The shares hold for many
    tokens; of very few, none may be chosen.)
    """
    special = torch.tensor([tokenizer.vocab[token] for token in SPECIAL_TOKENS])
    words = torch.tensor([index for index in range(len(tokenizer.vocab)) if index not in special])
    places = (~torch.isin(input_ids, special)).flatten().nonzero().squeeze(-1)
    chosen = places[torch.randperm(len(places), generator=generator)][: round(share * len(places))]
    n_masked, n_drawn = round(0.8 * len(chosen)), round(0.1 * len(chosen))
    hidden, labels = input_ids.flatten().clone(), torch.full((input_ids.numel(),), IGNORED)
    labels[chosen] = hidden[chosen]
    hidden[chosen[:n_masked]] = tokenizer.vocab["[MASK]"]
    drawn = words[torch.randint(len(words), (n_drawn,), generator=generator)]
    hidden[chosen[n_masked : n_masked + n_drawn]] = drawn
    return hidden.view_as(input_ids), labels.view_as(input_ids)


class MaskedWordHead(nn.Module):
    """Guess a word from its vector: compare the vector, once more transformed, with that of each word.

    Its parts: `dense`, an `nn.Linear` from `n_embed` to `n_embed`; `norm`, your `LayerNorm`; `bias`, an `nn.Parameter`
    with a 0 for each entry of the vocabulary, to begin with.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.n_embed, config.n_embed)
        self.norm = LayerNorm(config.n_embed, config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(
        self, x: Float[Tensor, "*places embed"], words: Float[Tensor, "vocab embed"]
    ) -> Float[Tensor, "*places vocab"]:
        """Return a score for each word; `words` is the table that the model reads with."""
        return self.norm(nn.functional.gelu(self.dense(x))) @ words.T + self.bias


def masked_word_loss(logits: Float[Tensor, "*places vocab"], labels: Int[Tensor, "*places"]) -> Float[Tensor, ""]:
    """Return the mean cross-entropy over the tokens whose label is not `IGNORED`; 0 if there are none."""
    asked = labels != IGNORED
    return cross_entropy(logits[asked], labels[asked], reduction="sum") / asked.sum().clamp(min=1)


def next_sentence_loss(logits: Float[Tensor, "batch 2"], is_random: Int[Tensor, "batch"]) -> Float[Tensor, ""]:
    """Return the mean cross-entropy over the pairs: 0 where the second follows, 1 where it was drawn at random."""
    return cross_entropy(logits, is_random)


class NanoBertForPreTraining(nn.Module):
    """NanoBERT with the two heads from which it learns a language: hidden words, and next sentences.

    Its parts: `bert`, `masked_word_head`, and `next_sentence_head`, an `nn.Linear` from `n_embed` to 2.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.bert = NanoBERT(config)
        self.masked_word_head = MaskedWordHead(config)
        self.next_sentence_head = nn.Linear(config.n_embed, 2)

    def forward(
        self,
        input_ids: Int[Tensor, "batch seq"],
        attention_mask: Int[Tensor, "batch seq"] | None = None,
        token_type_ids: Int[Tensor, "batch seq"] | None = None,
    ) -> tuple[Float[Tensor, "batch seq vocab"], Float[Tensor, "batch 2"]]:
        """Return the scores of all words at each place, and those of "follows" and "drawn at random" for each text."""
        out = self.bert(input_ids, attention_mask, token_type_ids)
        words = self.masked_word_head(out.last_hidden_state, self.bert.embedding.words.weight)
        return words, self.next_sentence_head(out.pooler_output)


def train_step(
    model: NanoBertForPreTraining, optimizer: torch.optim.Optimizer, batch: Mapping[str, Tensor], clip: float = 1.0
) -> float:
    """Learn from a batch of `input_ids` (some hidden), `attention_mask` and `labels`; return the loss before the step.

    The loss is that of the hidden words. The gradient, as one vector over all parameters, is cut to the length `clip`.
    """
    model.train()
    words, _ = model(batch["input_ids"], batch["attention_mask"])
    loss = masked_word_loss(words, batch["labels"])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    return loss.item()


def share_guessed(model: NanoBertForPreTraining, batch: Mapping[str, Tensor]) -> float:
    """Return the share of the hidden words that the model guesses right. Dropout is off, and nothing is learnt."""
    model.eval()
    with torch.no_grad():
        words, _ = model(batch["input_ids"], batch["attention_mask"])
    asked = batch["labels"] != IGNORED
    return (words.argmax(dim=-1)[asked] == batch["labels"][asked]).float().mean().item()
