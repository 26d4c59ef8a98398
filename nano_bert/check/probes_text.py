"""Probes of the tokenizers: words, pieces, and the words that are hidden."""

from collections.abc import Iterator

import torch

from nano_bert.check.bench import Bench, Seen
from nano_bert.check.reference import PACKAGE

WORDS = ["the", "film", "was", "good", "not", "bad", "a", "cast", "plot", "ending", "dull", "fine"]
OTHER = ["The", "FILM", "Ishmael", "purse", "café", "10/10", ",", "!", "not,", "bad!!", "it's", "(good)"]


def tokenizer(bench: Bench) -> Iterator[Seen]:
    """Read texts with known and unknown words, capitals and punctuation, short and too long."""
    vocab = [WORDS[index] for index in torch.randperm(len(WORDS), generator=bench.generator)][:9]
    longest = bench.one_of(6, 8)
    part = bench.part("WordTokenizer")([*vocab, vocab[0]], max_seq_len=longest)
    yield Seen("id_to_token", list(part.id_to_token))
    yield Seen("vocab", dict(part.vocab))
    everything = [*vocab, *vocab, *OTHER, *OTHER]
    texts = [
        " ".join(everything[int(index)] for index in bench.ids(len(everything), length))
        for length in (3, 1, longest - 2, longest - 1, 40)
    ]
    for text in [*texts, "Café: 10/10!!"]:
        yield Seen(f"tokenize({text!r:.60})", part.tokenize(text))
    for text in ["", *texts]:
        yield Seen(f"encode({text!r:.60})", part.encode(text))
    for chosen in ([texts[1], texts[0], "good bad film"], [texts[4], texts[1]], ["good"]):
        batch = part.encode_batch(chosen)
        for name in ("input_ids", "attention_mask"):
            yield Seen(f"{name} of encode_batch({chosen!r:.60})", whole(batch[name]))


def whole(ids: torch.Tensor) -> torch.Tensor:
    """Return whole numbers in one dtype: which one the reader has chosen makes no difference."""
    return ids.long() if isinstance(ids, torch.Tensor) and not ids.is_floating_point() else ids  # pyright: ignore


PIECES = ["un", "una", "##able", "##ble", "##watch", "##a", "##b", "##l", "##e", "##s", "a", "b", "film", "##film", "i"]
CASES = [
    "unable",
    "unwatchable",
    "unwatched",
    "films",
    "filmfilm",
    "filmable",
    "bs",
    "ab",
    "unaa",
    "e",
    "able",
    "i",
    "x",
    "unbelief",
    "unun",
    "abbles",
]


def wordpiece(bench: Bench) -> Iterator[Seen]:
    """Cut words with a random part of some pieces, and read texts with capitals, accents and punctuation."""
    shuffled = [PIECES[index] for index in torch.randperm(len(PIECES), generator=bench.generator)]
    pieces = [
        "[PAD]",
        "the",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *shuffled[: bench.one_of(12, 15)],
        "cafe",
        "caf",
        "!",
        ",",
    ]
    part = bench.part("WordPieceTokenizer")(pieces, max_seq_len=bench.one_of(9, 12))
    yield Seen("id_to_token", list(part.id_to_token))
    made = ["".join(PIECES[int(index)].removeprefix("##") for index in bench.ids(15, 3)) for _ in range(20)]
    for word in ["unable", *CASES, *made, "ab" * 50, "ab" * 50 + "b"]:
        yield Seen(f"split_word({word!r:.60})", part.split_word(word))
    for text in ("The film!", "Caf\u00e9, CAFE\u0301, cafe", "unable,films", "a b!?", ""):
        yield Seen(f"tokenize({text!r})", part.tokenize(text))
    for text in ("The film!", "a b films a b films unwatchable a b films"):
        yield Seen(f"encode({text!r})", part.encode(text))
    batch = part.encode_batch(["The film", "unable! a b"])
    yield Seen("input_ids of encode_batch(['The film', 'unable! a b'])", whole(batch["input_ids"]))
    yield Seen("attention_mask of encode_batch(['The film', 'unable! a b'])", whole(batch["attention_mask"]))


def masking(bench: Bench) -> Iterator[Seen]:
    """Hide words in a small batch and count in a large one, so large that chance leaves little room."""
    words = PACKAGE.WordTokenizer([*WORDS, "one", "two", "three"], max_seq_len=40)
    lowest, highest, hide = 5, len(words), bench.part("mask_words")

    def texts(n_texts: int) -> torch.Tensor:
        ids = bench.ids(highest, n_texts, 40, lowest=lowest)
        ids[:, 0], ids[:, 20], ids[:, 21:] = words.cls_id, words.sep_id, words.pad_id
        return ids

    ids = texts(800)
    given = ids.clone()
    answer = hide(ids, words, bench.generator, 0.25)
    hidden, labels = bench.several(answer, 2, "the ids with some hidden, and the labels")
    yield Seen("input_ids, after the call", ids - given)
    yield Seen("the shape of the ids and of the labels", [tuple(hidden.shape), tuple(labels.shape)])
    chosen = labels != -100
    yield Seen("how many special tokens are chosen", int((chosen & (given < lowest)).sum()))
    yield Seen("the share of the words that is chosen", share(chosen[given >= lowest]), 0.02)
    yield Seen("the share of the words in the first half of the texts that is chosen", share(chosen[:400, 1:20]), 0.03)
    yield Seen("how many labels of chosen tokens are not the true id", int((labels != given)[chosen].sum()))
    yield Seen("how many ids change that were not chosen", int((hidden != given)[~chosen].sum()))
    n_texts = 8_000 if bench.seed == 0 else 800
    ids = texts(n_texts)
    room = 4.5 * (0.8 * 0.2 / (19 * n_texts)) ** 0.5
    hidden, labels = hide(ids, words, bench.generator, 1.0)
    chosen = (labels != -100) & (ids >= lowest)
    masked, same = (hidden == words.mask_id)[chosen], (hidden == ids)[chosen]
    drawn = hidden[chosen & (hidden != words.mask_id) & (hidden != ids)]
    yield Seen("the share of all words that is chosen at a share of 1", share(chosen[ids >= lowest]), 0.001)
    yield Seen("how many special tokens are drawn", int((drawn < lowest).sum()))
    yield Seen("the share of the chosen words that becomes [MASK]", share(masked), room)
    yield Seen("the share of the chosen words that stays", share(same), room)
    counts = torch.bincount(drawn, minlength=highest)[lowest:] / max(1, len(drawn))
    yield Seen("how often each word is drawn", counts.double(), 0.03)
    twice = [hide(ids[:9], words, torch.Generator().manual_seed(5), 0.5)[0] for _ in range(2)]
    yield Seen("how many ids differ when the generator begins anew", int((twice[0] != twice[1]).sum()))


def share(chosen: torch.Tensor) -> float:
    """Return the share of True."""
    return chosen.double().mean().item() if chosen.numel() else 0.0
