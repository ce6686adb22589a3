"""Emit C: programs of loop nests become functions that call kernels, which they share.

In: loop programs over one memory. Out: the text of their kernels and of one function a program. Nests that differ only
in where they begin and how often they turn are calls of the same kernel; what is the same in all calls is a constant in
it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..loops.loop_program import LoopProgram, Nest
from .emit_nest import Pattern, kernel_function

__all__ = ["emit_c"]


def emit_c(programs: Sequence[LoopProgram], names: Sequence[str], prefix: str = "") -> str:
    """C for `programs`, as ``static void name(double *m, const int *ix)`` each; to stand behind `c_prelude.PRELUDE`."""
    instances: dict[tuple[object, ...], list[Nest]] = {}
    keys = []
    places: list[int] = []
    for program in programs:
        for nest in program.nests:
            key: tuple[object, ...] = (nest.recipe, nest.row_stride, nest.steps, nest.strides)
            if nest.recipe == ("mem", 1):
                key = (nest,)  # copies are special, and few
            keys.append(key)
            instances.setdefault(key, []).append(nest)
    patterns: dict[tuple[object, ...], tuple[str, Pattern]] = {}
    texts = []
    for number, (key, nests) in enumerate(instances.items()):
        vectors = [nest.base + nest.trips for nest in nests]
        differing = tuple(place for place, column in enumerate(zip(*vectors, strict=True)) if len(set(column)) > 1)
        pattern = Pattern(nests[0], differing)
        patterns[key] = (f"{prefix}kernel{number}", pattern)
        texts.append(kernel_function(f"{prefix}kernel{number}", pattern))
    at = iter(keys)
    for program, name in zip(programs, names, strict=True):
        lines = [f"static void {name}(double *m, const int *ix)", "{"]
        for start, size in program.zeros:
            lines.append(f"    memset(m + {start}, 0, {size} * sizeof(double));")
        for nest in program.nests:
            kernel, pattern = patterns[next(at)]
            numbers = nest.base + nest.trips
            arguments = "".join(f", {numbers[place]}" for place in pattern.parameters)
            lines.append(f"    {kernel}(m, ix{arguments});")
        texts.append("\n".join([*lines, "}"]) + "\n")
        if program.places:
            assert not places or places == list(program.places)
            places = list(program.places)
    table = f"static const int places[] = {{{', '.join(map(str, places))}}};\n" if places else ""
    text = "\n".join([table, *texts])
    return text.replace(" places[", f" {prefix}places[").replace("m[places[", f"m[{prefix}places[") if prefix else text
