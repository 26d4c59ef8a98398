"""What stands on a page: its examples, its figures, its prose, and the faults in how they are written.

A page is read once, line by line, into plain objects that know their line; nothing is run here. The same
objects describe a docstring, which is a page with one block.

    fence      the lines between ``` marks; `pycon` is the only Python one
    block      the examples of one fence (or of one docstring): one test item
    example    one `>>>` statement and the output that the page shows for it
"""

import ast
import codeop
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

OTHER_LANGUAGES = {"bash", "bibtex", "console", "html", "ini", "json", "mermaid", "powershell", "text", "toml", "yaml"}
FENCE = re.compile(r"(?P<prefix>[ \t]*(?:>[ \t]*)*)(?P<marks>`{3,}|~{3,})(?P<language>.*)")
HEADING = re.compile(r"#{1,6}\s+(.*)")
PROMPT = re.compile(r"[ \t]*>>>( |$)")
ANY_PROMPT = re.compile(r"[\s>]*(?:[rR]?[\"']{3})?>>>")  # however it is quoted or indented
ANY_FIGURE = re.compile(r"figures/[^\s)\]\"']+\.\w+")
DRAW = "Draw it yourself"  # the summary of a fold that may follow a figure, and draws it
IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<target>[^)\s]*figures/[^)\s]+\.svg)\)(?:\]\((?P<link>[^)\s]+)\))?")


@dataclass
class Example:
    """One statement, and the output that the page shows under it."""

    line: int  # of its >>>, counted from 1
    source: str
    want: str  # without a newline at its end; empty when nothing is printed
    want_lines: slice  # where the output stands in the lines of the file, for --rewrite
    prefix: str  # what stands before the prompt: the indentation, or the > of a quote


@dataclass
class Block:
    """The examples of one fence or docstring: they run together, as one test item."""

    name: str
    line: int
    examples: list[Example]


@dataclass
class Figure:
    """An image of `figures/*.svg` in the text: the figure that the examples above it have drawn."""

    name: str
    line: int
    target: str  # as the page writes it, relative to the page
    alt: str
    link: str | None  # the page that draws it, if the image is a link to another page


@dataclass
class Page:
    """A file (or docstring) with all that the runner and the guards want to know of it."""

    path: Path
    text: str = ""  # of the file, as it was read
    steps: list[Block | Figure] = field(default_factory=list[Block | Figure])
    prose: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    faults: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    @property
    def examples(self) -> list[Example]:
        """Every example of the page, in reading order."""
        return [example for step in self.steps if isinstance(step, Block) for example in step.examples]


class Names:
    """Gives unique names: the same words twice become `words` and `words-2`, or `words-1`, `words-2` if numbered."""

    def __init__(self) -> None:
        self.seen = Counter[str]()

    def __call__(self, words: str, numbered: bool = False) -> str:
        """A name without blanks, colons or line numbers, so that it survives when prose moves."""
        slug = "-".join(re.findall(r"\w+(?:\.\w+)*", words)) or "page"
        self.seen[slug] += 1
        return f"{slug}-{self.seen[slug]}" if numbered or self.seen[slug] > 1 else slug


def read_page(path: Path) -> Page:
    """Read a Markdown page. Fences inside quotes, callouts and lists count like any other."""
    page, names, heading = Page(path, path.read_text(encoding="utf-8")), Names(), path.stem
    opening: re.Match[str] | None = None  # the mark of the fence we are in
    opened, body = 0, list[tuple[int, str]]()
    lines = page.text.split("\n")
    for number, line in enumerate(lines, 1):
        mark = FENCE.match(line)
        if opening is None:
            if mark:
                opening, opened, body = mark, number, []
                _check_language(page, number, mark["language"])
            else:
                page.prose.append((number, line))
                title = HEADING.match(line)
                heading = title[1].lower() if title else heading
                page.steps += _read_figures(page, number, line, names)
                if "```" in line or "~~~" in line:
                    page.faults.append((number, "a fence must begin on a line of its own"))
        elif mark and mark["marks"].startswith(opening["marks"]) and not mark["language"].strip():
            if opening["language"] == "pycon":
                examples = _read_examples(body, opening["prefix"], page)
                if examples:
                    page.steps.append(Block(names(heading, numbered=True), examples[0].line, examples))
                else:
                    page.faults.append((opened, "this pycon fence holds no >>> example"))
            else:
                page.prose += body  # typed by hand like prose: nothing runs it
            opening = None
        elif not line.startswith(opening["prefix"].rstrip()):
            page.faults.append((number, f"the quote or list ends here, but its fence of line {opened} is open"))
        else:
            body.append((number, line[len(opening["prefix"]) :]))
    if opening is not None:
        page.faults.append((opened, "this fence is never closed"))
    _count_prompts(page, lines)
    _draw_before_showing(page, lines)
    return page


def _draw_before_showing(page: Page, lines: list[str]) -> None:
    """Put a figure behind the fold "Draw it yourself" that follows it: the picture is seen first, and drawn first."""
    for figure in [step for step in page.steps if isinstance(step, Figure) and not step.link]:
        after = [number for number, line in enumerate(lines[figure.line :], figure.line + 1) if line.strip()][:2]
        if [lines[number - 1] for number in after] != ['<details markdown="1">', f"<summary>{DRAW}</summary>"]:
            continue
        end = lines.index("</details>", after[0]) + 1 if "</details>" in lines[after[0] :] else len(lines)
        page.steps.remove(figure)
        page.steps.insert(sum(step.line < end for step in page.steps), figure)


