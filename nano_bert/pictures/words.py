"""From words to vectors: a batch of ids with its mask, and the row that an id picks from a table."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from nano_bert.pictures.canvas import BLUE, GREY, SLATE, arrow, as_rows, box, canvas, number_row


def draw_batch(
    tokens: Sequence[Sequence[str]], input_ids: Int[Tensor, "batch seq"], attention_mask: Int[Tensor, "batch seq"]
) -> Axes:
    """Draw what a tokenizer makes of some texts: for each text a row of tokens, of ids and of the mask.

    Args:
        tokens: The tokens of each text, `[CLS]`, `[SEP]` and `[PAD]` included.
        input_ids: Their ids.
        attention_mask: 1 for a token, 0 for padding.

    Raises:
        ValueError: If there is not one id and one entry of the mask for each token.

    Examples:
        >>> from nano_bert import WordTokenizer
        >>> from nano_bert.pictures import draw_batch
        >>> tokenizer = WordTokenizer(["good", "bad"])
        >>> batch = tokenizer.encode_batch(["good", "good bad"])
        >>> tokens = [[tokenizer.id_to_token[index] for index in row] for row in batch["input_ids"]]
        >>> axes = draw_batch(tokens, **batch)
        >>> [text.get_text() for text in axes.texts[:3]]
        ['tokens', '[CLS]', 'good']
    """
    n_texts, n_tokens = len(tokens), len(tokens[0]) if tokens else 0
    if not n_tokens or any(len(row) != n_tokens for row in tokens):
        raise ValueError("A batch has a text or more, and all its rows are equally long: fill them up with [PAD].")
    ids = as_rows("input_ids", input_ids.float(), n_texts, n_tokens)
    masks = as_rows("attention_mask", attention_mask.float(), n_texts, n_tokens)
    height = 3.6 * n_texts - 0.6
    axes = canvas(n_tokens + 1.4, height, (6.4, 6.4 * height / (n_tokens + 1.4) * 0.75))
    for text in range(n_texts):
        lines = {"tokens": tokens[text], "ids": ids[text], "mask": masks[text]}
        for line, (name, entries) in enumerate(lines.items()):
            y = height - 0.5 - line - 3.6 * text
            axes.text(1.2, y, name, size=11, color=GREY, ha="right", va="center")
            for column, entry in enumerate(entries):
                colour = BLUE if masks[text][column] else SLATE
                shown = entry if isinstance(entry, str) else f"{entry:.0f}"
                axes.add_patch(Rectangle((column + 1.43, y - 0.46), 0.94, 0.92, facecolor=colour, edgecolor="none"))
                axes.text(column + 1.9, y, shown, color="white", size=10, ha="center", va="center")
    return axes


def draw_look_up(
    tokens: Sequence[str], table: Float[Tensor, "vocab embed"], token: str, features: Sequence[str] = ()
) -> Axes:
    """Draw a table of embeddings, and how a token finds its row there by its id.

    Args:
        tokens: All tokens of the vocabulary, in the order of their ids.
        table: A row for each.
        token: The one that is looked up.
        features: The names of the columns, written above.

    Raises:
        ValueError: If the vocabulary does not have the token, or there is not a row for each token.

    Examples:
        >>> import torch
        >>> from nano_bert.pictures import draw_look_up
        >>> axes = draw_look_up(["good", "bad"], torch.tensor([[1.0, 0.0], [0.0, 1.0]]), "bad")
        >>> [text.get_text() for text in axes.texts[:2]]
        ['bad', 'id 1']
    """
    if token not in tokens:
        raise ValueError(f"The vocabulary has no token {token!r}: it has {', '.join(tokens)}.")
    rows = as_rows("table", table, len(tokens), table.shape[-1] if table.ndim else 0)
    index, embed = list(tokens).index(token), len(rows[0])
    if features and len(features) != embed:
        raise ValueError(f"The table has {embed} columns, but there are {len(features)} names of features.")
    height, left = 0.78 * (len(rows) + bool(features)), 6.6
    axes = canvas(left + 0.95 * embed, height, (6.4, 6.4 * height / (left + 0.95 * embed)))
    places = [0.39 + 0.78 * (len(rows) - 1 - row) for row in range(len(rows))]
    box(axes, (0.9, places[index]), token, BLUE, 1.6, 0.62)
    box(axes, (3.2, places[index]), f"id {index}", BLUE, 1.4, 0.62)
    arrow(axes, (1.75, places[index]), (2.45, places[index]))
    arrow(axes, (3.95, places[index]), (left - 1.3, places[index]))
    for row, (name, y) in enumerate(zip(tokens, places, strict=True)):
        style: dict[str, Any] = {"weight": "bold"} if row == index else {}
        axes.text(left - 0.2, y, f"{row} {name}", size=10, color=GREY, ha="right", va="center", **style)
        number_row(axes, left, y, rows[row], BLUE if row == index else SLATE)
    for column, feature in enumerate(features):
        axes.text(left + 0.95 * column + 0.45, height - 0.39, feature, size=10, color=GREY, ha="center", va="center")
    return axes
