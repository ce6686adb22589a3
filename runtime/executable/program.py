"""Generated Python as a thing that runs: compiled piece by piece, kept in the cache with its code, and loaded from
there.

An entry of the cache holds the module's source, for people and for tracebacks; its code objects, so that a later
process need not compile; and a report of what each stage made. What is executed has been checked by the cache first.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import marshal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

from ...compiler.numerics import current
from ..machine.libm import libm_identity
from ..storage.cache import Cache
from ..storage.sources import sources_digest

__all__ = ["Program", "compile_pieces", "load_program", "peak_memory", "program_key", "store_program"]

_SOURCE, _CODE, _REPORT = "program.py", "program.code", "report.json"


@dataclass(frozen=True)
class Program:
    """A program that is ready to run.

    Attributes:
        run: its entry point.
        path: its source.
        report: what each stage of the compiler made: see `Library.compile`.
    """

    run: Callable[..., Any]
    path: Path
    report: Mapping[str, Any]


def program_key(what: Mapping[str, Any]) -> str:
    """The name of a program in the cache.

    Args:
        what: all that decides what the program is: the graph's fingerprint, or the model's sources and shape; and the
            options. The compiler's own sources, Python's bytecode version,
            libm, which folds constants, and the numerics in force are added.
    """
    parts = {
        **what,
        "compiler": sources_digest("microgpt.compiler"),
        "python": importlib.util.MAGIC_NUMBER.hex(),
        "libm": libm_identity(),
        "numerics": current().name,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def compile_pieces(source: str, path: str) -> list[CodeType]:
    """Compiles a module a function at a time: CPython holds a syntax tree of some hundred bytes for each operation.

    The line numbers are those of the whole file.
    """
    pieces, lines_before = [], 0
    parts = source.split("\n\n\ndef ")
    for number, part in enumerate(parts):
        text = part if number == 0 else f"def {part}"
        code = compile(text, path, "exec", dont_inherit=True)
        pieces.append(_moved(code, lines_before))
        lines_before += part.count("\n") + 3
    return pieces


def _moved(code: CodeType, lines: int) -> CodeType:
    """The code, its lines counted from further down. Line tables are relative to the first line."""
    constants = tuple(
        _moved(constant, lines) if isinstance(constant, CodeType) else constant for constant in code.co_consts
    )
    return code.replace(co_firstlineno=code.co_firstlineno + lines, co_consts=constants)


def store_program(
    cache: Cache, key: str, source: str, report: Mapping[str, Any], check: Callable[[Callable[..., Any]], None]
) -> Program:
    """Compiles a module and puts it into the cache.

    Args:
        check: is given the program's ``run`` before anybody else can find it; raises if it is not as it should be.
    """
    path = cache.entry(key) / _SOURCE
    code = compile_pieces(source, str(path))
    report = {**report, "bytes": len(source)}
    check(_program(code, path, report).run)
    entry = cache.store(
        key,
        {
            _SOURCE: source.encode(),
            _CODE: marshal.dumps(code),
            _REPORT: json.dumps(report, indent=1).encode() + b"\n",
        },
    )
    return _program(code, entry / _SOURCE, report)


def load_program(cache: Cache, key: str) -> Program | None:
    """The program of that name, if it is in the cache and sound."""
    files = cache.load(key)
    if files is None or not {_SOURCE, _CODE, _REPORT} <= files.keys():
        return None
    # The cache has checked the folder's owner and the hash of every file: this is what store_program wrote.
    code = marshal.loads(files[_CODE])
    return _program(code, cache.entry(key) / _SOURCE, json.loads(files[_REPORT]))


def _program(code: list[CodeType], path: Path, report: Mapping[str, Any]) -> Program:
    namespace: dict[str, Any] = {"__name__": f"microgpt.generated.{path.parent.name}", "__file__": str(path)}
    for piece in code:
        exec(piece, namespace)
    return Program(namespace["run"], path, report)


def peak_memory() -> int:
    """The most memory that this process has held so far, in bytes; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
