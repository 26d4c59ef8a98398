"""Random wrong edits of the right file: operators, axes, constants, names, statements."""

import ast
import copy
import os
import random
from collections.abc import Callable, Iterator

OTHER_OPERATORS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.Div),
    ast.Div: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
}
OTHER_NAMES = (
    {"query", "key", "value"}, {"attention_norm", "feed_forward_norm"}, {"expand", "contract"}, {"weight", "bias"},
    {"words", "positions", "segments"}, {"hidden_states", "attentions"}, {"input_ids", "attention_mask"},
    {"scores", "weights"}, {"n_embed", "head_size"}, {"mean", "sum"}, {"square", "abs"}, {"argmax", "argmin"},
    {"input_ids", "labels"}, {"n_masked", "n_drawn"}, {"eval", "train"}, {"tanh", "sigmoid"},
)  # fmt: skip


def drawn() -> random.Random:
    """New dice; what they throw can be had again: `NANO_BERT_SEED=… pytest …`."""
    seed = int(os.environ.get("NANO_BERT_SEED") or random.SystemRandom().randrange(10**9))
    print(f"NANO_BERT_SEED={seed}")
    return random.Random(seed)


def edits(tree: ast.Module) -> list[tuple[str, Callable[[], None], int]]:
    """All single edits of a file: what each does, a function that does it, and the line."""
    found: list[tuple[str, Callable[[], None], int]] = []
    for parent in ast.walk(tree):
        if isinstance(parent, ast.FunctionDef):
            for node in code_of(parent):
                found += [(what, do, getattr(node, "lineno", parent.lineno)) for what, do in edits_of(node)]
            for place, statement in enumerate(parent.body):
                if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
                    found.append(
                        (f"without `{ast.unparse(statement)}`", put(parent.body, place, ast.Pass()), statement.lineno)
                    )
    return found


def code_of(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """What stands in a function, without its docstring and annotations."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (node for statement in body if not isinstance(statement, ast.AnnAssign) for node in ast.walk(statement))


def edits_of(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    before = ast.unparse(node) if isinstance(node, ast.expr) else ""
    if isinstance(node, ast.BinOp):
        for other in OTHER_OPERATORS.get(type(node.op), ()):
            yield f"`{before}`: {other.__name__}", set_to(node, "op", other())
        if isinstance(node.op, ast.Sub | ast.Div | ast.MatMult):
            yield f"`{before}`: turned", lambda: node.__dict__.update(left=node.right, right=node.left)
    if isinstance(node, ast.Compare):
        for other in OTHER_OPERATORS.get(type(node.ops[0]), ()):
            yield f"`{before}`: {other.__name__}", set_to(node, "ops", [other(), *node.ops[1:]])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert | ast.Not):
        yield f"`{before}`: not inverted", lambda: become(node, node.operand)
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        for other in {
            node.value + 1,
            node.value - 1,
            -node.value,
            node.value * 1.1 if isinstance(node.value, float) else 0,
        } - {node.value}:
            yield f"`{before}`: {other}", set_to(node, "value", other)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"`{before}`: {not node.value}", set_to(node, "value", not node.value)
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and not isinstance(node.func.value, ast.Name)
    ):
        yield f"`{before}`: without {node.func.attr}", lambda: become(node, node.func.value)
    if isinstance(node, ast.Call) and node.keywords:
        yield f"`{before}`: without {node.keywords[-1].arg}", set_to(node, "keywords", node.keywords[:-1])
    if isinstance(node, ast.Call) and len(node.args) > 1:
        yield f"`{before}`: arguments turned", set_to(node, "args", [node.args[1], node.args[0], *node.args[2:]])
    if isinstance(node, ast.Name | ast.Attribute):
        name = node.id if isinstance(node, ast.Name) else node.attr
        for names in OTHER_NAMES:
            if name in names and isinstance(node.ctx, ast.Load):
                for other in sorted(names - {name}):
                    yield f"`{before}`: {other}", set_to(node, "id" if isinstance(node, ast.Name) else "attr", other)


def set_to(node: ast.AST, name: str, value: object) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


def put(body: list[ast.stmt], place: int, statement: ast.stmt) -> Callable[[], None]:
    return lambda: body.__setitem__(place, statement)


def become(node: ast.AST, other: ast.AST) -> None:
    """Let a node be another: its kind and all that it holds."""
    node.__class__ = other.__class__  # type: ignore[assignment]
    node.__dict__ = copy.copy(other.__dict__)


def edited_at_random(source: str, dice: random.Random) -> tuple[str, str]:
    """The file with one edit, and what it is."""
    tree = ast.parse(source)
    what, do, line = dice.choice(edits(tree))
    do()
    return ast.unparse(ast.fix_missing_locations(tree)), f"line {line}, {what}"
