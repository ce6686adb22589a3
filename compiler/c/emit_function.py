"""Emit function: C for one graph that stands alone, where `emit_c` makes programs that share a memory.

In: a `LoopedGraph`. Out: the text of two functions, and which lines carry out which nests.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill, indent

from ..loops.compile_loops import LoopedGraph
from ..loops.memory_map import constant_spans, memory_map
from .emit_c import CText, emit_c, memory_comment
from .emit_expression import number_text

__all__ = ["FunctionText", "function_text"]


@dataclass(frozen=True)
class FunctionText:
    """The C of one graph.

    Attributes:
        text: to stand behind `prelude`.
        body: the part of it that was made from the program, which begins after `body_line` lines.
        name: of the program in `body`.
    """

    text: str
    body: CText
    body_line: int
    name: str


def function_text(looped: LoopedGraph, name: str, vector_width: int = 8) -> FunctionText:
    """C for the graph, to stand behind `prelude`: two functions, one of which prepares a memory for the
    other.

    ``void NAME_begin(double *m)`` writes the constants; ``void NAME(double *m, const int *ix)`` computes.
    """
    graph = looped.graph
    tensors = {
        argument: [tensor for tensor in graph.inputs if tensor.argument == argument] for argument in graph.arguments()
    }
    memory = memory_map(looped.layout, tensors, {})
    spans = constant_spans(looped.layout.constants)
    tables, lines = [], []
    for number, (at, texts) in enumerate(spans):
        if len(texts) == 1:
            lines.append(f"    m[{at}] = {number_text(texts[0])};")
        else:
            values = fill(", ".join(map(number_text, texts)), 116, break_on_hyphens=False)
            table = f"{name}_constants{number}"
            # Volatile: GCC 12 makes a broadcast of eight known doubles that are equal but for zeros at their end.
            tables.append(f"static const volatile double {table}[] = {{\n{indent(values, '    ')}\n}};\n")
            lines.append(f"    for (long i = 0; i < {len(texts)}; i++) m[{at} + i] = {table}[i];")
    begin = "\n".join([*tables, f"void {name}_begin(double *m)", "{", "    (void)m;", *lines, "}", ""])
    words = lambda address: memory.region(address).words  # noqa: E731
    program = f"{name}_program"
    body = emit_c([looped.program], [program], vector_width, f"{name}_", words)
    entry = f"void {name}(double *m, const int *ix) {{ {name}_program(m, ix); }}\n"
    declarations = f"void {name}_begin(double *m);\nvoid {name}(double *m, const int *ix);\n"
    head = f"{declarations}{memory_comment(memory)}"
    return FunctionText(f"{head}{body.text}\n{begin}\n{entry}", body, head.count("\n"), program)
