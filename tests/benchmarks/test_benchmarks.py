"""What is compared is the same model, what is measured is right, and the record says what was measured."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from tests.benchmarks import speed as benchmarks
from tests.benchmarks.contenders import SIZES, TOKENS, Batch, make_batch, make_contenders, steps
from tests.benchmarks.epoch import group_of, shares
from tests.benchmarks.stopwatch import compare, exponents, fit, peak_megabytes, take_turns

ATTENTION = ("heads", "fused")
NAMES = {
    "heads",
    "fused",
    "fused_all_rows",
    "transformers_eager",
    "transformers_sdpa",
    "torch_encoder",
}


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def few(batch: Batch) -> Batch:
    return {name: rows[:3] for name, rows in batch.items()}


@pytest.mark.usefixtures("one_thread")
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("n_embed", [3, 128, 384])
def test_all_contenders_give_the_same_answer(n_embed: int) -> None:
    contenders = make_contenders(n_embed)
    assert set(contenders) == NAMES
    for lengths in ("full", "realistic"):
        batch = few(make_batch(n_embed, lengths))
        answers = {name: work() for name, work in steps(contenders, "inference", batch).items()}
        for name, answer in answers.items():
            torch.testing.assert_close(answer, answers["heads"], atol=1e-5, rtol=0, msg=f"{name}, {lengths} lengths")


@pytest.mark.usefixtures("one_thread")
def test_all_contenders_drop_out_as_much() -> None:
    """As many random numbers, where as many rows are computed, and a step of learning moves the weights of each."""
    contenders, batch = make_contenders(128), few(make_batch(128, "realistic"))
    drawn: dict[str, int] = {}
    for name, work in steps(contenders, "training", batch).items():
        weight = next(iter(contenders[name].module.parameters()))
        before = weight.detach().clone()
        with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiler:
            work()
        shapes = [event.input_shapes[0] for event in profiler.events() if event.name == "aten::bernoulli_"]
        drawn[name] = sum(math.prod(shape) for shape in shapes)
        assert not torch.equal(weight, before), name
        assert all(weight.grad is None for weight in contenders[name].module.parameters()), name
    size = SIZES[128]
    n_texts = len(batch["labels"])
    places = n_texts * TOKENS
    each_layer = places * (2 * 128 + size.n_heads * TOKENS)
    everything = places * 128 + size.n_layers * each_layer + n_texts * 128
    assert {drawn[name] for name in NAMES - {"fused"}} == {everything}
    assert drawn["fused"] == everything - each_layer * (TOKENS - 1) // TOKENS


def test_realistic_lengths_are_filled_up_to_the_same_width() -> None:
    batch, full = make_batch(128, "realistic"), make_batch(128, "full")
    n_tokens = batch["attention_mask"].sum(dim=1)
    assert batch["input_ids"].shape == full["input_ids"].shape == (32, TOKENS)
    assert n_tokens.min() >= 20
    assert n_tokens.max() == TOKENS
    assert n_tokens.float().mean() < 100
    assert full["attention_mask"].all()
    assert torch.equal(batch["input_ids"] != 0, batch["attention_mask"].bool())


def test_padding_keeps_every_text() -> None:
    batches = [
        {
            "input_ids": torch.full((2, width), width),
            "attention_mask": torch.ones(2, width, dtype=torch.long),
            "labels": torch.tensor([width % 2, width % 2]),
        }
        for width in (4, 9, 30)
    ]
    padded = benchmarks.shuffled_and_padded(batches)
    assert [batch["input_ids"].shape for batch in padded] == [(2, TOKENS)] * 3
    ids, mask, labels = (torch.cat([batch[name] for batch in padded]) for name in batches[0])
    assert sorted(mask.sum(dim=1).tolist()) == [4, 4, 9, 9, 30, 30]
    assert torch.equal(ids, ids[:, :1] * mask)  # a row still holds its own ids, and padding is 0
    assert torch.equal(labels, ids[:, 0] % 2)


def test_memory_is_counted_to_the_byte() -> None:
    def work() -> torch.Tensor:
        first = torch.ones(250_000)  # a million bytes
        second = first + first
        del first
        return second + second  # two at a time, never three

    assert peak_megabytes(work) == 2.0


def test_each_goes_first_in_half_of_the_rounds() -> None:
    order: list[str] = []
    times = take_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2, warm_up=1)
    assert "".join(order) == "abbaab"
    assert {name: len(found) for name, found in times.items()} == {"a": 2, "b": 2}


def test_ratios_are_those_of_the_medians_and_unrest_is_their_spread() -> None:
    quiet = compare({"a": [4.0, 4.0, 4.0, 90.0], "b": [2.0, 2.0, 2.0, 45.0]}, {"a/b": ("a", "b")})
    assert quiet == {"milliseconds": {"a": 4.0, "b": 2.0}, "time_ratios": {"a/b": 2.0}, "unrest": 1.0}
    assert compare({"a": [1.0, 2.0, 3.0], "b": [1.0, 1.0, 1.0]}, {"a/b": ("a", "b")})["unrest"] == 3.0


def test_growth_finds_the_polynomial_and_its_power() -> None:
    lengths = (64, 128, 256, 512, 1024)
    assert fit({str(s): 3 + 0.02 * s + 5e-5 * s * s for s in lengths}) == {"a": 3.0, "b": 0.02, "c": 5e-5}
    assert exponents({"64": 1.0, "128": 4.0, "512": 16.0}) == {"64-128": 2.0, "128-512": 1.0}


def test_every_operator_has_its_group() -> None:
    groups = {
        "aten::bernoulli_": "random numbers of dropout",
        "aten::embedding_dense_backward": "word table",
        "aten::native_layer_norm_backward": "LayerNorm",
        "aten::_softmax_backward_data": "softmax and masks",
        "aten::addmm": "matrix products",
        "aten::add_": "adding, multiplying, copying",
        "Optimizer.step#Adam.step": "optimizer",
        "aten::view": None,
    }
    assert {name: group_of(name) for name in groups} == groups
    weight = torch.nn.Parameter(torch.ones(50, 50))
    optimizer = torch.optim.Adam([weight])
    with profile(activities=[ProfilerActivity.CPU]) as learning:
        (weight @ weight).sum().backward()
    found = shares(learning.events())
    assert sum(found.values()) == pytest.approx(1, abs=0.01)
    assert {"matrix products", "adding, multiplying, copying", "everything else"} == set(found)
    with profile(activities=[ProfilerActivity.CPU]) as moving:
        optimizer.step()
    assert shares(moving.events()) == {"optimizer": 1.0}  # its own sums and products, too


def test_what_is_below_a_floor_is_said() -> None:
    record: dict[str, Any] = {
        "sizes": {"3": {"training": {"full": {"time_ratios": {"sdpa/fused": 0.9, "eager/heads": 0.7}}}}},
        "growth": {"texts": {"most/least": 1.5}, "length": {"heads": {"exponents": {"64-128": 2.5}}}},
    }
    assert benchmarks.missed(record) == [
        "sizes: 3: training: full: time_ratios: sdpa/fused is 0.9, below 1.0",
        "growth: texts: most/least is 1.5, above 1.3",
        "growth: length: heads: exponents: 64-128 is 2.5, above 2.2",
    ]


def test_a_section_is_written_when_the_machine_was_quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the others stay as they are."""
    monkeypatch.setattr(benchmarks, "RECORD", tmp_path / "speed.json")
    sections = {"one": lambda: {"it": 1, "unrest": 1.1}, "two": lambda: {"it": 2, "unrest": 1.1}}
    monkeypatch.setattr(benchmarks, "SECTIONS", sections)
    with pytest.raises(SystemExit) as end:
        benchmarks.main([])
    assert end.value.code == 0
    sections |= {"one": lambda: {"it": 3, "unrest": 9.0}, "two": lambda: {"it": 4, "unrest": 1.1}}
    with pytest.raises(SystemExit, match=r"The machine is busy, so these sections were not written: one"):
        benchmarks.main([])
    with pytest.raises(SystemExit, match=r"no section three: the sections are one, two"):
        benchmarks.main(["three"])
    record = json.loads((tmp_path / "speed.json").read_text())
    assert (record["one"]["it"], record["two"]["it"]) == (1, 4)
    assert set(record["two"]) == {"it", "unrest", "versions", "threads", "machine"}


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    assert benchmarks.RECORD.is_file(), "there is no record yet: run `python -m tests.benchmarks` on a quiet machine"
    return json.loads(benchmarks.RECORD.read_text(encoding="utf-8"))


