"""Sources: the user's own source files: which of them a graph comes from, and their lines.

An origin knows the module and the file's name without its folder, so that graphs do not depend on where a model is
installed. What has been traced runs in this process; so the module is loaded, or, of a notebook's cell, `linecache`
knows the text.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Sequence
from pathlib import Path, PurePath

from ...compiler.ir.graph import Graph

__all__ = ["source_files", "source_lines", "source_path"]


def source_files(graph: Graph) -> dict[str, str]:
    """By name of a file, the module that it is, for every file that an operation of the graph comes from."""
    used = sorted({graph.origins[number] for number in set(graph.origin)})
    return {origin.file: origin.module for origin in used if origin.line}  # inputs come from no line


def source_lines(module: str, file: str) -> Sequence[str]:
    """The lines of a module's source, without newlines; empty if it cannot be found any more."""
    path = source_path(module, file)
    if path is not None:
        return [line.removesuffix("\n") for line in linecache.getlines(str(path))]
    # A cell of a notebook, or what was typed at a prompt, is no file.
    names = [name for name in linecache.cache if PurePath(name).name == file]
    return [line.removesuffix("\n") for line in linecache.getlines(names[-1])] if names else ()


def source_path(module: str, file: str) -> Path | None:
    """Where a module's source is; None if it is no file, or not there any more."""
    found = getattr(sys.modules.get(module), "__file__", None)
    return Path(found) if found and PurePath(found).name == file and Path(found).is_file() else None
