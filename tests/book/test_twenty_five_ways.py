"""The twenty-five ways: each is caught by a test that exists, and here are the tests that had no better place."""

import ast
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nano_bert import NanoBERT, NanoBertForClassification, WordTokenizer
from nano_bert.training.evaluation import evaluate
from tests.book.pages import Block, read_page
from tests.book.planted import PAGES, ROOT
from tests.book.repl import answer
from tests.oracles import SEEDS, random_config, random_weights
from tests.phrases import phrases

WAYS = ROOT / "docs" / "twenty-five-ways.md"
TEST = re.compile(r"tests/((?:\w+/)?test_\w+\.py)::(\w+)")
CHAPTER = re.compile(r"\]\((?:\d\d-[\w-]+|how-to-read|measuring|glossary)\.md[)#]")
SEEN = re.compile(r"https://github\.com/[\w-]+/[\w.-]+/blob/[0-9a-f]{40}/[^)\s]+#L\d+")

# What no other test would have seen


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_word_hears_every_other(seed: int, norm_first: bool) -> None:
    """BERT is an encoder: whatever word is changed, before or behind, the vectors of all the others change."""
    config = random_config(seed, norm_first=norm_first)
    model = random_weights(NanoBERT(config).double(), seed).eval()
    ids = torch.randint(5, config.vocab_size, (6,))
    before = model(ids).last_hidden_state
    for place in range(6):
        other = ids.clone()
        other[place] = 5 + (ids[place] - 4) % (config.vocab_size - 5)
        change = (model(other).last_hidden_state - before).abs().amax(dim=-1)
        assert (change > 1e-12).all(), f"of a change at {place} only {change.nonzero().flatten().tolist()} heard"


def test_measuring_changes_no_weight() -> None:
    """A loop that tests must not learn: weights, mode and gradients are as before, bit for bit."""
    corpus = phrases()
    tokenizer = WordTokenizer.from_texts(corpus.train.texts, max_seq_len=16)
    model = NanoBertForClassification(vocab_size=len(tokenizer), max_seq_len=16).train()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    first, second = (evaluate(model, tokenizer, corpus.test) for _ in range(2))
    assert first == second
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())
    assert model.training


@pytest.mark.parametrize("seed", SEEDS)
def test_three_features_behind_a_norm_lie_on_a_circle(seed: int) -> None:
    """Their sum is 0 and their length √3; a gain and a bias move and bend the circle, but it stays flat."""
    torch.manual_seed(seed)
    model = NanoBERT(vocab_size=40, n_embed=3, layer_norm_eps=1e-12).double().eval()
    ids = torch.randperm(39) + 1
    points = model(ids).last_hidden_state
    torch.testing.assert_close(points.sum(dim=-1), torch.zeros(39).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(points.norm(dim=-1), torch.full((39,), math.sqrt(3)).double(), atol=1e-6, rtol=0)
    points = random_weights(model, seed)(ids).last_hidden_state.detach()
    *_, thickness = torch.linalg.svdvals(points - points.mean(dim=0))
    assert thickness < 1e-9


# Tests that assert nothing


JUDGES = {"raises", "assert_close", "assert_outcomes", "fnmatch_lines"}  # of pytest and torch


def functions(file: Path) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.FunctionDef))


def judges(node: ast.AST) -> bool:
    """Say whether a test can fail here: at an assert, an error that must come, a process that must end well."""
    if isinstance(node, ast.Call):
        expects = isinstance(node.func, ast.Attribute) and node.func.attr in JUDGES
        return expects or any(word.arg == "check" for word in node.keywords)
    return isinstance(node, ast.Assert)


def silent_tests(files: list[Path]) -> list[str]:
    """The tests that would pass whatever happens: nothing judges, neither in them nor in what they call."""
    calls: dict[str, set[str]] = {}  # of each function that does not judge by itself
    judging: set[str] = set()
    for file in files:
        for function in functions(file):
            nodes = list(ast.walk(function))
            if any(map(judges, nodes)):
                judging.add(function.name)
            else:
                names = (node.func for node in nodes if isinstance(node, ast.Call))
                calls[f"{file.name}::{function.name}"] = {name.id for name in names if isinstance(name, ast.Name)}
    while more := {name.partition("::")[2] for name, called in calls.items() if called & judging} - judging:
        judging |= more
    return [name for name, called in calls.items() if "::test_" in name and not called & judging]


def test_every_test_asserts_something(tmp_path: Path) -> None:
    assert silent_tests(sorted((ROOT / "tests").rglob("*.py"))) == []
    planted = tmp_path / "test_planted.py"
    planted.write_text(
        "def helper(x):\n    assert x\n\n"
        "def test_compares(): 1 + 1 == 3\n\ndef test_prints():\n    print(1)\n\n"
        "def test_asserts():\n    assert 1\n\ndef test_asks_a_helper():\n    helper(1)\n"
    )
    assert silent_tests([planted]) == ["test_planted.py::test_compares", "test_planted.py::test_prints"]


# The page


def ways() -> list[tuple[str, str]]:
    """Each way, the twenty-five and the one more: its title, and what stands below it."""
    parts = re.split(r"^### (.*)$", WAYS.read_text("utf-8"), flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def test_there_are_twenty_five_ways_and_one_more() -> None:
    titles = [title for title, _ in ways()]
    assert [title.partition(". ")[0] for title in titles[:25]] == [str(number) for number in range(1, 26)]
    assert len(titles) == len(set(titles)) == 26


@pytest.mark.parametrize(("title", "text"), ways(), ids=lambda part: part.partition("\n")[0])
def test_a_way_is_shown_caught_and_explained(title: str, text: str) -> None:
    _, caught, by = text.partition("\nCaught by ")
    assert "```pycon" in text
    assert caught
    assert TEST.search(by), "by a test with a name"
    assert CHAPTER.search(by), "and a chapter explains it"
    seen = text.partition("\nSeen in ")[2]
    assert not title[0].isdigit() or SEEN.search(seen), "it links to public code, as of a commit, at a line"


def test_every_test_that_a_page_names_exists() -> None:
    missing = [
        f"{page.relative_to(ROOT)}: {file}::{name}"
        for page in PAGES
        for file, name in TEST.findall(page.read_text("utf-8"))
        if not (ROOT / "tests" / file).is_file() or name not in {f.name for f in functions(ROOT / "tests" / file)}
    ]
    assert missing == []


def test_each_way_runs_alone_after_the_first_block() -> None:
    """So a reader may begin anywhere."""
    first, *rest = (step for step in read_page(WAYS).steps if isinstance(step, Block))
    assert len(rest) == 26
    for block in rest:
        namespace: dict[str, object] = {"__name__": "__main__"}
        for example in [*first.examples, *block.examples]:
            given = answer(example, namespace, str(WAYS))
            assert given.right, f"{block.name}: {given.got}"
