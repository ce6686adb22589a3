"""Emit function: C for one graph that stands alone, where `emit_c` makes programs that share a memory.

In: a `LoopedGraph`. Out: the text of two functions.
"""

from __future__ import annotations

from ..loops.compile_loops import LoopedGraph
from .emit_c import emit_c
from .memory_struct import constants_text, memory_struct, read_constants

__all__ = ["function_text"]


def function_text(looped: LoopedGraph, name: str, vector_width: int = 8) -> str:
    """C for the graph, to stand behind `prelude`: two functions, one of which prepares a memory for the
    other.

    ``void NAME_begin(double *m)`` writes the constants; ``void NAME(double *m, const int *ix)`` computes.
    """
    memory, prefix = f"{name}_memory", f"{name}_"
    constants = read_constants(looped.layout, [looped.program])
    body = emit_c([looped.program], [f"{name}_program"], looped.layout, vector_width, prefix)
    return "\n".join(
        [
            f"void {name}_begin(double *m);",
            f"void {name}(double *m, const int *ix);",
            memory_struct(looped.layout, memory),
            body.text,
            constants_text(looped.layout, constants, prefix, memory),
            f"void {name}_begin(double *m) {{ {name}_set_constants(({memory} *)m); }}",
            f"void {name}(double *m, const int *ix) {{ {name}_program(({memory} *)m, ix); }}",
            "",
        ]
    )
