"""The shelves: BERT stands on the top one, every other subject in a folder, and imports run one way."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import nano_bert
from nano_bert import attention, bert_module, config, embeddings, encoder, model, outputs, task_heads

PACKAGE = Path(nano_bert.__file__).parent
BERT = ["config", "embeddings", "attention", "encoder", "outputs", "task_heads", "bert_module", "model"]
# Each shelf builds on those above it in this list; "bert" is the top shelf, "doors" lead from it to the rest.
SHELVES = [
    "tokenizer", "bert", "pretrained", "data", "fast", "training", "pictures", "doors", "experiments", "check", "cli",
]  # fmt: skip
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def shelf_of(name: str) -> str:
    """The shelf of a module, from its name without `nano_bert.`."""
    first = name.partition(".")[0]
    if (PACKAGE / first).is_dir():
        return first
    return "bert" if first in BERT else "cli" if first == "__main__" else "doors"


def imports(path: Path) -> Iterator[str]:
    """The modules of the package that are imported when this one is; not those imported where they are called."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nano_bert"):
            module = (node.module or "").removeprefix("nano_bert").lstrip(".")
            for alias in node.names:
                whole = f"{module}.{alias.name}".lstrip(".")
                place = PACKAGE / whole.replace(".", "/")
                yield whole if place.with_suffix(".py").is_file() or place.is_dir() else module
        elif isinstance(node, ast.Import):
            yield from (a.name.removeprefix("nano_bert.") for a in node.names if a.name.startswith("nano_bert."))


@pytest.mark.parametrize("module", MODULES)
def test_imports_between_shelves_run_one_way(module: str) -> None:
    own = shelf_of(module.removesuffix(".py").replace("/", "."))
    for imported in filter(None, imports(PACKAGE / module)):
        assert SHELVES.index(shelf_of(imported)) <= SHELVES.index(own), f"{module} imports {imported}"


@pytest.mark.parametrize("shelf", ["data", "experiments", "fast", "pretrained", "tokenizer", "training"])
def test_a_shelf_says_what_stands_on_it(shelf: str) -> None:
    said = ast.get_docstring(ast.parse((PACKAGE / shelf / "__init__.py").read_text(encoding="utf-8"))) or ""
    listed = {name for names in re.findall(r"^(\w+(?:, \w+)*)  +\w", said, re.M) for name in names.split(", ")}
    assert listed == {path.stem for path in (PACKAGE / shelf).glob("*.py")} - {"__init__"}


def test_the_model_is_read_on_the_top_shelf_alone() -> None:
    """`model.py` and all that it imports are eight modules, shorter together than an evening's reading."""
    needed, left = set[str](), ["model"]
    while left:
        name = left.pop()
        if name and name not in needed:
            needed.add(name)
            left += imports(PACKAGE / f"{name}.py")
    assert needed == set(BERT)
    lines = [line for name in needed for line in (PACKAGE / f"{name}.py").read_text(encoding="utf-8").splitlines()]
    assert len(lines) <= 1_400


def test_a_function_of_the_top_shelf_has_six_parameters_at_most() -> None:
    for module in (attention, bert_module, config, embeddings, encoder, model, outputs, task_heads):
        for thing in [one for one in vars(module).values() if getattr(one, "__module__", None) == module.__name__]:
            own = vars(thing).values() if inspect.isclass(thing) else [thing]
            for function in filter(inspect.isfunction, own):
                if function.__name__ != "__init__" or thing is not config.BertConfig:  # a record of all settings
                    parameters = set(inspect.signature(function).parameters) - {"self"}
                    assert len(parameters) <= 6, function.__qualname__


def test_the_clear_form_carries_no_passengers() -> None:
    for part in (attention.BertAttentionHead, attention.BertSelfAttention, encoder.BertLayer, encoder.BertEncoder):
        assert list(inspect.signature(part.forward).parameters) == ["self", "x", "attention_mask"]


def test_what_only_the_fast_shelf_knows_stands_nowhere_else() -> None:
    for module in MODULES:
        if not module.startswith("fast/"):
            assert "n_read" not in (PACKAGE / module).read_text(encoding="utf-8"), module
