"""What every model shares: random weights to start from, a folder to be kept in, and heads that can be fused.

How the weights are drawn is our own choice for very small models, and `draw` says why. How a folder is read and written
is in `nano_bert.pretrained` (chapter 9), and how heads are fused in `nano_bert.fast` (chapter 14): both are imported
where they are called, so that a model can be read without them.
"""

from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from nano_bert.config import BertConfig, make_config

Model = TypeVar("Model", bound="BertModule")
Part = TypeVar("Part", bound=nn.Module)


def draw(part: Part) -> Part:
    """Draw the weights of all linear layers in a part of a model: orthogonal matrices, no bias.

    Orthogonal matrices (Saxe et al., 2014, https://arxiv.org/abs/1312.6120) turn vectors and do not flatten them, as a
    random matrix of three rows easily does. (BERT draws them all from a normal distribution; with 768 rows that makes
    less of a difference.)
    """
    for module in part.modules():
        if isinstance(module, nn.Linear):
            nn.init.orthogonal_(module.weight)
            nn.init.zeros_(module.bias)
    return part


class BertModule(nn.Module):
    """What every model shares: a configuration, and a folder to be kept in."""

    config: BertConfig

    def __init__(self, config: BertConfig | None = None, **settings: Any) -> None:
        super().__init__()
        self.config = make_config(config, settings)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and where the ids have to be."""
        return next(self.parameters()).device

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into a folder, in the layout of Hugging Face.

        Raises:
            ValueError: If the folder could not be opened again: a weight is not finite, a layer or a head is missing.
        """
        from nano_bert.fast.fused import clear_form
        from nano_bert.pretrained.checkpoint import save_checkpoint

        save_checkpoint(folder, self.config, clear_form(self).state_dict())

    @classmethod
    def from_pretrained(cls: type[Model], folder: str | Path) -> Model:
        """Return a trained model, ready to use: dropout is off.

        Args:
            folder: A folder in the layout of Hugging Face, ours or another's; or, with a network, the name of a model
                on the Hugging Face hub, such as "google-bert/bert-base-uncased".

        Raises:
            FileNotFoundError: If there is no such model.
            ValueError: If it is broken, or another kind of model.
        """
        from nano_bert.pretrained.checkpoint import load_checkpoint

        return load_checkpoint(folder).build(cls)

    def fuse(self: Model) -> Model:
        """Compute all heads of a layer in one matrix product from now on: the same numbers, faster.

        The weights are copied, so make the optimizer after this. A fused model gives no attention weights, and no
        hidden states but the last. A classifier computes no more of that than it reads: no padding, where there is much
        of it (asked alone, its `bert` then gives zeros there), and by `[CLS]` no other row. Change heads, and set
        hooks, before this or after `unfuse()`.

        Returns:
            The model itself.

        Raises:
            ValueError: If a layer holds more than matrices of our own kind, so that one product would not do the same.

        Examples:
            >>> import torch
            >>> from nano_bert import NanoBERT
            >>> model = NanoBERT(vocab_size=10, n_heads=2, n_embed=4).eval()
            >>> input_ids = torch.tensor([[1, 7, 8, 2]])
            >>> before = model(input_ids).last_hidden_state
            >>> after = model.fuse()(input_ids).last_hidden_state
            >>> torch.allclose(before, after, atol=1e-5)
            True
        """
        from nano_bert.fast.fused import fuse

        fuse(self)
        return self

    def unfuse(self: Model) -> Model:
        """Let the heads be the objects that they were, with the weights that they have by now; return the model.

        Raises:
            ValueError: If something would be lost: a hook on a fused part, a change of the heads that were put aside.
        """
        from nano_bert.fast.fused import unfuse

        unfuse(self)
        return self
