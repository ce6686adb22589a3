"""Runs graphs as C, in loops and straight; many in one library, since a C compiler takes its time to start."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from microgpt.compiler.c.emit_straight_c import emit_straight_c
from microgpt.compiler.c.prelude import prelude
from microgpt.compiler.ir.graph import Graph
from microgpt.compiler.loops.looped_graph import LoopedGraph
from microgpt.compiler.pipeline import function_text
from microgpt.runtime.machine.toolchain import Toolchain

__all__ = ["CPrograms"]


class CPrograms:
    """Programs that are compiled together.

    Args:
        toolchain: the compiler.
        folder: takes the source and the library.
        looped: by name.
        graphs: what is compiled straight, by name; default: the graphs of `looped`.
    """

    def __init__(
        self,
        toolchain: Toolchain,
        folder: Path,
        looped: Mapping[str, LoopedGraph],
        graphs: Mapping[str, Graph] | None = None,
    ) -> None:
        self.looped = looped
        self.graphs = graphs or {name: program.graph for name, program in looped.items()}
        width = toolchain.vector_width
        self.loops = _build(
            toolchain,
            folder / "loops.c",
            [prelude(width), *(function_text(program, name, width).text for name, program in looped.items())],
        )
        # It is a text to be read, and long: optimising it fully takes most of the time, and would test the C compiler.
        quick = replace(toolchain, flags=(*toolchain.flags, "-O0"))
        self.straight = _build(
            quick,
            folder / "straight.c",
            [prelude(width), *(emit_straight_c(graph, f"straight_{name}") for name, graph in self.graphs.items())],
        )

    def run_loops(
        self, name: str, arguments: Mapping[str, Sequence[float]], index: Sequence[int]
    ) -> dict[str, list[float]]:
        """The outputs of a program by its loops."""
        layout = self.looped[name].layout
        memory = (ctypes.c_double * (layout.size + 8))(*[math.nan] * (layout.size + 8))
        getattr(self.loops, f"{name}_begin")(memory)
        for argument, values in arguments.items():
            start, size = layout.arguments[argument]
            memory[start : start + size] = list(values)
        getattr(self.loops, name)(memory, (ctypes.c_int * max(1, len(index)))(*index))
        return {output: memory[start : start + size] for output, (start, size) in layout.outputs.items()}

    def run_straight(
        self, name: str, arguments: Mapping[str, Sequence[float]], index: Sequence[int]
    ) -> dict[str, list[float]]:
        """The outputs of a program by one statement an operation."""
        graph = self.graphs[name]
        inputs = [value for argument in graph.arguments() for value in arguments[argument]]
        sizes = {output.name: len(output.nodes) for output in graph.outputs}
        out = (ctypes.c_double * max(1, sum(sizes.values())))()
        getattr(self.straight, f"straight_{name}")(
            (ctypes.c_double * max(1, len(inputs)))(*inputs),
            (ctypes.c_int * max(1, len(index)))(*index),
            (ctypes.c_double * len(graph))(),
            out,
        )
        results, start = {}, 0
        for output, size in sizes.items():
            results[output] = out[start : start + size]
            start += size
        return results


def _build(toolchain: Toolchain, source: Path, texts: Iterable[str]) -> ctypes.CDLL:
    source.write_text("\n".join(texts))
    library = source.with_suffix(".so")
    toolchain.build(source, library)
    return ctypes.CDLL(str(library))
