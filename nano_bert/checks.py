"""Checks at the door of a model: what does not fit is refused with a sentence, before anything is computed.

A check of numbers has to wait for them and to decide, which `torch.compile` cannot do in the middle of its work. A
compiled model checks kinds and shapes, but no numbers: try your data on the model as it is first.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def check_ids(name: str, ids: Tensor, table: nn.Embedding) -> None:
    """Refuse ids that are not whole numbers, are none at all, or stand for no row of the table."""
    if ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool:
        raise TypeError(f"{name} are whole numbers (torch.long), but these are {ids.dtype}. Use {name}.long().")
    if ids.ndim == 0 or ids.numel() == 0:
        raise ValueError(f"{name} needs at least one text of at least one token, but its shape is {tuple(ids.shape)}.")
    if torch.compiler.is_compiling():
        return
    lowest, highest = int(ids.min()), int(ids.max())
    if lowest < 0 or highest >= table.num_embeddings:
        wrong = lowest if lowest < 0 else highest
        raise ValueError(
            f"{name} holds {wrong}, but this model knows the ids 0 to {table.num_embeddings - 1}. Do the tokenizer "
            f"and the model have the same vocabulary (vocab_size=len(tokenizer))?"
        )


def check_mask(attention_mask: Tensor, input_ids: Tensor) -> Tensor:
    """Return the mask as True and False; refuse one of another shape or with other values than 0 and 1."""
    if attention_mask.shape != input_ids.shape:
        raise ValueError(
            f"attention_mask says of each token whether it may be looked at, so it needs the shape of input_ids, "
            f"{tuple(input_ids.shape)}, but it has {tuple(attention_mask.shape)}."
        )
    mask = attention_mask.bool()
    if not torch.compiler.is_compiling() and not torch.equal(mask.to(attention_mask.dtype), attention_mask):
        raise ValueError("attention_mask holds 1 for a token and 0 for padding, but this one holds other numbers.")
    return mask


def check_labels(labels: Tensor, names: Sequence[str]) -> None:
    """Refuse labels that are not the id of a class."""
    wrong = (labels < 0) | (labels >= len(names))
    if not torch.compiler.is_compiling() and wrong.any():
        known = ", ".join(f"{index} ({name})" for index, name in enumerate(names))
        raise ValueError(f"{int(labels[wrong][0])} is not the id of a class. The classes of this model are: {known}.")
