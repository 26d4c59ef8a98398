"""Probes of the exercises of chapters 9 to 14: names, pieces, hidden words, errors, and a look inside."""

import copy
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from nano_bert.check.bench import Bench, Seen
from nano_bert.check.probes_text import CASES, PIECES, WORDS
from nano_bert.check.reference import PACKAGE
from nano_bert.model import NanoBertForClassification
from nano_bert.pretrained.weight_names import from_hugging_face, to_hugging_face
from nano_bert.tokenizer.base import SPECIAL_TOKENS
from nano_bert.tokenizer.learn_vocabulary import learn_merges
from nano_bert.training import halves
from nano_bert.training.evaluation import measure


def our_names(bench: Bench) -> Iterator[Seen]:
    """Rename the weights of a small model."""
    n_heads = bench.one_of(2, 3)
    model = PACKAGE.NanoBERT(vocab_size=9, n_layers=2, n_heads=n_heads, n_embed=6, max_seq_len=5)
    theirs = to_hugging_face(model.state_dict()) | {"embeddings.position_ids": torch.arange(5).unsqueeze(0)}
    given = dict(theirs)
    ours = bench.part("our_names")(theirs, n_heads)
    yield Seen("the names", sorted(ours))
    for name in sorted(ours):
        yield Seen(name, ours[name])
    yield Seen("whether the dictionary that came in is as it was", given.keys() == theirs.keys())


def cut(bench: Bench) -> Iterator[Seen]:
    """Cut words that can be spelt, and that cannot."""
    kept = {PIECES[int(index)] for index in torch.randperm(len(PIECES), generator=bench.generator)[:12]}
    for word in ["", *CASES, "ab" * 50, "ab" * 50 + "b"]:
        yield Seen(f"cut({word!r:.60})", list(bench.part("cut")(word, kept)))


