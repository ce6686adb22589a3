"""The C engine: a problem's library, found in the cache or compiled, and called for many steps at a time."""

from __future__ import annotations

import ctypes
import math
from array import array
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..executable.estimate import check_function
from ..executable.native import Native, Source, TooLongError, native_library
from ..executable.repeat import BLOCK
from ..executable.row_data import Rows
from ..machine.toolchain import Toolchain
from ..reporting import Report
from ..storage.cache import Cache
from ..storage.sources import sources_digest
from .engine import State
from .problem import ROW, Problem, argument

if TYPE_CHECKING:
    from ..executable.witness import Numbers

__all__ = ["CEngine", "c_engine"]


class CEngine:
    """Runs a problem's library, over a memory of its own: what steps change is copied in and out for each call.

    Args:
        native: what `fit_source` became.
    """

    target = "c"

    def __init__(self, problem: Problem, native: Native) -> None:
        self._library, self._path, report = native.functions, native.path, native.report
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

    def advance(self, state: State, rows: Rows, order: array[int], constants: Sequence[Sequence[float]]) -> list[float]:
        """Takes a step for each of `constants`."""
        steps = len(constants)
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


def c_engine(problem: Problem, cache: Cache, report: Report, example: Numbers, longest: int | None = None) -> CEngine:
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

    def make(toolchain: Toolchain) -> Source:
        from ..executable.witness import check_graph  # which a start that finds its library does without
        from .c_source import fit_source
        from .witness import check_steps

        problem.confirm()
        block = problem.block
        functions = [*problem.functions, *([block] if block else [])]
        examples = {problem.example: example, block: {**example, ROW: list(example.get(ROW, ())) * BLOCK}}
        check_function(sum(len(function.traced) for function in functions), "c")
        report(0, 1, "the graphs")
        report(0, 1, f"loops, {sum(len(function.graph) for function in functions):,} operations")
        source = fit_source(problem, toolchain.vector_width)
        if longest is not None and len(source.text) > longest:
            raise TooLongError

        def prove() -> None:
            source.prove()
            for function in functions:
                check_graph(function.graph, function.witnesses(examples.get(function)))

        found = {**source.report, "memory": source.memory, "arguments": dict(source.arguments)}
        return Source(
            source.text,
            found,
            prove,
            lambda native: check_steps(CEngine(problem, native), problem, example),
        )

    what = {
        "graphs": [function.traced.fingerprint for function in problem.functions],
        "driver": [sources_digest(f"microgpt.runtime.{package}") for package in ("executable", "fitting")],
    }
    return CEngine(problem, native_library(cache, "fit", what, make, lambda stage: report(0, 1, stage)))


def _pointer(numbers: array[Any]) -> ctypes.c_void_p:
    """The numbers themselves, for a function in C that the caller waits for."""
    return ctypes.c_void_p(numbers.buffer_info()[0] if numbers else None)
