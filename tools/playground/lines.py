"""Lines: which lines of the model's source compute a value: where its operation stands, and where that is called.

An operation knows the line that it stands on, and the scope that it was recorded in. The lines that call it are found
in the source: they stand in the block of that scope, ``with ops.scope("query"):``, or in a function that they call.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

__all__ = ["Call", "Lines"]


@dataclass(frozen=True)
class Call:
    """A statement in the block of a scope that leads to an operation.

    Attributes:
        variable: that it assigns; empty if none.
        lines: its own, and those of the calls on the way.
    """

    variable: str
    lines: tuple[int, ...]


class Lines:
    """The source of a model, read once.

    Args:
        text: of one module.
    """

    def __init__(self, text: str) -> None:
        module = ast.parse(text)
        self._functions = {part.name: part for part in module.body if isinstance(part, ast.FunctionDef)}
        self._blocks: dict[str, list[ast.stmt]] = {}
        self._heads: dict[str, list[int]] = {}
        self._mentions: list[tuple[int, re.Pattern[str]]] = []
        self._variables: dict[int, str] = {}
        for part in ast.walk(module):
            if isinstance(part, ast.With):
                for name in filter(None, map(_scope_name, part.items)):
                    self._blocks.setdefault(name, []).extend(part.body)
                    self._heads.setdefault(name, []).append(part.lineno)
            elif isinstance(part, ast.stmt) and (variable := _assigned(part)):
                self._variables.update(dict.fromkeys(_span(part), variable))
            elif isinstance(part, ast.Subscript) and (pattern := _text_pattern(part.slice)):
                self._mentions.append((part.lineno, pattern))

    def variable(self, line: int) -> str:
        """What a line assigns; empty if nothing that has a name."""
        return self._variables.get(line, "")

    def heads(self, scope: str) -> list[int]:
        """Where a scope is entered."""
        return self._heads.get(scope, [])

    def naming(self, matrix: str) -> list[int]:
        """The lines that name a weight matrix, ``weights["wte"]``."""
        return sorted({line for line, pattern in self._mentions if pattern.fullmatch(matrix)})

    def calls(self, scope: str, line: int) -> list[Call]:
        """The statements in the block of a scope that lead to an operation on `line`, in order."""
        ways = ((statement, self._way(statement, line, frozenset())) for statement in self._blocks.get(scope, []))
        return [Call(_assigned(statement), tuple(sorted(way))) for statement, way in ways if way]

    def _way(self, statement: ast.stmt, line: int, seen: frozenset[str]) -> set[int]:
        """The lines from a statement to an operation; empty if it does not lead there. Other scopes lead elsewhere."""
        if isinstance(statement, ast.With) and any(map(_scope_name, statement.items)):
            return set()
        if isinstance(statement, ast.For | ast.While | ast.If | ast.With):
            return set().union(*(self._way(inner, line, seen) for inner in statement.body))
        own = set(_span(statement))
        if line in own:
            return own
        inside: set[int] = set()
        for called in self._called(statement) - seen:
            for inner in self._functions[called].body:
                inside |= self._way(inner, line, seen | {called})
        return own | inside if inside else set()

    def _called(self, statement: ast.stmt) -> set[str]:
        names = (part.func for part in ast.walk(statement) if isinstance(part, ast.Call))
        return {name.id for name in names if isinstance(name, ast.Name) and name.id in self._functions}


def _span(statement: ast.stmt) -> range:
    return range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)


def _assigned(statement: ast.stmt) -> str:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    targets = [statement.target] if isinstance(statement, ast.AugAssign) else targets
    return targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else ""


def _scope_name(item: ast.withitem) -> str:
    call = item.context_expr
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "scope"):
        return ""
    name = call.args[0] if call.args else None
    return str(name.value) if isinstance(name, ast.Constant) else ""


def _text_pattern(key: ast.expr) -> re.Pattern[str] | None:
    """What a key matches that is a text, perhaps with numbers in it."""
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return re.compile(re.escape(key.value))
    if isinstance(key, ast.JoinedStr):
        parts = (re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\d+" for part in key.values)
        return re.compile("".join(parts))
    return None
