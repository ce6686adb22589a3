"""Programs of loops from their texts, with a layout of their arrays."""

from __future__ import annotations

from microgpt.compiler.loops.layout import Layout
from microgpt.compiler.loops.loop_ir import Array, Gather, Load, LoopProgram, walk
from microgpt.compiler.loops.loop_text import parse_program


def program_of(text: str) -> tuple[LoopProgram, Layout]:
    """A program, and a layout that has its arrays in the order of their names; those of the spaces ``argument`` and
    ``output`` are the program's.
    """
    program = parse_program(text)
    arrays: dict[str, Array] = {}
    for nest in program.nests:
        for part in (nest.body, *walk(nest.body.value)):
            if isinstance(part, Load | Gather) or part is nest.body:
                arrays[part.array.name] = part.array
    arrays.update((place.array.name, place.array) for place in program.places)
    layout = Layout()
    for name in sorted(arrays):
        start = layout.add(arrays[name])
        found = {"argument": layout.arguments, "output": layout.outputs}.get(arrays[name].space)
        if found is not None:
            found[name] = start, arrays[name].size
    return program, layout
