"""The file that a reader begins with: the right one without what there is to write.

Nothing is written twice: signatures, shapes and docstrings are those of `my_bert`, and what stands under them is taken
out. So is all that comes after a chapter, where the file is to be seen as it stands then.
"""

import ast
import re
from pathlib import Path

SOLVED = Path(__file__).with_name("my_bert.py")
CHAPTER = re.compile(r"^# Chapter (\d+)\.", re.M)


def solved() -> str:
    """Return the right file."""
    return SOLVED.read_text(encoding="utf-8")


def stage(chapter: int, source: str | None = None) -> str:
    """Return the file as it stands after a chapter: all up to it, and nothing of the later ones.

    Examples:
        >>> from nano_bert.check.stubs import stage
        >>> "class BertAttentionHead" in stage(4), "class BertSelfAttention" in stage(4)
        (True, False)
    """
    source = solved() if source is None else source
    for later in CHAPTER.finditer(source):
        if int(later[1]) > chapter:
            return source[: later.start()].rstrip() + "\n"
    return source


def stub(source: str | None = None) -> str:
    r"""Return the file without its bodies: what is left of each function is its docstring.

    What has `# given` behind its signature is left as it is, and so is the first line of an `__init__`.

    Examples:
        >>> from nano_bert.check.stubs import stub
        >>> print(stub("def two() -> int:\n    'Give two.'\n    return 2"))
        def two() -> int:
            'Give two.'
            raise NotImplementedError("two")
    """
    source = solved() if source is None else source
    lines = source.splitlines()
    for name, function in reversed(list(functions(ast.parse(source), ""))):
        body = function.body
        if lines[body[0].lineno - 2].endswith("# given"):
            continue
        kept = [one for one in body[:1] if is_kept(one)]
        first = (kept[-1].end_lineno or 0) if kept else body[0].lineno - 1
        indent = " " * body[0].col_offset
        lines[first : function.end_lineno] = [f'{indent}raise NotImplementedError("{name}")']
    return "\n".join(lines) + "\n"


def functions(node: ast.AST, name: str) -> list[tuple[str, ast.FunctionDef]]:
    """Return the functions and methods of a file, each with its whole name."""
    found: list[tuple[str, ast.FunctionDef]] = []
    for child in ast.iter_child_nodes(node):
        whole = f"{name}.{getattr(child, 'name', '')}".lstrip(".")
        if isinstance(child, ast.FunctionDef):
            found.append((whole, child))
        elif isinstance(child, ast.ClassDef):
            found += functions(child, whole)
    return found


def is_kept(statement: ast.stmt) -> bool:
    """Say whether a statement stays in the reader's file: a docstring, or the call that an nn.Module begins with."""
    if not isinstance(statement, ast.Expr):
        return False
    is_text = isinstance(statement.value, ast.Constant)
    return is_text or ast.unparse(statement.value) == "super().__init__()"
