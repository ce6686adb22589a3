"""Emit function: C for one program that stands alone, where `emit_c` makes programs that share a memory.

In: a `LoopedGraph`, or a program and its layout. Out: the text of two functions, and which lines carry out which nests.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..loops.compile_loops import LoopedGraph
from ..loops.layout import Layout
from ..loops.loop_ir import LoopProgram
from .emit_c import CText, emit_c
from .memory_struct import constants_text, memory_struct, read_constants

__all__ = ["FunctionText", "function_text", "program_text"]


@dataclass(frozen=True)
class FunctionText:
    """The C of one program.

    Attributes:
        text: to stand behind `prelude`.
        body: the part of it that was made from the program, which begins after `body_line` lines.
        name: of the program in `body`.
    """

    text: str
    body: CText
    body_line: int
    name: str


def function_text(looped: LoopedGraph, name: str, vector_width: int = 8, number: str = "double") -> FunctionText:
    """C for a graph, see `program_text`."""
    return program_text(looped.program, looped.layout, name, vector_width, number)


def program_text(
    program: LoopProgram, layout: Layout, name: str, vector_width: int, number: str = "double"
) -> FunctionText:
    """C for a program, to stand behind `prelude`: two functions, one of which prepares a memory for the other.

    ``void NAME_begin(double *m)`` writes the constants; ``void NAME(double *m, const int *ix)`` computes.
    """
    memory, prefix = f"{name}_memory", f"{name}_"
    body = emit_c([program], [f"{name}_program"], layout, vector_width, prefix, number)
    declarations = f"void {name}_begin({number} *m);\nvoid {name}({number} *m, const int *ix);\n"
    head = f"{declarations}{memory_struct(layout, memory, number)}"
    end = [
        constants_text(layout, read_constants(layout, [program]), prefix, memory, number),
        f"void {name}_begin({number} *m) {{ {name}_set_constants(({memory} *)m); }}",
        f"void {name}({number} *m, const int *ix) {{ {name}_program(({memory} *)m, ix); }}",
        "",
    ]
    text = "\n".join([head + body.text, *end])
    return FunctionText(text, body, head.count("\n"), f"{name}_program")
