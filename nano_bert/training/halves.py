"""Halves: which second half of a text belongs to which first?

Hidden words teach a model which kind of word comes. What a text is *about*, and whether its author was pleased, its
neighbours mostly do not tell. But the two halves of a text share it. So a batch of texts is cut through the middle, and
the model has to find, by a vector for each half, the pieces that belong together. As with hidden words, no label is
needed.

BERT's second exercise (Devlin et al., 2019, section 3.1, https://arxiv.org/abs/1810.04805) asks of one second half
whether it is the true one. Here it stands beside those of all other texts of the batch, after Logeswaran and Lee (2018,
section 3, https://arxiv.org/abs/1803.02893); cosines and their temperature are as in Gao et al. (2021, SimCSE, section
2, https://arxiv.org/abs/2104.08821).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from nano_bert.fast.data_parallel import Losses
from nano_bert.fast.distributed import world_size
from nano_bert.fast.hardware import to_device
from nano_bert.model import NanoBertForPreTraining
from nano_bert.task_heads import masked_mean, masked_word_loss
from nano_bert.tokenizer.base import Tokenizer
from nano_bert.training.batches import like_lengths
from nano_bert.training.loop import learn, settle
from nano_bert.training.masking import Masking
from nano_bert.training.optimizer import TrainingConfig
from nano_bert.training.pretraining import Document, Pretraining, Row, check_masking
from nano_bert.training.run import Run

TEMPERATURE = 0.05  # a cosine is at most 1, which is no score to be sure with: it is divided by this
MARGIN = 1 / 3  # of a half is taken away at the cut, at most


def match_scores(first: Float[Tensor, "text embed"], second: Float[Tensor, "text embed"]) -> Float[Tensor, "text text"]:
    """Return how well each first half goes with each second half: the cosine of their vectors, over `TEMPERATURE`.

    Examples:
        >>> import torch
        >>> from nano_bert.training.halves import match_scores
        >>> first, second = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[3.0, 0.0], [3.0, 4.0]])
        >>> match_scores(first, second)
        tensor([[20., 12.],
                [ 0., 16.]])
    """
    return normalize(first, dim=-1) @ normalize(second, dim=-1).T / TEMPERATURE


def match_loss(scores: Float[Tensor, "text text"]) -> Float[Tensor, ""]:
    """Return the mean cross-entropy of the true halves, which stand on the diagonal: by row, and by column.

    A row asks which second half belongs to a first; a column, which first to a second.

    Examples:
        >>> import torch
        >>> from nano_bert.training.halves import match_loss
        >>> match_loss(torch.zeros(4, 4))  # four halves, and no idea: log 4
        tensor(1.3863)
    """
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1]:
        raise ValueError(
            f"Each text has two halves, so the scores form a square, but these have the shape {tuple(scores.shape)}."
        )
    true = torch.arange(len(scores), device=scores.device)
    return (cross_entropy(scores, true) + cross_entropy(scores.T, true)) / 2


def cut(ids: Sequence[int], most: int, generator: torch.Generator) -> tuple[Sequence[int], Sequence[int]]:
    """Cut a text through the middle, and take away up to `MARGIN` of each half, on both sides of the cut.

    Two halves of one length would betray themselves to whoever can count, and what stands at the cut goes on behind it.

    Args:
        ids: The text, of two words or more.
        most: Words that are left of each half, at most: of the first its beginning, of the second its end.
        generator: Decides how much is taken away, from each half by itself.

    Examples:
        >>> import torch
        >>> from nano_bert.training.halves import cut
        >>> generator = torch.Generator().manual_seed(0)
        >>> cut(range(10), most=8, generator=generator), cut(range(10), most=2, generator=generator)
        ((range(0, 5), range(6, 10)), (range(0, 2), range(8, 10)))
    """
    if len(ids) < 2 or most < 1:
        raise ValueError(f"{len(ids)} words, of which {most} may be left in a half, give no two halves: take more.")
    middle = len(ids) // 2

    def left(n: int) -> int:
        taken: float = torch.rand((), generator=generator).item() * MARGIN
        return min(most, math.ceil(n * (1 - taken)))

    n_first, n_second = left(middle), left(len(ids) - middle)
    return ids[:n_first], ids[len(ids) - n_second :]


class Halves(Pretraining):
    """Learn which halves belong together, and go on guessing hidden words meanwhile."""

    def __init__(
        self,
        model: NanoBertForPreTraining,
        tokenizer: Tokenizer,
        texts: Sequence[str],
        validation: Sequence[str],
        settings: TrainingConfig,
        masking: Masking,
    ) -> None:
        if world_size() > 1:
            raise ValueError("Each half is compared with all others of its batch, so one process has to hold them all.")
        if getattr(model, "next_sentence_head", None) is not None:
            raise ValueError("Matching halves would spoil this model's head for next sentences: take pooler=False.")
        if settings.batch_size < 2:
            raise ValueError("A half needs others to be told from: set batch_size to 2 texts or more.")
        super().__init__(model, tokenizer, texts, validation, settings, masking)
        self.identity |= {"halves": TEMPERATURE}

    def _count(self, documents: Sequence[Document], purpose: str) -> int:
        """Return the number of texts; refuse so few that there is nothing to tell a half from."""
        n = super()._count(documents, purpose) // 2
        if n < 2:
            raise ValueError(f"There is nothing {purpose}: it takes two texts of two words or more, and there are {n}.")
        return n

    def _halves(self, documents: Sequence[Document], generator: torch.Generator) -> list[tuple[Row, Row]]:
        """Return the two halves of each text, as rows."""
        texts = [[index for sentence in document for index in sentence] for document in documents]
        pairs = [cut(ids, self.n_tokens - 2, generator) for ids in texts if len(ids) > 1]
        rows = [[self.tokenizer.add_special_tokens(half) for half in pair] for pair in pairs]
        return [((first, [0] * len(first), 0), (second, [0] * len(second), 0)) for first, second in rows]

    def _rows(self, documents: Sequence[Document], generator: torch.Generator) -> list[Row]:
        """Return the halves one by one."""
        return [half for pair in self._halves(documents, generator) for half in pair]

    def _hide(self, documents: Sequence[Document], generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
        """Yield texts in batches, first all first halves, then all second ones, with words hidden."""
        halves = self._halves(documents, generator)
        for chosen in like_lengths([len(first[0]) for first, _ in halves], self.batch_size, generator):
            yield self._hidden([halves[index][part] for part in (0, 1) for index in chosen], generator)

    def _match(self, batch: Mapping[str, Tensor]) -> tuple[Float[Tensor, "text text"], Tensor, Tensor]:
        """Return how well the halves go together, the scores of the hidden words, and their true ids."""
        out, words, truth = self._guess(batch)
        first, second = masked_mean(out.last_hidden_state, batch["attention_mask"].bool()).chunk(2)
        return match_scores(first.float(), second.float()), words, truth

    def losses(self, batch: Mapping[str, Tensor]) -> Losses:
        """Return the loss of the halves, and that of the hidden words, each as a sum and a count."""
        scores, words, truth = self._match(batch)
        of_words = masked_word_loss(words, truth) * len(truth)
        return [(match_loss(scores) * len(scores), len(scores)), (of_words, len(truth))]

    @torch.no_grad()
    def validate(self) -> tuple[float, dict[str, float]]:
        """Return how well halves of the validation texts are matched, always in the same batches, and the words."""
        self.model.eval()
        sums = torch.zeros(5, dtype=torch.double)  # loss and number of halves, those found; loss and number of words
        for batch in self._hide(self.validation, torch.Generator().manual_seed(0)):
            scores, words, truth = self._match(to_device(batch, self.model.device))
            n, found = len(scores), int((scores.argmax(dim=-1).cpu() == torch.arange(len(scores))).sum())
            of_words = masked_word_loss(words, truth).item() * len(truth)
            sums += torch.tensor([match_loss(scores).item() * n, n, found, of_words, len(truth)], dtype=torch.double)
        loss, n, found, of_words, n_words = sums.tolist()
        notes = {"validation_halves": loss / n, "validation_found": found / n, "validation_loss": of_words / n_words}
        return -notes["validation_halves"], notes


def match_halves(
    model: NanoBertForPreTraining,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    validation: Sequence[str],
    settings: TrainingConfig | None = None,
    masking: Masking | None = None,
    run: Run | None = None,
) -> list[dict[str, Any]]:
    """Let a model match the halves of texts; afterwards it holds the weights of its best epoch on the validation texts.

    Args:
        model: The model, best one that has guessed hidden words before. It goes on with that meanwhile.
        tokenizer: Its tokenizer. A half that is longer than its `max_seq_len`, or the model's, is cut: of a first half
            the beginning is read, of a second one the end.
        texts: The texts to learn from, of two words or more; shorter ones are left out.
        validation: Other texts, to measure with.
        settings: How to train; `batch_size` is the number of texts whose halves lie side by side: the more, the
            harder, and the more memory it takes (64 long reviews some gigabytes).
        masking: How words are chosen that are to be guessed.
        run: Where the run is kept, so that it can go on after a break. By default it is not kept.

    Returns:
        The history: for each epoch the mean training loss, both exercises together; for the validation texts the loss
        of the halves, the share of first halves whose second one was found, and the loss of hidden words; and the
        seconds since the start.

    Raises:
        FileNotFoundError: If there is no run to go on with.
        ValueError: If that run had other settings, or a setting makes no sense here.

    Examples:
        >>> import torch
        >>> from nano_bert import NanoBertForPreTraining, WordTokenizer
        >>> from nano_bert.training import TrainingConfig
        >>> from nano_bert.training.halves import match_halves
        >>> texts = [f"{thing} came in , and we like {thing}" for thing in ("cats", "dogs", "birds", "fish")] * 8
        >>> tokenizer = WordTokenizer.from_texts(texts)
        >>> _ = torch.manual_seed(0)
        >>> model = NanoBertForPreTraining(vocab_size=len(tokenizer), n_embed=16, pooler=False, dropout=0.0)
        >>> settings = TrainingConfig(epochs=10, learning_rate=0.02, batch_size=4)
        >>> history = match_halves(model, tokenizer, texts, texts[:4], settings)
        >>> history[-1]["validation_halves"] < history[0]["validation_halves"]
        True
    """
    settings, run = settle(settings, run)
    masking = check_masking(settings, masking)
    return learn(Halves(model, tokenizer, texts, validation, settings, masking), settings, run)
