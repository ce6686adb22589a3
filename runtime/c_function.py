"""One graph as C that runs: what `Program.run` is for generated Python, for loops compiled by a C compiler."""

from __future__ import annotations

import ctypes
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..compiler.c.emit_function import function_text
from ..compiler.c.prelude import prelude
from ..compiler.ir.graph import Graph
from ..compiler.loops.compile_loops import compile_loops
from ..compiler.loops.coverage import coverage
from .cache import Cache
from .program import program_key
from .toolchain import Toolchain, ToolchainError, with_toolchain

__all__ = ["CFunction"]

_SOURCE, _LIBRARY, _REPORT = "function.c", "function.so", "report.json"


class CFunction:
    """A graph's program in C; compiled unless it is in the cache.

    Attributes:
        path: of the source.
        report: ``coverage`` (operations in loops, and in all), ``nests``, ``bytes``, and where in memory everything is.

    Raises:
        ToolchainError: if no C compiler that keeps every bit can compile it.
    """

    def __init__(self, graph: Graph, cache: Cache) -> None:
        self._graph = graph
        with_toolchain(lambda toolchain: self._load(toolchain, cache))

    def _load(self, toolchain: Toolchain, cache: Cache) -> None:
        graph = self._graph
        key = f"cfunction-{program_key({'graph': graph.fingerprint, 'toolchain': toolchain.identity})}"
        with cache.lock(key):
            files = cache.load(key)
            if files is None:
                files = _compile(graph, toolchain)
                cache.store(key, files)
        folder = cache.entry(key)
        self.path = folder / _SOURCE
        self.report: dict[str, Any] = json.loads(files[_REPORT])
        try:
            library = ctypes.CDLL(str(folder / _LIBRARY))
        except OSError as error:
            raise ToolchainError(f"the library that the C compiler made cannot be loaded: {error}") from None
        self._function = library.run
        self._memory = (ctypes.c_double * (self.report["memory"] + 8))()
        library.run_begin(self._memory)

    def run(self, *arguments: Sequence[float]) -> list[list[float]]:
        """The outputs, for a sequence for each argument of the graph, then one for each of its indices.

        Raises:
            IndexError: if an index is out of its range.
            ValueError: if a sequence is not as long as it should be.
        """
        graph, memory = self._graph, self._memory
        names = list(graph.arguments())
        for name, values in zip(names, arguments, strict=False):
            start, size = self.report["arguments"][name]
            if len(values) != size:
                raise ValueError(f"{name} has {size} numbers, not {len(values)}")
            memory[start : start + size] = [float(value) for value in values]
        index: list[int] = []
        for tensor, numbers in zip(graph.indices, arguments[len(names) :], strict=True):
            if len(numbers) != tensor.count or not all(0 <= number < tensor.limit for number in numbers):
                raise IndexError(f"{tensor.name} has {tensor.count} numbers from 0 to {tensor.limit - 1}")
            index += (int(number) for number in numbers)
        self._function(memory, (ctypes.c_int * max(1, len(index)))(*index))
        return [memory[start : start + size] for start, size in self.report["outputs"].values()]


def _compile(graph: Graph, toolchain: Toolchain) -> dict[str, bytes]:
    looped = compile_loops(graph)
    looped.prove()
    width = toolchain.vector_width
    body = prelude(width) + function_text(looped, "run", width)
    text = f"/* Made from {graph.name} by microgpt. Do not edit. */\n{body}"
    layout = looped.layout
    report = {
        "coverage": coverage(looped.program),
        "nests": len(looped.program.nests),
        "bytes": len(text),
        "memory": layout.size,
        "arguments": layout.arguments,
        "outputs": {output.name: layout.outputs[output.name] for output in graph.outputs},
    }
    with tempfile.TemporaryDirectory(prefix="microgpt-", ignore_cleanup_errors=True) as folder:
        source, library = Path(folder) / _SOURCE, Path(folder) / _LIBRARY
        source.write_text(text, encoding="utf-8")
        toolchain.build(source, library)
        return {
            _SOURCE: text.encode(),
            _LIBRARY: library.read_bytes(),
            _REPORT: json.dumps(report, indent=1).encode() + b"\n",
        }
