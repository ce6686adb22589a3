"""Emit function: C for one program that stands alone, where `emit_c` makes programs that share a memory.

In: a program, its layout and its C. Out: the text of two functions, and which lines carry out which nests.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..loops.layout import Layout, padded
from ..loops.loop_ir import LoopProgram
from ..numerics import current
from .emit_c import CText
from .memory_struct import constants_text, memory_struct, read_constants

__all__ = ["FunctionText", "emit_function", "memory_size"]


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


def emit_function(body: CText, program: LoopProgram, layout: Layout, name: str, number: str = "") -> FunctionText:
    """C for a program, to stand behind `prelude`: two functions, one of which prepares a memory for the other.

    ``void NAME_begin(double *m)`` writes the constants; ``void NAME(double *m, const int *ix)`` computes. The memory
    has `memory_size` doubles.

    Args:
        body: what `emit_c` makes of the program, which it calls ``NAME_program``, with the prefix ``NAME_``.
        number: the type of numbers, which those of `m` have then, too. By default, it is that of the numerics in force,
            and callers have doubles in any case: arguments are converted before, and results after.
    """
    memory, prefix = f"{name}_memory", f"{name}_"
    inside, outside = number or current().number, number or "double"
    declarations = f"void {name}_begin({outside} *m);\nvoid {name}({outside} *m, const int *ix);\n"
    head = f"{declarations}{memory_struct(layout, memory, inside)}"
    constants = constants_text(layout, read_constants(layout, [program]), prefix, memory, inside)
    if inside == outside:
        end = [
            f"void {name}_begin({inside} *m) {{ {name}_set_constants(({memory} *)m); }}",
            f"void {name}({inside} *m, const int *ix) {{ {name}_program(({memory} *)m, ix); }}",
        ]
    else:
        end = [
            f"void {name}_begin(double *m) {{ {name}_set_constants(({memory} *)(m + {layout.size})); }}",
            f"void {name}(double *m, const int *ix)\n{{\n    {inside} *own = ({inside} *)(m + {layout.size});",
            *(_converted("own", "m", inside, *span) for span in layout.arguments.values()),
            f"    {name}_program(({memory} *)own, ix);",
            *(_converted("m", "own", "double", *span) for span in layout.outputs.values()),
            "}",
        ]
    end = [constants, *end, ""]
    text = "\n".join([head + body.text, *end])
    return FunctionText(text, body, head.count("\n"), f"{name}_program")


def memory_size(layout: Layout) -> int:
    """Doubles that a program over a layout needs in the numerics in force. Single precision has a memory of its own
    behind that of the arguments and results.
    """
    return layout.size + (padded((layout.size + 1) // 2) if current().number == "float" else 0)


def _converted(to: str, source: str, number: str, start: int, size: int) -> str:
    return f"    for (long i = {start}; i < {start + size}; i++) {to}[i] = ({number}){source}[i];"
