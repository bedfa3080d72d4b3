"""What the hub's own code may not say: money as a float, and the time of day."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

HUB = Path(__file__).parents[2] / "hub"
LIKENESS = {"people"}
"""Rooms where a float is a likelihood and nothing is ever paid."""
CLOCKS = {"now", "utcnow", "today", "localtime", "gmtime", "monotonic"}
CLOCK_IN_SQL = re.compile(
    r"\bnow\(\)|\bcurrent_(timestamp|date|time)\b|\blocaltime(stamp)?\b|\bclock_timestamp\(", re.I
)


def test_money_is_never_a_float() -> None:
    wrong = [
        f"{where}: {ast.unparse(node)}"
        for room, where, node in _nodes()
        if room not in LIKENESS and (_makes_a_float(node) or _is_annotated_as_float(node))
    ]
    assert wrong == []


def test_the_hub_has_no_clock_of_its_own() -> None:
    """Time comes in with the caller: `caller.at` is the one clock of a call."""
    wrong = [f"{where}: {ast.unparse(node)[:80]}" for _, where, node in _nodes() if _asks_the_time(node)]
    assert wrong == []


def _nodes() -> Iterator[tuple[str, str, ast.AST]]:
    """Every node of every room's code but docstrings: the room, where it stands, the node."""
    for path in sorted(HUB.rglob("*.py")):
        room = path.relative_to(HUB).parts[0].removesuffix(".py")
        tree = ast.parse(path.read_text(encoding="utf8"))
        words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if node not in words:
                yield room, f"{path.relative_to(HUB.parent)}:{getattr(node, 'lineno', 0)}", node


def _makes_a_float(node: ast.AST) -> bool:
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
    return called or (isinstance(node, ast.Constant) and isinstance(node.value, float))


def _is_annotated_as_float(node: ast.AST) -> bool:
    match node:
        case ast.arg(annotation=ast.expr() as annotation) | ast.AnnAssign(annotation=annotation):
            return "float" in _names(annotation)
        case ast.FunctionDef(returns=ast.expr() as annotation):
            return "float" in _names(annotation)
    return False


def _asks_the_time(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCKS:
            return True
        case ast.Constant(value=str(value)):
            return CLOCK_IN_SQL.search(value) is not None
    return False


def _names(annotation: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