def read_docstrings(path: Path) -> Iterator[Page]:
    """Read the docstrings of a module that hold examples: each is a page of its own, for it must stand alone."""
    text = path.read_text(encoding="utf-8")
    lines, names = text.split("\n"), Names()
    whole = Page(path, text)
    try:  # some editors write a mark before the first letter
        tree = ast.parse(text.removeprefix("\ufeff"), str(path))
    except (SyntaxError, ValueError) as error:  # somebody is still writing it
        line = getattr(error, "lineno", None) or 1
        yield Page(path, text, faults=[(line, f"{type(error).__name__}: {getattr(error, 'msg', error)}")])
        return
    for name, node in _documented(tree, ""):
        first = node.body[0] if node.body else None
        if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
            continue
        begin, end = first.lineno, first.end_lineno or first.lineno
        if not (isinstance(first.value.value, str) and ">>>" in first.value.value):
            continue
        page = Page(path, text)
        if "\\" in "".join(lines[begin - 1 : end]) and not lines[begin - 1].lstrip().startswith("r"):
            page.faults.append((begin, 'a docstring with a backslash and examples must begin with r"""'))
        examples = _read_examples([(n, lines[n - 1]) for n in range(begin, end)], "", page, docstring=True)
        if examples:
            page.steps.append(Block(names(name), examples[0].line, examples))
            whole.steps += page.steps
            yield page
    _count_prompts(whole, lines)
    if whole.faults:
        yield Page(path, text, faults=whole.faults)


def _documented(
    node: ast.AST, name: str
) -> Iterator[tuple[str, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every module, class and function under `node`, with its qualified name."""
    if isinstance(node, ast.Module):
        yield "module", node
    for child in ast.iter_child_nodes(node):
        qualified = name
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            qualified = f"{name}.{child.name}".lstrip(".")
            yield qualified, child
        yield from _documented(child, qualified)


def _read_examples(lines: Iterable[tuple[int, str]], prefix: str, page: Page, docstring: bool = False) -> list[Example]:
    """Split numbered lines into examples. In a docstring a blank line ends the output and prose may follow."""
    examples, source, want = list[Example](), list[str](), list[str]()
    state, indent, start = "outside", "", 0

    def finish() -> None:
        while want and not want[-1]:
            want.pop()
        if state != "outside":
            after = start - 1 + len(source)
            text = "\n".join("" if docstring and line == "<BLANKLINE>" else line for line in want)
            place = slice(after, after + len(want))
            examples.append(Example(start, "\n".join(source) + "\n", text, place, prefix + indent))

    for number, line in lines:
        prompt = PROMPT.match(line)
        if prompt:
            finish()
            indent = line[: line.index(">>>")]
            state, start, source, want = "source", number, [line[len(indent) + 4 :]], []
        elif state == "source" and re.match(r"\.\.\.( |$)", line[len(indent) :]):
            source.append(line[len(indent) + 4 :])
        elif docstring and not line.strip():
            finish()
            state = "outside"
        elif state != "outside":
            state = "output"
            want.append(line[len(indent) :].rstrip())
        elif not docstring and line.strip():
            page.faults.append((number, "this line of a pycon fence belongs to no >>> example"))
    finish()
    page.faults += [
        (e.line, "doctest directives are not used here: every example runs, and is compared as it stands")
        for e in examples
        if re.search(r"#\s*doctest:", e.source)
    ]
    page.faults += [
        (e.line, "a REPL still waits for the end of this block: close it with a line of ... alone")
        for e in examples
        if _is_open(e.source.removesuffix("\n"))
    ]
    return examples


def _is_open(source: str) -> bool:
    """Whether a REPL would ask for one more line."""
    try:
        return codeop.compile_command(source) is None
    except (SyntaxError, ValueError, OverflowError):
        return False  # it has an answer, if only a complaint


def _read_figures(page: Page, number: int, line: str, names: Names) -> list[Figure]:
    figures = [
        Figure(names(f"figure-{Path(m['target']).stem}"), number, m["target"], m["alt"].strip(), m["link"])
        for m in IMAGE.finditer(line)
    ]
    if len(figures) != len(ANY_FIGURE.findall(line)):
        page.faults.append((number, "a figure is shown as ![what it shows](figures/name.svg), on one line"))
    page.faults += [(number, f"{f.target} needs an alt text: say what it shows") for f in figures if not f.alt]
    return figures


def _check_language(page: Page, number: int, language: str) -> None:
    if language != "pycon" and language not in OTHER_LANGUAGES:
        said = f"```{language}" if language.strip() else "a fence without a language"
        others = ", ".join(sorted(OTHER_LANGUAGES))
        page.faults.append((number, f"{said}: Python stands in ```pycon with >>>; what is not Python in {others}"))


def _count_prompts(page: Page, lines: list[str]) -> None:
    """Every prompt that a reader sees must be an example that runs."""
    collected = {example.line for example in page.examples}
    page.faults += [
        (number, "this >>> is never run: it must stand in a ```pycon fence, or at the margin of a docstring")
        for number, line in enumerate(lines, 1)
        if ANY_PROMPT.match(line) and number not in collected
    ]
