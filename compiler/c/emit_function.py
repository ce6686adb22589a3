"""Emit function: C for one graph that stands alone, where `emit_c` makes programs that share a memory.

In: a `LoopedGraph`. Out: the text of two functions.
"""

from __future__ import annotations

from ..loops.compile_loops import LoopedGraph
from .emit_c import emit_c
from .emit_expression import number_text

__all__ = ["function_text"]


def function_text(looped: LoopedGraph, name: str, vector_width: int = 8) -> str:
    """C for the graph, to stand behind `prelude`: two functions, one of which prepares a memory for the
    other.

    ``void NAME_begin(double *m)`` writes the constants; ``void NAME(double *m, const int *ix)`` computes.
    """
    lines = [f"    m[{at}] = {number_text(text)};" for at, text in sorted(looped.layout.constants.items())]
    begin = "\n".join([f"void {name}_begin(double *m)", "{", "    (void)m;", *lines, "}", ""])
    body = emit_c([looped.program], [f"{name}_program"], vector_width, f"{name}_")
    entry = f"void {name}(double *m, const int *ix) {{ {name}_program(m, ix); }}\n"
    return f"void {name}_begin(double *m);\nvoid {name}(double *m, const int *ix);\n{body}\n{begin}\n{entry}"
