"""Probes of the tokenizers: words, pieces, and the words that are hidden."""

from collections.abc import Iterator
from unicodedata import normalize

import torch

from nano_bert.check.bench import Bench, Seen
from nano_bert.check.reference import PACKAGE
from nano_bert.tokenizer.base import SPECIAL_TOKENS

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
    for text in [*texts, "Café: 10/10!!", "snake_case"]:
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


# What each step of the cleaning sees: accents of two kinds, marks, control characters, Chinese, other scripts.
TO_CLEAN = (
    "Caf\u00e9, CAFE\u0301, cafe",
    "unable,films",
    "Sm\u00f8rrebr\u00f8d",
    "snake_case",
    "a+b=$5",
    "\u201cwell\u2014\u201d\u2026",
    "un\u00adable\u200d f\x00ilm",
    "a\tb\nc",
    "\u5929\u4f7f film",
    "\u20ac5 film\u263a",
    "\u0939\u093f\u0928\u094d\u0926\u0940",
    "Stra\u00dfe x\u00b2 \ufb01lm",
)


def shown_word(word: str) -> str:
    """Return a word in quotes; of a very long one the beginning, and how long it is."""
    return repr(word) if len(word) < 50 else f"{word[:12]!r} and so on, {len(word)} letters"


def cleaning(bench: Bench) -> Iterator[Seen]:
    """Read texts that have to be cleaned first. Each letter is a piece, so that each piece shows what was left."""
    letters = {letter for text in TO_CLEAN for form in ("NFC", "NFD", "NFKD") for letter in normalize(form, text)}
    letters |= {letter for one in letters for letter in one.lower() + one.casefold()}
    pieces = [*SPECIAL_TOKENS, *sorted(letters), *(f"##{letter}" for letter in sorted(letters))]
    part = bench.part("WordPieceTokenizer")(pieces, max_seq_len=99)
    for text in TO_CLEAN:
        yield Seen(f"tokenize({text!r}), where each letter is a piece", part.tokenize(text))


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
        yield Seen(f"split_word({shown_word(word)})", part.split_word(word))
    yield Seen("tokenize('The film!')", part.tokenize("The film!"))
    yield from cleaning(bench)
    for text in ("Caf\u00e9, CAFE\u0301, cafe", "unable,films", "a b!?", ""):
        yield Seen(f"tokenize({text!r})", part.tokenize(text))
    for text in ("The film!", "a b films a b films unwatchable a b films"):
        yield Seen(f"encode({text!r})", part.encode(text))
    batch = part.encode_batch(["The film", "unable! a b"])
    yield Seen("input_ids of encode_batch(['The film', 'unable! a b'])", whole(batch["input_ids"]))
    yield Seen("attention_mask of encode_batch(['The film', 'unable! a b'])", whole(batch["attention_mask"]))


def masking(bench: Bench) -> Iterator[Seen]:
    """Hide words in a small batch and count in a large one, so large that chance leaves little room.

    The special tokens stand anywhere in the vocabulary, and all of them in the texts.
    """
    tokens = [*SPECIAL_TOKENS, *WORDS, "one", "two", "three"]
    shuffled = [tokens[index] for index in torch.randperm(len(tokens), generator=bench.generator)]
    reader, hide = PACKAGE.WordPieceTokenizer(shuffled), bench.part("mask_words")
    special = {token: reader.vocab[token] for token in SPECIAL_TOKENS}
    words = torch.tensor([reader.vocab[token] for token in tokens if token not in special])

    def texts(n_texts: int) -> torch.Tensor:
        ids = words[bench.ids(len(words), n_texts, 40)]
        ids[:, 0], ids[:, 5], ids[:, 10] = special["[CLS]"], special["[UNK]"], special["[MASK]"]
        ids[:, 20], ids[:, 21:] = special["[SEP]"], special["[PAD]"]
        return ids

    ids = texts(800)
    answer = hide(ids, reader, bench.generator, 0.25)
    hidden, labels = bench.several(answer, 2, "the ids with some hidden, and the labels")
    is_word = torch.isin(ids, words)
    yield Seen("the shape of the ids and of the labels", [tuple(hidden.shape), tuple(labels.shape)])
    yield Seen("whether the first answer holds ids, and no -100", bool((hidden >= 0).all()))
    found = {token: labels[ids == index].unique().tolist() for token, index in special.items()}
    yield Seen("which labels the special tokens get", found)
    chosen = labels != -100
    yield Seen("the share of the words that is chosen", share(chosen[is_word]), 0.02)
    half = "the share of the words in the first half of the texts that is chosen"
    yield Seen(half, share(chosen[:400][is_word[:400]]), 0.03)
    yield Seen("whether each label but -100 is the true id", bool((labels == ids)[chosen].all()))
    yield Seen("whether what is not chosen stays as it is", bool((hidden == ids)[~chosen].all()))
    yield from fates(ids, hidden, chosen & is_word, special["[MASK]"], "at a share of 0.25")
    ids = texts(8_000 if bench.seed == 0 else 800)
    hidden, labels = hide(ids, reader, bench.generator, 1.0)
    chosen = (labels != -100) & torch.isin(ids, words)
    drawn = hidden[chosen & (hidden != special["[MASK]"]) & (hidden != ids)]
    yield Seen("the share of all words that is chosen at a share of 1", share(chosen[torch.isin(ids, words)]), 0.01)
    yield Seen("which special tokens are drawn", [token for token in special if bool((drawn == special[token]).any())])
    yield from fates(ids, hidden, chosen, special["[MASK]"], "at a share of 1")
    counts = torch.bincount(drawn, minlength=len(tokens))[words]
    yield Seen("how many different words are drawn", int((counts > 0).sum()))
    usual = len(drawn) / len(words)
    yield Seen("whether each is drawn about as often", bool(((counts - usual).abs() <= 5 * usual**0.5).all()))
    first, second = (hide(ids[:9], reader, torch.Generator().manual_seed(5), 0.5)[0] for _ in range(2))
    yield Seen("whether the same ids are hidden when the generator begins anew", torch.equal(first, second))
    _, first, second = (hide(ids[:9], reader, bench.generator, 0.5)[0] for _ in range(3))
    yield Seen("whether others are hidden when the generator goes on", not torch.equal(first, second))
    hidden, labels = hide(ids[0], reader, bench.generator, 0.5)
    yield Seen("the shapes for a text alone, of the shape (seq)", [tuple(hidden.shape), tuple(labels.shape)])


def fates(ids: torch.Tensor, hidden: torch.Tensor, chosen: torch.Tensor, mask_id: int, when: str) -> Iterator[Seen]:
    """Count what becomes of the chosen words; who draws for each word by itself may be off by as much as chance is."""
    room = 4.5 * (0.8 * 0.2 / max(1, int(chosen.sum()))) ** 0.5
    yield Seen(f"the share of the chosen words that becomes [MASK], {when}", share((hidden == mask_id)[chosen]), room)
    yield Seen(f"the share of the chosen words that stays, {when}", share((hidden == ids)[chosen]), room)


def share(chosen: torch.Tensor) -> float:
    """Return the share of True."""
    return chosen.double().mean().item() if chosen.numel() else 0.0
