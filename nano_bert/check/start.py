"""The reader's folder: the file that grows, a word on how to use it, and the rungs for an editor to show."""

import json
from pathlib import Path

from nano_bert.check.stubs import stub

README = """# My BERT

Fill in `my_bert.py`, a chapter of the book at a time: every part says in its docstring what it should do.
`nano-bert check` says how far you are, and what is wrong; `nano-bert check 3` looks at the third rung alone.
After `pip install pytest`, VS Code shows the rungs in its Test Explorer (the flask), and `pytest` in a terminal.
"""

TESTS = '''"""The rungs of the ladder, for pytest and the Test Explorer. What is to be written stands in my_bert.py."""

from pathlib import Path

import pytest
from nano_bert.check.explorer import LADDER, judged

FILE = Path(__file__).with_name("my_bert.py")


@pytest.mark.parametrize("rung", LADDER, ids=lambda rung: rung.title)
def test_rung(rung, request):
    passed, what_to_say = judged(FILE, rung, request)
    if not passed:
        pytest.fail(what_to_say, pytrace=False)
'''

SETTINGS = {
    "python.testing.pytestEnabled": True,
    "python.testing.unittestEnabled": False,
    "python.testing.pytestArgs": ["."],
    "python.testing.autoTestDiscoverOnSaveEnabled": True,
}


def start(folder: Path) -> tuple[list[str], list[str]]:
    """Write a reader's folder. A file that is there already stays as it is.

    Args:
        folder: Where; it is made if need be.

    Returns:
        The names of the files that were written, and of those that were there.

    Raises:
        OSError: If nothing can be written there.
    """
    texts = {
        "my_bert.py": stub(),
        "README.md": README,
        "test_my_bert.py": TESTS,
        ".vscode/settings.json": json.dumps(SETTINGS, indent=2) + "\n",
    }
    written: list[str] = []
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("x", encoding="utf-8", newline="\n") as out:  # x: never over one that is there
                out.write(text)
        except FileExistsError:
            continue
        written.append(name)
    return written, [name for name in texts if name not in written]