def learn(bench: Bench) -> Iterator[Seen]:
    """Learn pieces of random words."""
    words = ["".join("abc"[int(letter)] for letter in bench.ids(3, bench.one_of(2, 3, 5))) for _ in range(8)]
    many = {word: int(bench.ids(9, lowest=1)) for word in words}
    for counts in ({"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}, many):
        for n in (1, 4, 30):
            yield Seen(f"learn({counts!r:.70}, {n})", list(bench.part("learn")(dict(counts), n)))


def hide(bench: Bench) -> Iterator[Seen]:
    """Hide words in a batch, and count."""
    word_ids = torch.arange(5, 25)
    ids = torch.cat([torch.tensor([[1]] * 30), bench.ids(25, 30, 20, lowest=5), torch.tensor([[2]] * 30)], dim=1)
    given = ids.clone()
    hidden, labels = bench.several(
        bench.part("hide")(ids, word_ids, 4, bench.generator, 0.15), 2, "what is hidden, and the labels"
    )
    chosen = labels != -100
    masked, stays = chosen & (hidden == 4), chosen & (hidden == given)
    yield Seen("how many numbers of input_ids have changed", int((ids != given).sum()))
    yield Seen("the shapes", [tuple(hidden.shape), tuple(labels.shape)])
    yield Seen("how many of 600 words are chosen", int(chosen.sum()))
    yield Seen("how many of them become mask_id", int(masked.sum()))
    yield Seen("how many labels are not the true id", int((labels != given)[chosen].sum()))
    yield Seen("how many ids change that were not chosen", int((hidden != given)[~chosen].sum()))
    yield Seen("how many special tokens are chosen", int((chosen & (given < 5)).sum()))
    drawn = hidden[chosen & ~masked]
    yield Seen("how many ids are drawn that are not in word_ids", int((~torch.isin(drawn, word_ids)).sum()))
    enough = 9 <= int(stays.sum()) <= 14  # nine stay, and of the nine drawn a few may be what they were
    yield Seen("whether nine stay, or a few more by chance", enough)


def f1(bench: Bench) -> Iterator[Seen]:
    """Measure each class, one of which is neither in the truth nor in the answers."""
    true, answered = bench.ids(3, 8).tolist(), bench.ids(3, 8).tolist()
    for of in range(4):
        yield Seen(f"f1({true}, {answered}, {of})", float(bench.part("f1")(true, answered, of)), 1e-6)


def accuracy_by(bench: Bench) -> Iterator[Seen]:
    """Count by group."""
    groups = ["short", "long", "short", "odd", "long", "short"]
    true, answered = bench.ids(2, 6).tolist(), bench.ids(2, 6).tolist()
    found = bench.part("accuracy_by")(groups, true, answered)
    yield Seen(
        f"accuracy_by({groups}, {true}, {answered})", {k: (int(n), round(float(s), 6)) for k, (n, s) in found.items()}
    )
    yield Seen("accuracy_by of three empty lists", dict(bench.part("accuracy_by")([], [], [])))


def train_epoch(bench: Bench) -> Iterator[Seen]:
    """Train for an epoch at a rate of 0 and at another, in batches that do not come out even."""
    texts, labels = ["good film", "bad", "not bad not bad", "dull plot was dull", "fine"], [1, 0, 1, 0, 1]
    reader = PACKAGE.WordTokenizer(WORDS)
    for size in (1, 2, 5):
        for rate in (0.0, 0.1):
            torch.manual_seed(bench.seed)
            model = NanoBertForClassification(vocab_size=len(reader), n_embed=4, dropout=0.0, initializer_range=1.0)
            optimizer = torch.optim.SGD(model.eval().parameters(), lr=rate)
            loss = bench.part("train_epoch")(model, reader, optimizer, texts, labels, size)
            name = f"in batches of {size}, at a rate of {rate}"
            yield Seen(f"the loss {name}", float(loss), 1e-4)
            yield Seen(f"whether the model is in training afterwards, {name}", model.training)
            with torch.no_grad():
                yield Seen(f"what the model says afterwards, {name}", model(**reader.encode_batch(texts)).logits, 1e-3)


def loss_of_halves(bench: Bench) -> Iterator[Seen]:
    """Match the vectors of halves, long and short ones, at a high and a low temperature."""
    for n_texts, n_features, temperature in ((1, 3, 1.0), (2, 4, 0.5), (5, 4, 1.0), (6, 3, 0.05)):
        first, second = (3.0 * bench.numbers(n_texts, n_features) for _ in range(2))
        first.requires_grad_()
        loss = bench.part("loss_of_halves")(first, second, temperature)
        loss.sum().backward()
        yield Seen(f"the loss of {n_texts} texts at a temperature of {temperature}", loss, 1e-4)
        yield Seen("the slopes of the vectors of the first halves", first.grad, 1e-3)


def soft_loss(bench: Bench) -> Iterator[Seen]:
    """Compare scores with a teacher's probabilities, once where both are sure and of different opinions."""
    for n_texts, n_classes in ((1, 2), (5, 2), (4, 3)):
        scores = bench.numbers(n_texts, n_classes) * bench.one_of(1.0, 100.0)
        teacher = bench.numbers(n_texts, n_classes).softmax(dim=-1)
        scores.requires_grad_()
        loss = bench.part("soft_loss")(scores, teacher)
        loss.sum().backward()
        yield Seen(f"the loss of {n_texts} texts and {n_classes} classes", loss, 1e-4)
        yield Seen("the slopes of the scores", scores.grad, 1e-4)


def spearman(bench: Bench) -> Iterator[Seen]:
    """Correlate ranks, with equal values among them."""
    pairs = [
        ([1.0, 1, 2, 2], [1.0, 2, 3, 4]),
        ([1.0, 2, 3], [3.0, 2, 1]),
        ([1.0, 2, 3], [5.0, 5, 5]),
        ([0.5, 7], [1.0, 2]),
    ]
    for a, b in [
        *pairs,
        (bench.ids(5, 9).tolist(), bench.ids(4, 9).tolist()),
        (bench.numbers(8).tolist(), [*range(8)]),
    ]:
        value = bench.part("spearman")(torch.tensor(a), torch.tensor(b))
        yield Seen(f"spearman({a!s:.60}, {b!s:.60})", float(value), 1e-4)


def without_head(bench: Bench) -> Iterator[Seen]:
    """Take a head out of a small classifier."""
    texts = ["good film", "bad", "not bad not bad"]
    reader = PACKAGE.WordTokenizer(WORDS)
    torch.manual_seed(bench.seed)
    model = NanoBertForClassification(
        vocab_size=len(reader), n_layers=2, n_heads=2, n_embed=6, initializer_range=1.0
    ).eval()
    before = copy.deepcopy(model.state_dict())
    layer, head = bench.one_of(0, 1), bench.one_of(0, 1)
    less = bench.part("without_head")(model, reader, texts, layer, head)
    output = less.bert.encoder.layers[layer].attention.output
    yield Seen("the weight of attention.output", output.weight)
    yield Seen("the bias of attention.output", output.bias)
    changed = sum(int((before[name] != now).sum()) for name, now in model.state_dict().items())
    yield Seen("how many weights of the model itself have changed", changed)


def attention_by_pieces(bench: Bench) -> Iterator[Seen]:
    """Attend piece by piece, with a large score among them."""
    for n_keys, size in ((7, 3), (6, 2), (5, 9), (4, 1)):
        scores, values = bench.numbers(n_keys).float(), bench.numbers(n_keys, 3).float()
        scores[bench.one_of(0, n_keys - 1)] = bench.one_of(1.0, 100.0)
        found = bench.part("attention_by_pieces")(scores, values, size)
        yield Seen(f"attention_by_pieces of {n_keys} keys, {size} at a time", found)


def with_shares(ids: Tensor, word_ids: Tensor, mask_id: int, generator: torch.Generator, share: float) -> Any:
    """Hide words in the shares that the exercise asks for."""
    places = torch.isin(ids, word_ids).flatten().nonzero().squeeze(-1)
    places = places[torch.randperm(len(places), generator=generator)][: round(share * len(places))]
    hidden, labels = ids.flatten().clone(), torch.full_like(ids.flatten(), -100)
    labels[places] = hidden[places]
    n_masked, n_drawn = round(0.8 * len(places)), round(0.1 * len(places))
    hidden[places[:n_masked]] = mask_id
    drawn = torch.randint(len(word_ids), (n_drawn,), generator=generator)
    hidden[places[n_masked : n_masked + n_drawn]] = word_ids[drawn]
    return hidden.view_as(ids), labels.view_as(ids)


def by_group(groups: Sequence[Any], true: Sequence[int], answered: Sequence[int]) -> dict[Any, tuple[int, float]]:
    """Return how many texts each group has, and the share of right answers."""
    rows = {group: [t == a for g, t, a in zip(groups, true, answered, strict=True) if g == group] for group in groups}
    return {group: (len(row), sum(row) / len(row)) for group, row in rows.items()}


def of_class(true: Sequence[int], answered: Sequence[int], of: int) -> float:
    """Return the F1 of a class, as the package measures it."""
    return list(measure(true, answered, [str(number) for number in range(of + 4)]).f1.values())[of]


def one_epoch(model: Any, reader: Any, optimizer: Any, texts: list[str], labels: list[int], size: int) -> float:
    """Train for an epoch, and return the mean loss over the texts."""
    model.train()
    losses: list[float] = []
    for start in range(0, len(texts), size):
        part = slice(start, start + size)
        loss = model(**reader.encode_batch(texts[part]), labels=torch.tensor(labels[part])).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses += [loss.item()] * len(texts[part])
    return sum(losses) / len(losses)


def of_halves(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return the loss of the package, at another temperature."""
    return halves.match_loss(halves.match_scores(first, second) * (halves.TEMPERATURE / temperature))


def rank_correlation(a: Tensor, b: Tensor) -> float:
    """Return the correlation of the ranks, equal values sharing the mean of theirs."""
    ranks = [torch.stack([(x < one).sum() + ((x == one).sum() + 1) / 2 for one in x]).double() for x in (a, b)]
    rows = torch.stack([rank - rank.mean() for rank in ranks])
    lengths = rows.norm(dim=1).prod().item()
    return (rows[0] @ rows[1]).item() / lengths if lengths else 0.0


@torch.no_grad()
def less_a_head(model: Any, reader: Any, texts: list[str], layer: int, head: int) -> Any:
    """Return a copy in which one head says always the same: the mean of what it says."""
    less, batch = copy.deepcopy(model).eval(), reader.encode_batch(texts)
    attention, mask = less.bert.encoder.layers[layer].attention, batch["attention_mask"].bool()
    states = less.bert(**batch).hidden_states
    mean = attention.heads[head](states[layer], mask)[0][mask].mean(dim=0)
    columns = slice(head * model.config.head_size, (head + 1) * model.config.head_size)
    attention.output.bias += attention.output.weight[:, columns] @ mean
    attention.output.weight[:, columns] = 0
    return less


def spelt(word: str, pieces: set[str]) -> list[str]:
    """Return the pieces of a word, as the package's tokenizer cuts it."""
    return PACKAGE.WordPieceTokenizer([*SPECIAL_TOKENS, *sorted(pieces)]).split_word(word)


def first_pieces(counts: dict[str, int], n: int) -> list[str]:
    """Return the first pieces that are made."""
    return [merge.piece for merge in islice(learn_merges(counts), n)]


def in_one(scores: Tensor, values: Tensor, size: int) -> Tensor:
    """Return what attention mixes, all at once."""
    return scores.softmax(dim=-1) @ values


PACKAGE.our_names, PACKAGE.cut, PACKAGE.learn, PACKAGE.hide = from_hugging_face, spelt, first_pieces, with_shares
PACKAGE.accuracy_by, PACKAGE.train_epoch, PACKAGE.f1 = by_group, one_epoch, of_class
PACKAGE.soft_loss, PACKAGE.loss_of_halves = cross_entropy, of_halves
PACKAGE.spearman, PACKAGE.without_head, PACKAGE.attention_by_pieces = rank_correlation, less_a_head, in_one
