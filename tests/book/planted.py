"""A small book in which faults are planted: what the tests of the machinery run pytest on, never the real one."""

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [path for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if path.is_file()]
MACHINERY = ["literate", "pages", "points", "reader", "repl", "figures", "guards", "shapes", "shares", "workplace"]
INI = '[tool.pytest.ini_options]\ntestpaths = ["README.md", "docs", "nano_bert"]\n'
PAGE = """\
# A page

## Setup

```pycon
>>> words = ["good", "bad"]
>>> len(words)
2
```

Prose.

## Use

```pycon
>>> def shout(word):
...     return word.upper()
...
>>> shout(words[0])
'GOOD'
```

```pycon
>>> 1 / len(words)
0.5
```
"""


class Book:
    """A small project on which pytest runs, in this process, with the plugin alone."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester, self.root = pytester, pytester.path
        self.write("pyproject.toml", INI)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def page(self, *examples: str) -> Path:
        """Write docs/page.md with one block for each of the texts."""
        fences = [f"```pycon\n{text}\n```\n" for text in examples]
        return self.write("docs/page.md", "# Page\n\n" + "\n".join(fences))

    def run(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_inprocess("-p", "tests.book.literate", "-p", "no:cacheprovider", *arguments)

    def counts(self, *arguments: str) -> tuple[int, int]:
        outcomes = self.run(*arguments).parseoutcomes()
        assert outcomes.keys() <= {"passed", "failed", "deselected"}
        return outcomes.get("passed", 0), outcomes.get("failed", 0)

    def items(self, *arguments: str) -> list[pytest.Item]:
        return self.pytester.inline_genitems("-p", "tests.book.literate", *arguments)[0]


def copy_machinery(to: Path) -> None:
    """Make a small project with our conftest.py, plugin and settings, for a process of its own."""
    for folder in ["tests/book", "docs", "nano_bert"]:
        (to / folder).mkdir(parents=True, exist_ok=True)
    (to / "tests" / "__init__.py").touch()
    (to / "tests" / "book" / "__init__.py").touch()
    for name in MACHINERY:
        shutil.copy(ROOT / "tests" / "book" / f"{name}.py", to / "tests" / "book")
    shutil.copy(ROOT / "conftest.py", to)
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = re.search(r"\[tool\.pytest\.ini_options\].*?(?=\n\[tool|\Z)", settings, re.DOTALL)
    assert section
    (to / "pyproject.toml").write_text(section[0], encoding="utf-8")
