"""Checks the types in the examples of every page, with pyright: `python -m tests.book.check_types [docs/page.md ...]`.

Each page becomes a module whose lines stand where they stand on the page, so that a complaint names the page's line.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.book.pages import Page, read_page
from tests.book.repl import HEADER

ROOT = Path(__file__).parents[2]

# What a prompt may do and a program should not: show a value, use what may be None, and trust that a loop has run.
LENIENT = ["reportUnusedExpression", "reportPossiblyUnboundVariable", "reportPrivateImportUsage"]
# What pyright says of right code, and why. What it no longer says must go.
ALLOWED = {
    r'parameter "config"': "of NanoBERT(**sizes), it does not see which names the dictionary holds",
    r"Expected \d+ positional arguments": "behind a *list it does not know how many have come",
    r'parameter "(zs|zdir|zoom|mosaic)"|"subplot_mosaic"': "matplotlib's types are narrower than matplotlib",
    r'"float" and "None"': "a gradient may be None, but not after backward()",
    r'"__setitem__"|"Rearranged" cannot be assigned': "a head of another class may stand in the list of heads",
    r"Variable not allowed in type expression": "a shape with a name of its own, as jaxtyping's manual writes it",
}
LENIENT += [f"reportOptional{what}" for what in ("MemberAccess", "Subscript", "Call", "Operand", "Iterable")]


def as_module(page: Page) -> str:
    """The examples of `page` at their own lines; what is meant to fail is left out."""
    lines = [""] * len(page.path.read_text(encoding="utf-8").split("\n"))
    for example in page.examples:
        if HEADER not in example.want:
            source = example.source.rstrip("\n").split("\n")
            lines[example.line - 1 : example.line - 1 + len(source)] = source
    return "\n".join(lines) + "\n"


def complaints(pages: Sequence[Path], root: Path = ROOT) -> Iterator[str]:
    """What pyright says of the examples on `pages`: `docs/page.md:12:5: error: why`."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"typeCheckingMode": "standard", "extraPaths": [str(root)], **dict.fromkeys(LENIENT, False)}
        (Path(folder) / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
        modules = dict[str, Path]()
        for page in pages:
            module = Path(folder) / (re.sub(r"\W", "_", page.relative_to(root).as_posix()) + ".py")
            module.write_text(as_module(read_page(page)), encoding="utf-8")
            modules[str(module.resolve())] = page
        command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", folder]
        report = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)
    for found in report["generalDiagnostics"]:
        page = modules[str(Path(found["file"]).resolve())].relative_to(root).as_posix()
        start = found["range"]["start"]
        column = start["character"] + 1 + len(">>> ")
        if any(re.search(pattern, found["message"]) for pattern in ALLOWED):
            continue
        yield f"{page}:{start['line'] + 1}:{column}: {found['severity']}: {found['message']} ({found.get('rule', '')})"


if __name__ == "__main__":
    named = [Path(argument).resolve() for argument in sys.argv[1:]]
    said = list(complaints(named or [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]))
    print("\n".join(said) or "No complaints.")
    sys.exit(bool(said))
