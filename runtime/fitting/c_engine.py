"""The C engine: a problem's library, found in the cache or compiled, and called for many steps at a time."""

from __future__ import annotations

import ctypes
import json
import math
import tempfile
from array import array
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from ...compiler.pipeline import without_collection
from ..executable.estimate import check_function
from ..executable.program import program_key, sources_digest
from ..executable.witness import Numbers
from ..machine.toolchain import Toolchain, ToolchainError, with_toolchain
from ..reporting import Report
from ..storage.cache import Cache
from ..storage.files import write_plainly
from .c_source import fit_source
from .engine import State
from .problem import Compiled, Problem, argument
from .rows import Rows
from .witness import check_steps

__all__ = ["CEngine", "TooLongError", "c_engine"]

_SOURCE, _LIBRARY, _REPORT = "fit.c", "fit.so", "report.json"


class TooLongError(Exception):
    """The C would be longer than it may be."""


class CEngine:
    """Runs a problem's library, over a memory of its own: what steps change is copied in and out for each call.

    Args:
        folder: of the library.
        report: of its source.
    """

    target = "c"

    def __init__(self, problem: Problem, rows: Rows, folder: Path, report: Mapping[str, Any]) -> None:
        try:
            self._library = ctypes.CDLL(str(folder / _LIBRARY))
        except OSError as error:
            # Folders may be mounted so that nothing in them can be executed.
            raise ToolchainError(f"the library that the C compiler made cannot be loaded: {error}") from None
        self._path = folder / _SOURCE
        self._rows = rows
        size = report["memory"]
        # Kept as long as the engine: `_memory` points into it, at an address that 64 divides.
        self._bytes = ctypes.create_string_buffer(8 * size + 64)
        self._memory = (ctypes.c_double * size).from_buffer(self._bytes, -ctypes.addressof(self._bytes) % 64)
        view: memoryview[float] = memoryview(self._memory).cast("B").cast("d")
        view[:] = array("d", [math.nan]) * size  # so that nothing right comes from what was not assigned
        self._library.fit_begin(self._memory)
        places = {name: report["arguments"][argument(name)] for name in problem.optimizer.state}
        start: int = report["arguments"]["parameter"]
        self._weights: memoryview[float] = view[start : start + problem.size]
        self._slots: dict[str, memoryview[float]] = {
            name: view[place : place + problem.size] for name, place in places.items()
        }

    @property
    def source(self) -> str:
        """The text of the library."""
        return self._path.read_text("utf-8")

    def advance(self, state: State, order: array[int], constants: Sequence[Sequence[float]]) -> list[float]:
        """Takes a step for each of `constants`."""
        steps, rows = len(constants), self._rows
        losses, shared = array("d", bytes(8 * steps)), array("d", chain.from_iterable(constants))
        self._weights[:] = array("d", state.weights)
        for name, slot in self._slots.items():
            slot[:] = array("d", state.slots[name])
        self._library.fit(
            self._memory,
            _pointer(rows.floats),
            _pointer(rows.indices),
            _pointer(order),
            _pointer(shared),
            ctypes.c_longlong(steps),
            ctypes.c_longlong(len(order) // steps),
            _pointer(losses),
        )
        state.weights = list(self._weights)
        state.slots = {name: list(slot) for name, slot in self._slots.items()}
        state.step += steps
        return losses.tolist()


def c_engine(
    problem: Problem, rows: Rows, cache: Cache, report: Report, example: Numbers, longest: int | None = None
) -> CEngine:
    """The library of a problem; compiled if it is not in the cache.

    Args:
        example: arguments that the loss is defined for, by name.
        longest: bytes that the C may have; None for any number.

    Raises:
        TooLongError: if it has more.
        TooLargeError: if it takes more memory than there is.
        ToolchainError: if no C compiler that keeps every bit can compile it.
        ProofError: if a program is not what it should be; a mistake in microgpt, or in the C compiler.
    """
    return with_toolchain(partial(_made_by, problem, rows, cache, report, example, longest))


def _functions(problem: Problem) -> list[Compiled]:
    return [function for function in (problem.example, problem.extra, problem.update) if function]


def _made_by(
    problem: Problem,
    rows: Rows,
    cache: Cache,
    report: Report,
    example: Numbers,
    longest: int | None,
    toolchain: Toolchain,
) -> CEngine:
    what = {
        "graphs": [function.traced.fingerprint for function in _functions(problem)],
        "driver": sources_digest("microgpt.runtime.fitting"),
        "toolchain": toolchain.identity,
    }
    key = f"cfit-{program_key(what)}"
    with cache.lock(key):
        files = cache.load(key)
        if files is None:
            files = _compile(problem, report, example, longest, toolchain)
            cache.store(key, files)
    return CEngine(problem, rows, cache.entry(key), json.loads(files[_REPORT]))


def _compile(
    problem: Problem, report: Report, example: Numbers, longest: int | None, toolchain: Toolchain
) -> dict[str, bytes]:
    check_function(sum(len(function.traced) for function in _functions(problem)), "c")
    report(0, 1, "the graphs")
    graphs = [function.graph for function in _functions(problem)]
    report(0, 1, f"loops, {sum(map(len, graphs)):,} operations")
    with without_collection():
        source = fit_source(problem, toolchain.vector_width)
    if longest is not None and len(source.text) > longest:
        raise TooLongError
    found = {**source.report, "memory": source.memory, "arguments": dict(source.arguments)}
    with tempfile.TemporaryDirectory(prefix="microgpt-", ignore_cleanup_errors=True) as folder:
        path, library = Path(folder) / _SOURCE, Path(folder) / _LIBRARY
        write_plainly(path, source.text.encode())
        report(0, 1, "the C compiler")
        process = toolchain.start(path, library)
        try:
            with without_collection():
                source.prove()
                for function in _functions(problem):
                    function.check(example if function is problem.example else None)
            toolchain.finish(process)
        finally:
            if process.poll() is None:
                toolchain.stop(process)
        check_steps(lambda rows: CEngine(problem, rows, Path(folder), found), problem, example)
        return {
            _SOURCE: source.text.encode(),
            _LIBRARY: library.read_bytes(),
            _REPORT: json.dumps(found, indent=1).encode() + b"\n",
        }


def _pointer(numbers: array[Any]) -> ctypes.c_void_p:
    """The numbers themselves, for a function in C that the caller waits for."""
    return ctypes.c_void_p(numbers.buffer_info()[0] if numbers else None)
