"""Emit C: programs of loop nests become functions that call kernels, which they share.

In: loop programs over one memory. Out: the text of their kernels and of one function a program. Nests that differ only
in where they begin and how often they turn are calls of the same kernel; what is the same in all calls is a constant in
it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..loops.loop_program import LoopProgram, Nest
from .emit_expression import Pattern
from .emit_lanes import group_lanes, lanes_function
from .emit_nest import kernel_function

__all__ = ["emit_c"]


def emit_c(programs: Sequence[LoopProgram], names: Sequence[str], vector_width: int = 8, prefix: str = "") -> str:
    """C for `programs`, as ``static void name(double *m, const int *ix)`` each; to stand behind `prelude`.

    Args:
        vector_width: doubles in the widest vector, one of `prelude.VECTOR_WIDTHS`.
        prefix: of the names of kernels and tables.
    """
    instances: dict[tuple[object, ...], list[tuple[Nest, ...]]] = {}
    calls: list[list[tuple[tuple[object, ...], tuple[Nest, ...]]]] = []
    places: list[int] = []
    for program in programs:
        calls.append([(_key(group), group) for group in group_lanes(program.nests)])
        for key, group in calls[-1]:
            instances.setdefault(key, []).append(group)
        if program.places:
            assert not places or places == list(program.places)
            places = list(program.places)
    kernels: dict[tuple[object, ...], tuple[str, tuple[int, ...]]] = {}
    texts = []
    for number, (key, groups) in enumerate(instances.items()):
        name = f"{prefix}kernel{number}"
        vectors = [group[0].base + group[0].trips for group in groups]
        differing = tuple(place for place, column in enumerate(zip(*vectors, strict=True)) if len(set(column)) > 1)
        kernels[key] = name, differing
        if len(groups[0]) > 1:
            texts.append(lanes_function(name, [Pattern(nest) for nest in groups[0]], vector_width))
        else:
            texts.append(kernel_function(name, Pattern(groups[0][0], differing), vector_width))
    for program, name, called in zip(programs, names, calls, strict=True):
        lines = [f"static void {name}(double *m, const int *ix)", "{"]
        for start, size in program.zeros:
            lines.append(f"    memset(m + {start}, 0, {size} * sizeof(double));")
        for key, group in called:
            kernel, parameters = kernels[key]
            numbers = group[0].base + group[0].trips
            arguments = "".join(f", {numbers[place]}" for place in parameters)
            lines.append(f"    {kernel}(m, ix{arguments});")
        texts.append("\n".join([*lines, "}"]) + "\n")
    table = f"static const int places[] = {{{', '.join(map(str, places))}}};\n" if places else ""
    text = "\n".join([table, *texts])
    return text.replace(" places[", f" {prefix}places[").replace("m[places[", f"m[{prefix}places[") if prefix else text


def _key(group: tuple[Nest, ...]) -> tuple[object, ...]:
    """Equal for nests that can be calls of one kernel."""
    nest = group[0]
    if len(group) > 1 or nest.recipe == ("mem", 1):
        return group  # nests that share their lanes, and copies, are special and few
    return (nest.recipe, nest.row_stride, nest.steps, nest.strides)
