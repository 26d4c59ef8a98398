"""Probes of the exercises of chapters 1 to 8: small functions, compared with PyTorch or with the package."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from nano_bert.check.bench import Bench, Seen
from nano_bert.check.reference import PACKAGE

MIXED = "what was mixed, and the weights"


def bag_score(bench: Bench) -> Iterator[Seen]:
    """Score texts with unknown words and repeated ones, with a bias and without."""
    score, weights = bench.part("bag_score"), {"good": 2.0, "bad": -2.0, "not": -1.0, "but": 0.0}
    for text in ("", "good", "the film was good not bad", "good good but not good", "unknown words", "bad not good"):
        yield Seen(f"bag_score({text!r})", float(score(text, weights)), 1e-6)
        yield Seen(f"bag_score({text!r}) with a bias of 0.5", float(score(text, weights, 0.5)), 1e-6)


def encode(bench: Bench) -> Iterator[Seen]:
    """Encode no words, few words, and a thousand."""
    vocab = {
        token: bench.seed + index for index, token in enumerate(PACKAGE.WordTokenizer(["good", "bad", "film"]).vocab)
    }
    words = ["good", "film", "ishmael", "bad"] * 250
    for n_words, longest in ((0, 5), (2, 6), (3, 5), (4, 5), (1000, 8), (1, 3)):
        ids, mask = bench.several(bench.part("encode")(words[:n_words], vocab, longest), 2, "the ids and the mask")
        yield Seen(f"the ids of {n_words} words, max_seq_len {longest}", list(ids))
        yield Seen(f"the mask of {n_words} words, max_seq_len {longest}", [int(one) for one in mask])


def embed(bench: Bench) -> Iterator[Seen]:
    """Embed texts of several lengths."""
    words, positions = bench.numbers(20, 5), bench.numbers(9, 5)
    for length in (1, 4, 9):
        yield Seen(f"the vectors of {length} ids", bench.part("embed")(bench.ids(20, length), words, positions))


def attention(bench: Bench) -> Iterator[Seen]:
    """Attend in any number of dimensions, and with huge queries."""
    for batch in ((), (3,), (2, 3)):
        query, key, value = bench.numbers(*batch, 4, 3), bench.numbers(*batch, 6, 3), bench.numbers(*batch, 6, 3)
        for size in (1, 1000):
            mixed, weights = bench.several(bench.part("attention")(size * query, key, value), 2, MIXED)
            name = "" if size == 1 else ", all queries multiplied by 1000"
            yield Seen(f"the weights, {len(batch)} dimensions before{name}", weights, 1e-2 if size > 1 else None)
            yield Seen(f"what was mixed, {len(batch)} dimensions before{name}", mixed, 1e-2 if size > 1 else None)


def hidden_attention(bench: Bench) -> Iterator[Seen]:
    """Attend where some keys are hidden, or all, in two precisions; without a mask, too."""
    attend = bench.part("attention")
    for dtype in (torch.float32, torch.float16):
        query, key, value = (bench.numbers(3, 5, 4).to(dtype) for _ in range(3))
        query.requires_grad_()
        mask = bench.mask(3, 5)
        mask[1] = False
        kind = f" in {str(dtype).removeprefix('torch.')}"
        mixed, weights = bench.several(attend(query, key, value, mask), 2, MIXED)
        yield Seen(f"the weights{kind}", weights)
        yield Seen(f"the weights of hidden tokens{kind}", weights.masked_select(~mask.unsqueeze(-2)), 0.0)
        yield Seen(f"what was mixed{kind}", mixed)
        (mixed.float().sum() + weights.float().square().sum()).backward()
        yield Seen(
            f"whether the gradient is finite{kind}", query.grad is not None and bool(query.grad.isfinite().all())
        )
    yield Seen("the weights, mask None", attend(query, key, value, None)[1])


def many_heads(bench: Bench) -> Iterator[Seen]:
    """Let many heads look, each with linear layers of its own."""
    n_heads, width = bench.one_of(2, 3), 6
    heads = [tuple(linear(bench, width, width // n_heads) for _ in range(3)) for _ in range(n_heads)]
    output = linear(bench, width, width)
    for batch in ((), (3,)):
        x, mask = bench.numbers(*batch, 5, width), bench.mask(*batch, 5)
        out, weights = bench.several(bench.part("many_heads")(x, heads, output, mask), 2, MIXED)
        yield Seen("the weights of all heads", weights)
        yield Seen("what comes out of the output layer", out)


def all_heads(bench: Bench) -> Iterator[Seen]:
    """Let all heads look at once."""
    n_heads, width = bench.one_of(2, 3), 6
    layers = [linear(bench, width, width) for _ in range(4)]
    for batch in ((), (3,)):
        x, mask = bench.numbers(*batch, 5, width), bench.mask(*batch, 5)
        out, weights = bench.several(bench.part("all_heads")(x, *layers, n_heads, mask), 2, MIXED)
        yield Seen("the weights of all heads", weights)
        yield Seen("what comes out of the output layer", out)


def linear(bench: Bench, n_in: int, n_out: int) -> nn.Linear:
    """Return a linear layer with random weights."""
    layer = nn.Linear(n_in, n_out).to(bench.dtype)
    with torch.no_grad():
        layer.weight.copy_(bench.numbers(n_out, n_in, scale=0.6))
        layer.bias.copy_(bench.numbers(n_out, scale=0.6))
    return layer.requires_grad_(False)


def layer_norm(bench: Bench) -> Iterator[Seen]:
    """Normalise one row and a batch, with two values of eps."""
    gain, bias = bench.numbers(5), bench.numbers(5)
    for eps in (1e-12, 0.1):
        for shape in ((5,), (3, 5), (2, 3, 5)):
            x = 2 * bench.numbers(*shape) + 1
            yield Seen(f"a tensor of the shape {shape}, eps {eps:g}", bench.part("layer_norm")(x, gain, bias, eps))


def masked_mean(bench: Bench) -> Iterator[Seen]:
    """Average tokens; one text is all padding."""
    x, mask = bench.numbers(3, 5, 4), bench.mask(3, 5)
    yield Seen("the mean of each text", bench.part("masked_mean")(x, mask))
    mask[1] = False
    yield Seen("the mean, where one text is all padding", bench.part("masked_mean")(x, mask))


def count_parameters(bench: Bench) -> Iterator[Seen]:
    """Count in small models, and in BERT-base."""
    for sizes in ((11, 1, 4, 8, 2), (11, 2, 4, 8, 2), (30_522, 12, 768, 512, 2), (100 + bench.seed, 3, 7, 5, 3)):
        yield Seen(f"count_parameters{sizes}", int(bench.part("count_parameters")(*sizes)))


def transformer_layer(bench: Bench) -> Iterator[Seen]:
    """Put four functions together in both orders, and count how often each is asked."""
    width = 6
    among, think = linear(bench, 5, 5), linear(bench, width, width)
    norms = [nn.LayerNorm(width).to(bench.dtype).requires_grad_(False) for _ in range(2)]
    for norm in norms:
        norm.weight.copy_(bench.numbers(width))
        norm.bias.copy_(bench.numbers(width))
    asked: list[str] = []

    def attend(x: Tensor) -> Tensor:
        return among(x.mT).mT

    parts: dict[str, Callable[[Tensor], Tensor]] = {"attend": attend, "think": think}
    parts |= {"norm_1": norms[0], "norm_2": norms[1]}

    def noted(name: str) -> Callable[[Tensor], Tensor]:
        def ask(x: Tensor) -> Tensor:
            asked.append(name)
            return parts[name](x)

        return ask

    for norm_first in (False, True):
        asked.clear()
        out = bench.part("transformer_layer")(bench.numbers(5, width), *map(noted, parts), norm_first)
        yield Seen(f"the layer, norm_first={norm_first}", out)
        yield Seen(f"the functions that were called, norm_first={norm_first}", sorted(asked))


def attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return what PyTorch mixes, and its weights: what it mixes of an identity. What sees nothing gives zeros."""
    if mask is not None:
        some = mask | ~mask.any(dim=-1, keepdim=True)  # PyTorch gives NaN where all is hidden
        low = torch.zeros(some.shape, dtype=query.dtype).masked_fill(~some, torch.finfo(query.dtype).min).unsqueeze(-2)
        low = low.expand(*query.shape[:-1], key.shape[-2])
    else:
        low = None
    identity = torch.eye(key.shape[-2], dtype=key.dtype).expand(*key.shape[:-1], key.shape[-2])
    weights = scaled_dot_product_attention(query, key, identity, attn_mask=low)
    if mask is not None:
        weights = weights.masked_fill(~mask.unsqueeze(-2), 0.0)
    return weights @ value, weights


