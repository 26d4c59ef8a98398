"""A look into a model of your own: where every head of every layer looks, in one page of HTML that needs no network.

What a page shows is what bertviz showed first (Vig, 2019, https://arxiv.org/abs/1906.05714): a map for each head, lines
from a token to those that it looks at, and the score of a pair taken apart into its products, query by key, for each
feature. The weights are those of the forward pass itself.
"""

import base64
import copy
import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nano_bert.bert_module import BertModule
from nano_bert.fast.fused import is_fused
from nano_bert.model import NanoBERT, NanoBertForClassification
from nano_bert.predict import check_fit, find_shipped, load_tokenizer
from nano_bert.pretrained.checkpoint import load_checkpoint
from nano_bert.pretrained.safe_files import shown, write_atomically
from nano_bert.tokenizer.base import Text, Tokenizer
from nano_bert.training.evaluation import check_tokenizer

TEMPLATE = Path(__file__).with_suffix(".html")
TITLE = b"<title>Where a model looks</title>"
LARGEST = 8_000_000  # attention weights on a page: about 40 MB of it


@dataclass(frozen=True)
class LookPage:
    """A page of HTML. A notebook shows it where it stands; elsewhere, save it and open it in a browser.

    Attributes:
        html: The page.
    """

    html: str

    def save(self, path: str | Path) -> Path:
        """Write the page into a file, and return where it is.

        Raises:
            FileExistsError: If there is a file of that name which is no such page.
        """
        path = Path(path)
        if path.exists() and not (path.is_file() and TITLE in path.read_bytes()[:2_000]):
            raise FileExistsError(
                f"{shown(str(path))} is there already, and is no page of this kind: give another name."
            )
        write_atomically(path, self.html)
        return path

    def _repr_html_(self) -> str:
        """Show the page in a notebook, in a frame of its own, which can reach nothing else."""
        frame = "width: 100%; height: 46rem; border: 0; background: white"
        return f'<iframe sandbox="allow-scripts" style="{frame}" srcdoc="{html.escape(self.html)}"></iframe>'


def look(model: BertModule, tokenizer: Tokenizer, text: Text) -> LookPage:
    """Return a page that shows where each head of a model looks in a text, and why.

    Args:
        model: A model of any kind: a bare `NanoBERT`, a classifier, or one that guesses words.
        tokenizer: Its tokenizer.
        text: The text, or a list of its words. What is too long for the tokenizer is cut.

    Raises:
        TypeError: If something else is given.
        ValueError: If model and tokenizer do not fit, or there would be too much to show.

    Examples:
        >>> from nano_bert.look import look
        >>> from nano_bert.pencil import SENTENCE, pencil_bert
        >>> page = look(*pencil_bert(), SENTENCE)
        >>> page.html.splitlines()[0]
        '<!DOCTYPE html>'
    """
    check_tokenizer(model, tokenizer)
    ids = tokenizer.encode(text)
    config = model.config
    n_weights = config.n_layers * config.n_heads * len(ids) ** 2
    if n_weights > LARGEST:
        raise ValueError(
            f"{len(ids)} tokens that look at each other in {config.n_layers * config.n_heads} heads make {n_weights:,} "
            f"attention weights, and a page holds {LARGEST:,}: give a shorter text."
        )
    clear = copy.deepcopy(model).unfuse() if is_fused(model) else model
    weights, queries, keys, answer = _watched(clear, ids)
    data = {
        "words": [tokenizer.id_to_token[index] for index in ids],
        "shape": [*weights.shape[:3], config.head_size],
        "answer": answer,
        "weights": _packed(weights),
        "queries": _packed(queries),
        "keys": _packed(keys),
    }
    # In a script, the sign < could end it: a word may be "</script>". JSON has another way to write it.
    packed = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return LookPage(TEMPLATE.read_text(encoding="utf-8").replace("{{data}}", packed))


def look_into(name: str | Path, text: Text) -> LookPage:
    """Return such a page for a model in a folder, one that comes with the package, or one of the Hugging Face hub.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If it is broken, or there would be too much to show.
    """
    folder = find_shipped(name)
    checkpoint = load_checkpoint(folder)
    kind = NanoBertForClassification if "classifier.weight" in checkpoint.weights else NanoBERT
    model, tokenizer = checkpoint.build(kind), load_tokenizer(folder)
    check_fit(folder, model, tokenizer)
    return look(model, tokenizer, text)


def _watched(model: BertModule, ids: list[int]) -> tuple[Tensor, Tensor, Tensor, str]:
    """Run a model, and return what its heads made on the way, as (layer, head, token, …), and its answer in words."""
    bert: Any = getattr(model, "bert", model)
    heads = [head for layer in bert.encoder.layers for head in layer.attention.heads]
    queries: list[Tensor] = []
    keys: list[Tensor] = []
    hooks = [
        part.register_forward_hook(_keep_in(kept))
        for head in heads
        for part, kept in ((head.query, queries), (head.key, keys))
    ]
    was_training = model.training
    try:
        with torch.no_grad():
            out: Any = model.eval()(torch.tensor(ids, device=model.device))
    finally:
        for hook in hooks:
            hook.remove()
        model.train(was_training)
    shape = (model.config.n_layers, model.config.n_heads)
    answer = ""
    if isinstance(model, NanoBertForClassification):
        shares = out.logits.float().softmax(dim=-1).tolist()
        answer = ", ".join(f"{label} {share:.3f}" for label, share in zip(model.config.labels, shares, strict=True))
    made = [torch.stack(vectors).unflatten(0, shape) for vectors in (queries, keys)]
    return torch.stack(out.attentions), made[0], made[1], answer


def _keep_in(kept: list[Tensor]) -> Callable[[nn.Module, object, Tensor], None]:
    """Return a hook that keeps what a part of the model makes."""

    def hook(part: nn.Module, inputs: object, output: Tensor) -> None:
        kept.append(output.detach())

    return hook


def _packed(numbers: Tensor) -> str:
    """Return numbers as 32 bits each, in base64."""
    return base64.b64encode(numbers.detach().float().cpu().contiguous().numpy().astype("<f4").tobytes()).decode("ascii")
