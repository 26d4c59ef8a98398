"""The book as a whole: every chapter has its parts, every exercise a solution, every module a place."""

import ast
import builtins
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CHAPTERS = sorted(DOCS.glob("[0-9][0-9]-*.md"))
# Between two chapters, and without a number.
INTERLUDES = [DOCS / f"{name}.md" for name in ("halves", "measuring", "distillation")]
KINDS = ("By hand", "REPL", "Your file", "Shell", "Open")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """What stands under a heading of the second level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert found, f"there is no section {title!r}"
    return found[1]


def test_there_are_fourteen_chapters_in_order() -> None:
    assert [int(path.name[:2]) for path in CHAPTERS] == list(range(1, 15))
    for path in CHAPTERS:
        assert re.match(rf"# {int(path.name[:2])}\. \S", text_of(path)), path.name


@pytest.mark.parametrize("path", CHAPTERS + INTERLUDES, ids=lambda path: path.stem)
def test_a_chapter_has_its_parts(path: Path) -> None:
    text = text_of(path)
    assert re.search(r"^\*[^*]+\?\*$", text, re.M), "its question stands in italics"
    assert "**Predict.**" in text
    assert text.count("<summary>Open the answer</summary>") >= text.count("**Predict.**") >= 1
    assert re.search(r"`tests/(?:\w+/)?test_\w+\.py::test_\w+", section(text, "Break it")), "Break it names the test"
    assert "https://" in section(text, "What the papers say")
    assert "::: nano_bert" in section(text, "The code")
    assert path in CHAPTERS or re.search(r"^Back: \[.*\]\([0-9].* · Next: \[.*\]\([0-9]", text, re.M)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_is_short_and_its_pictures_come_before_the_code(path: Path) -> None:
    """A map and half a page to keep, at most 3,500 words, and at most 12 typed lines of drawing that are not folded."""
    text = text_of(path)
    assert "draw_map(" in text, "a map says where in the model we are"
    keep = section(text, "What to keep")
    assert "**You can now** " in keep
    assert re.findall(r"^(\d)\. ", keep, re.M) == ["1", "2", "3"], "three sentences to keep"
    guesses = r"^> (?:\d\.|\*(?:A|Two|Three)) .*?$|^- \*[^*]+\?\* .*?$"  # of these a reader wants one or two
    prose = re.sub(rf"^```.*?^```$|^::: .*?(?=^$)|{guesses}", "", text, flags=re.M | re.S)
    assert sum(any(map(str.isalpha, word)) for word in prose.split()) <= 3500
    shown = re.sub(r"<summary>Draw it yourself</summary>.*?</details>", "", text, flags=re.S)
    drawing = re.findall(
        r"^(?:>>>|\.\.\.) .*(?:\b(?:axes|axis|plt|figure|panels?)\b|\b(?:draw|plot)_\w+\().*$", shown, re.M
    )
    assert len(drawing) <= 12, "\n".join(drawing)
    assert text.index("![") < text.index("\n## ") + 1000, "the first picture stands in the first screen"


def given(tree: ast.AST) -> set[str]:
    """The names that a piece of code gives a meaning."""
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return stored | {
        name
        for node in ast.walk(tree)
        for name in (getattr(node, "arg", None), getattr(node, "asname", None), getattr(node, "name", None))
        if isinstance(name, str)
    }


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.stem)
def test_a_fold_that_draws_can_be_left_out(path: Path) -> None:
    """What stands outside needs none of its names: a reader may pass it by."""
    text = re.sub(r"<summary>Draw it yourself</summary>.*?</details>", "", text_of(path), flags=re.S)
    known = set(dir(builtins)) | {"__name__"}
    for block in re.findall(r"^```pycon\n(.*?)^```$", text, re.M | re.S):
        try:
            tree = ast.parse("\n".join(re.findall(r"^(?:>>>|\.\.\.) ?(.*)$", block, re.M)))
        except SyntaxError:  # shown on purpose
            continue
        known |= given(tree)
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert used <= known, f"{used - known} is given only where a figure is drawn"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_leads_to_its_neighbours(path: Path) -> None:
    text = text_of(path)
    number, last = int(path.name[:2]), text.rstrip().rsplit("\n", 1)[-1]
    for neighbour in CHAPTERS[max(number - 2, 0) : number - 1] + CHAPTERS[number : number + 1]:
        assert f"({neighbour.name})" in last, f"the last line leads to {neighbour.name}"


@pytest.mark.parametrize("path", CHAPTERS + INTERLUDES, ids=lambda path: path.stem)
def test_every_exercise_has_a_solution_behind_a_click(path: Path) -> None:
    exercises = section(text_of(path), "Exercises")
    numbers = re.findall(r"^(\d+)\. \*\*([\w ]+)\b.*?\*\*", exercises, re.M)
    assert [int(number) for number, _ in numbers] == list(range(1, len(numbers) + 1))
    assert 3 <= len(numbers) <= 6
    kinds = {next((kind for kind in KINDS if words.startswith(kind)), words) for _, words in numbers}
    assert kinds <= set(KINDS)
    assert {"REPL", "Your file", "Open"} <= kinds, "one in the REPL, one in a file of the reader's own, one open"
    assert f"(solutions/{path.name})" in exercises
    solutions = text_of(DOCS / "solutions" / path.name)
    assert f"(../{path.name})" in solutions
    parts = re.split(r"^## Exercise (\d+)\n", solutions, flags=re.M)
    assert parts[1::2] == [number for number, _ in numbers]
    assert all("<summary>Open the solution</summary>" in part for part in parts[2::2])


def test_every_page_stands_in_the_navigation_and_no_page_twice() -> None:
    listed = re.findall(r"^ +- ([\w/-]+\.md)$", text_of(ROOT / "mkdocs.yml"), re.M)
    assert sorted(listed) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def test_every_module_stands_in_the_list_once_and_where_it_can_be_read() -> None:
    """In the table of docs/api.md: | `training.loop` | what it is | the places of its code |."""
    text, package = text_of(DOCS / "api.md"), ROOT / "nano_bert"
    rows = re.findall(r"^\| `([\w.]+)` \| .+? \| (.+) \|$", text, re.M)
    modules = [path.relative_to(package).with_suffix("").as_posix() for path in package.rglob("[a-z]*.py")]
    assert sorted(name for name, _ in rows) == sorted(name.replace("/", ".") for name in modules)
    sections = re.findall(r"^## ([\w.]+)\n", text, re.M)
    for name, places in rows:
        anchor = name.replace(".", "")
        assert (f"[below](#{anchor})" in places) == (name in sections), f"where is {name}?"
        for chapter in re.findall(r"\]\((\d\d-[\w-]+\.md)\)", places):
            assert re.search(rf"^::: nano_bert\.{name}\b", text_of(DOCS / chapter), re.M), f"{chapter} shows no {name}"
        assert "](" in places, f"{name} can be read nowhere"