def test_the_record_holds_what_the_book_reads(record: dict[str, Any]) -> None:
    assert list(record) == ["about", "how", "floors", "memory_floors", "ceilings", *benchmarks.SECTIONS]
    assert record["floors"] == benchmarks.FLOORS
    assert record["ceilings"] == benchmarks.CEILINGS
    for n_embed, size in SIZES.items():
        found = record["sizes"][str(n_embed)]
        assert {name: found[name] for name in size._fields} == size._asdict()
        for line in (found[mode][lengths] for mode in ("training", "inference") for lengths in ("full", "realistic")):
            assert set(line["milliseconds"]) == set(line["peak_megabytes"]) == NAMES
            assert set(line["time_ratios"]) == set(line["memory_ratios"]) == set(benchmarks.SIZE_RATIOS)
    assert set(record["padding"]["milliseconds"]) == {"bucketed", "padded"}
    assert {"original", "heads", "fused"} < set(record["epoch"]["cpu_seconds"])
    for name in ("original", "ours_cls", "ours_mean"):
        assert sum(record["profile"][name].values()) == pytest.approx(1, abs=0.01)
    assert set(record["growth"]["length"]) == set(ATTENTION)
    assert set(record["processes"]["128"]["milliseconds"]) == {"one", "one_with_two_threads", "two"}


def test_the_ratios_of_the_record_follow_from_its_medians(record: dict[str, Any]) -> None:
    """All numbers are rounded to three digits, so a ratio of two of them is right to a hundredth."""
    lines = [
        record["sizes"][str(n_embed)][mode][lengths]
        for n_embed in SIZES
        for mode in ("training", "inference")
        for lengths in ("full", "realistic")
    ]
    names = {"sdpa": "transformers_sdpa", "eager": "transformers_eager"}
    lines += [record["padding"], record["processes"]["3"], record["processes"]["128"], record["epoch"]]
    for line in lines:
        for kind, medians in (
            ("time_ratios", line.get("milliseconds") or line["cpu_seconds"]),
            ("memory_ratios", line.get("peak_megabytes")),
        ):
            for pair, ratio in line.get(kind, {}).items():
                above, below = pair.split("/")
                assert ratio == pytest.approx(medians[names.get(above, above)] / medians[below], rel=0.01), pair
            assert line.get(kind) or kind == "memory_ratios"
            assert line["unrest"] <= benchmarks.UNREST
