"""Source: the lines of the model that a drawing names and links to."""

from __future__ import annotations

import ast
import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from ...compiler.ir.graph import Graph, Origin
from ..subject.sources import source_lines, source_path

__all__ = ["Links", "SourceLine", "assigned_names", "common_line", "scope_lines"]


@dataclass(frozen=True)
class SourceLine:
    """A line of the model's source: its module, the name of the file, and the number of the line."""

    module: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def common_line(graph: Graph, nodes: Iterable[int]) -> SourceLine | None:
    """The line that most of `nodes` come from; of equally many, the first."""
    counts = Counter(graph.origin[node] for node in nodes)
    lines: Counter[tuple[str, str, int]] = Counter()
    for number, count in counts.items():
        origin = graph.origins[number]
        lines[origin.module, origin.file, origin.line] += count
    if not lines:
        return None
    return SourceLine(*min(lines, key=lambda line: (-lines[line], line)))


def scope_lines(graph: Graph) -> dict[str, SourceLine]:
    """By the name of a scope, without numbers, where the model enters it: the line of ``with ops.scope("query"):``."""
    lines: dict[str, SourceLine] = {}
    for module, file in dict.fromkeys((origin.module, origin.file) for origin in graph.origins):
        for part in _walk(module, file):
            if not isinstance(part, ast.With):
                continue
            for call in (item.context_expr for item in part.items):
                if not isinstance(call, ast.Call) or not call.args or not isinstance(call.args[0], ast.Constant):
                    continue
                name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
                if name == "scope":
                    lines.setdefault(str(call.args[0].value), SourceLine(module, file, part.lineno))
    return lines


def assigned_names(origins: Iterable[Origin]) -> dict[tuple[str, int], str]:
    """By module and line, the variable that the model assigns there: ``mean_square``. Names of one letter say nothing.

    Lines that assign nothing, and modules whose source is not at hand, have no entry.
    """
    names: dict[tuple[str, int], str] = {}
    for module, file in dict.fromkeys((origin.module, origin.file) for origin in origins):
        for part in _walk(module, file):
            if isinstance(part, ast.Assign) and len(part.targets) == 1 and isinstance(part.targets[0], ast.Name):
                name = part.targets[0].id
                if len(name) > 1:
                    names.update(((module, line), name) for line in range(part.lineno, (part.end_lineno or 0) + 1))
    return names


def _walk(module: str, file: str) -> Iterator[ast.AST]:
    """The syntax of a module's source; nothing, if that is not at hand."""
    with contextlib.suppress(SyntaxError):  # a file that has changed since
        yield from ast.walk(ast.parse("\n".join(source_lines(module, file))))


class Links:
    """Makes addresses of source lines.

    Args:
        base: what stands before the name of the file: the address of a folder, or a path.
        picture: where the picture will be; without `base`, links lead from there to the installed source.

    Raises:
        ValueError: if `base` is an address that is not of the web and not of a file.
    """

    def __init__(self, base: str | None, picture: Path) -> None:
        # A link is followed with one click: it must never run anything.
        scheme = urlsplit(base).scheme if base else ""
        if len(scheme) > 1 and scheme not in ("http", "https", "file"):
            raise ValueError(
                f"{base!r} is no address of a folder; begin with https://, http:// or file://, or give a path"
            )
        self._base = base
        self._folder = picture.resolve().parent
        self._known: dict[str, str] = {}

    def to(self, line: SourceLine | None) -> str:
        """The address of a line; empty if there is none."""
        if line is None:
            return ""
        address = self._known.get(line.module)
        if address is None:
            address = self._known[line.module] = self._file(line)
        return f"{address}#L{line.line}" if address else ""

    def _file(self, line: SourceLine) -> str:
        if self._base is not None:
            return quote(f"{self._base.rstrip('/')}/{line.file}", safe="/:@%?=&+,;~")
        path = source_path(line.module, line.file)
        if path is None:
            return ""
        try:
            return quote(Path(os.path.relpath(path.resolve(), self._folder)).as_posix())
        except ValueError:  # on another drive
            return path.resolve().as_uri()
