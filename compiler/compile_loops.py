"""Compile loops: one graph to a program of loop nests over a memory of its own, and to C.

In: a clean graph. Out: a `LoopedGraph`. For graphs that share a memory see `compile_family`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .c_nest import number_text
from .contract import stored_nodes
from .emit_c import emit_c
from .form_loops import form_loops
from .graph import Graph
from .loops import LoopProgram
from .place import Addressing, Layout, address, place
from .run_loops import prove_loops
from .transpose import Transposer

__all__ = ["LoopedGraph", "compile_loops", "function_text"]


@dataclass(frozen=True)
class LoopedGraph:
    """A graph as loops.

    Attributes:
        graph: what was compiled.
        program: its nests.
        layout, where: of its memory.
    """

    graph: Graph
    program: LoopProgram
    layout: Layout
    where: Addressing

    def prove(self) -> None:
        """Checks that the loops, unrolled, are the graph.

        Raises:
            CompileError: if they are not.
        """
        prove_loops(self.program, self.graph, self.layout, self.where)


def compile_loops(graph: Graph) -> LoopedGraph:
    """Finds the loops of a graph without equal or dead nodes."""
    layout = Layout()
    stored = stored_nodes(graph)
    place(layout, "graph", {0: (graph, stored)})
    where = address(layout, "graph", graph, stored)
    program = form_loops(graph, stored, layout, where)
    return LoopedGraph(graph, Transposer(layout, graph.inputs).transpose(program), layout, where)


def function_text(looped: LoopedGraph, name: str) -> str:
    """C for the graph, to stand behind `c_prelude.PRELUDE`: two functions, one of which prepares a memory for the
    other.

    ``void NAME_begin(double *m)`` writes the constants; ``void NAME(double *m, const int *ix)`` computes.
    """
    lines = [f"    m[{at}] = {number_text(text)};" for at, text in sorted(looped.layout.constants.items())]
    begin = "\n".join([f"void {name}_begin(double *m)", "{", "    (void)m;", *lines, "}", ""])
    body = emit_c([looped.program], [f"{name}_program"], prefix=f"{name}_")
    entry = f"void {name}(double *m, const int *ix) {{ {name}_program(m, ix); }}\n"
    return f"void {name}_begin(double *m);\nvoid {name}(double *m, const int *ix);\n{body}\n{begin}\n{entry}"
