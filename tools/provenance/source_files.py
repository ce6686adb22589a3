"""The model's own source files: which places of them a graph comes from."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from ...compiler.ir.graph import Graph

__all__ = ["source_files", "source_lines"]


def source_files(graph: Graph) -> dict[str, str]:
    """By name of a file, the module that it is, for every file that an operation of the graph comes from."""
    used = sorted({graph.origins[number] for number in set(graph.origin)})
    return {origin.file: origin.module for origin in used if origin.line}  # inputs come from no line


def source_lines(module: str, file: str) -> Sequence[str]:
    """The lines of a module's source; empty if it cannot be found any more."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # such as __main__
        spec = None
    if spec is None or spec.origin is None or Path(spec.origin).name != file:
        return ()
    return Path(spec.origin).read_text("utf-8").splitlines()