def of_heads(x: Tensor, heads: Sequence[Any], output: nn.Linear, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return what many heads find, joined, and their weights."""
    answers = [attended(query(x), key(x), value(x), mask) for query, key, value in heads]
    return output(torch.cat([one for one, _ in answers], dim=-1)), torch.stack([one for _, one in answers], dim=-3)


def of_all_heads(
    x: Tensor, query: nn.Linear, key: nn.Linear, value: nn.Linear, output: nn.Linear, n_heads: int, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return what the heads in three matrices find, cut out one after the other."""
    parts = [layer(x).chunk(n_heads, dim=-1) for layer in (query, key, value)]
    answers = [attended(q, k, v, mask) for q, k, v in zip(*parts, strict=True)]
    return output(torch.cat([one for one, _ in answers], dim=-1)), torch.stack([one for _, one in answers], dim=-3)


def padded(tokens: Sequence[str], vocab: dict[str, int], longest: int) -> tuple[list[int], list[int]]:
    """Return ids and mask, filled up, as the package's tokenizer makes them."""
    reader = PACKAGE.WordTokenizer(list(vocab), max_seq_len=longest)
    ids = [vocab[reader.id_to_token[index]] for index in reader(" ".join(tokens)).tolist()]
    n_real = min(len(tokens), longest - 2) + 2
    return ids, [1] * n_real + [0] * (longest - n_real)


def of_bag(text: str, weights: dict[str, float], bias: float = 0.0) -> float:
    """Return the score of a bag of words."""
    return bias + sum(weights.get(word, 0.0) for word in {*text.split()})


def of_tables(ids: Tensor, words: Tensor, positions: Tensor) -> Tensor:
    """Return word plus position, normalised."""
    return torch.layer_norm(words[ids] + positions[: ids.shape[-1]], words.shape[-1:], eps=1e-12)


def normed(x: Tensor, gain: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return what PyTorch's own LayerNorm gives."""
    return torch.layer_norm(x, x.shape[-1:], gain, bias, eps)


def in_a_layer(x: Tensor, attend: Any, think: Any, norm_1: Any, norm_2: Any, norm_first: bool) -> Tensor:
    """Return what the package's layer makes of the same four functions."""

    def attention(x: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        return attend(x), torch.zeros(1, len(x), len(x))

    layer = PACKAGE.BertLayer
    parts = SimpleNamespace(norm_first=norm_first, attention=attention, attention_norm=norm_1)
    parts.feed_forward, parts.feed_forward_norm, parts.dropout = think, norm_2, nn.Identity()
    parts.after_attention = partial(layer.after_attention, parts)
    return layer.forward(parts, x, torch.ones(len(x), dtype=torch.bool))[0]


def counted(vocab_size: int, n_layers: int, n_embed: int, max_seq_len: int, n_token_types: int) -> int:
    """Return how many parameters a config counts."""
    sizes = {"n_embed": n_embed, "max_seq_len": max_seq_len, "n_token_types": n_token_types}
    return PACKAGE.BertConfig(vocab_size, n_layers=n_layers, **sizes).n_parameters


PACKAGE.bag_score, PACKAGE.encode, PACKAGE.embed = of_bag, padded, of_tables
PACKAGE.attention, PACKAGE.many_heads, PACKAGE.all_heads = attended, of_heads, of_all_heads
PACKAGE.layer_norm, PACKAGE.count_parameters, PACKAGE.transformer_layer = normed, counted, in_a_layer
