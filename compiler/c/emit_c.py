"""Emit C: programs of loop nests become functions that call kernels, which they share.

In: loop programs over one memory. Out: the text of their kernels and of one function a program, and which lines carry
out which nests. Nests that differ only in where they begin and how often they turn are calls of the same kernel; what
is the same in all calls is a constant in it. Comments say which lines of the model a kernel carries out, and what a
call writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

from ..errors import InternalError
from ..loops.loop_program import LoopProgram, Nest
from ..loops.memory_map import MemoryMap
from .emit_expression import Parameter, Pattern
from .emit_lanes import group_lanes, lanes_function
from .emit_nest import kernel_function

__all__ = ["CText", "Span", "emit_c", "memory_comment"]

# More labels than this are not told one by one.
_MOST = 6

# With more variants of strides than this, nests of one recipe share one kernel. Its loops then run one lane at a time,
# but a triangular program of 5,000 nests takes the C compiler seconds and not minutes.
_VARIANTS = 24

_Key = tuple[object, ...]
_Group = tuple[Nest, ...]


@dataclass(frozen=True)
class Span:
    """Lines `start` to `end` - 1 of the text, counted from 0: one function, with the comment above it."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class CText:
    """C, and what its lines carry out.

    Attributes:
        text: for a file; ends with a newline.
        kernels: the functions of nests.
        programs: the functions of programs, by name.
        kernel_of: by name of a program, for each of its nests the number of its kernel.
        call_of: by name of a program, for each of its nests the line that calls its kernel.
        first_zero: by name of a program, the first of the lines that set memory to zero, one for each of
            ``LoopProgram.zeros``.
    """

    text: str
    kernels: tuple[Span, ...]
    programs: Mapping[str, Span]
    kernel_of: Mapping[str, tuple[int, ...]]
    call_of: Mapping[str, tuple[int, ...]]
    first_zero: Mapping[str, int]


class _Text:
    """Lines in the making, with a blank one between functions."""

    def __init__(self, first: str) -> None:
        self.lines = [first] if first else []

    def add(self, name: str, text: str) -> Span:
        self.lines.append("")
        start = len(self.lines)
        self.lines += text.split("\n")
        return Span(name, start, len(self.lines))


def emit_c(
    programs: Sequence[LoopProgram],
    names: Sequence[str],
    vector_width: int = 8,
    prefix: str = "",
    words: Callable[[int], str] = lambda address: "",
) -> CText:
    """C for `programs`, as ``static void name(double *m, const int *ix)`` each; to stand behind `prelude`.

    Args:
        vector_width: doubles in the widest vector, one of `prelude.VECTOR_WIDTHS`.
        prefix: of the names of kernels and tables.
        words: says what stands at an address.
    """
    instances: dict[_Key, list[_Group]] = {}
    groups_of = [list(group_lanes(program.nests)) for program in programs]
    common = _common_shapes(chain.from_iterable(groups_of))
    called = [[(_key(group, common), group) for group in groups] for groups in groups_of]
    for key, group in chain.from_iterable(called):
        instances.setdefault(key, []).append(group)
    places = next((program.places for program in programs if program.places), ())
    if any(program.places not in ((), places) for program in programs):
        raise InternalError("the programs choose from different places")
    text = _Text(f"static const int {prefix}places[] = {{{', '.join(map(str, places))}}};" if places else "")
    numbers: dict[_Key, int] = {}
    parameters: list[tuple[int, ...]] = []
    kernels: list[Span] = []
    for number, (key, groups) in enumerate(instances.items()):
        vectors = [_numbers(group) for group in groups]
        numbers[key] = number
        parameters.append(
            tuple(place for place, column in enumerate(zip(*vectors, strict=True)) if len(set(column)) > 1)
        )
        name = f"{prefix}kernel{number}"
        patterns = [Pattern(_with_parameters(nest, parameters[number]), parameters[number]) for nest in groups[0]]
        function = (kernel_function if len(patterns) == 1 else lanes_function)(name, patterns, vector_width)
        if prefix:
            function = function.replace("m[places[", f"m[{prefix}places[")
        labels = chain.from_iterable((nest.label for nest in group) for group in groups)
        kernels.append(text.add(name, _comment(labels) + function.rstrip("\n")))
    spans: dict[str, Span] = {}
    kernel_of: dict[str, tuple[int, ...]] = {}
    call_of: dict[str, tuple[int, ...]] = {}
    first_zero: dict[str, int] = {}
    for program, name, calls in zip(programs, names, called, strict=True):
        lines = [f"static void {name}(double *m, const int *ix)", "{"]
        zeros = len(lines)
        for start, size in program.zeros:
            lines.append(f"    memset(m + {start}, 0, {size} * sizeof(double));{_remark(words(start))}")
        first = len(lines)
        for key, group in calls:
            arguments = "".join(f", {_numbers(group)[place]}" for place in parameters[numbers[key]])
            written = ", ".join(dict.fromkeys(words(nest.base[0]) for nest in group))
            lines.append(f"    {kernels[numbers[key]].name}(m, ix{arguments});{_remark(written)}")
        spans[name] = text.add(name, "\n".join([*lines, "}"]))
        first_zero[name] = spans[name].start + zeros
        kernel_of[name] = tuple(numbers[key] for key, group in calls for _ in group)
        call_of[name] = tuple(line for line, (_, group) in enumerate(calls, spans[name].start + first) for _ in group)
    return CText("\n".join(text.lines) + "\n", tuple(kernels), spans, kernel_of, call_of, first_zero)


def memory_comment(memory: MemoryMap) -> str:
    """The memory map, for people who want to know what ``m + 31616`` is."""
    lines = "\n".join(f"   {line}" for line in memory.lines())
    return f"/* The memory m: address, size, what stands there, and where in it.\n{lines} */\n"


def _common_shapes(groups: Iterable[_Group]) -> set[_Key]:
    """Shapes of which there are so many variants that one kernel takes their strides as parameters, too."""
    variants: dict[_Key, set[_Key]] = {}
    for group in groups:
        if not _is_special(group):
            variants.setdefault(_shape(group[0]), set()).add((group[0].steps, group[0].strides))
    return {shape for shape, found in variants.items() if len(found) > _VARIANTS}


def _shape(nest: Nest) -> _Key:
    return (nest.recipe, nest.row_stride, len(nest.trips))


def _is_special(group: _Group) -> bool:
    """Nests that share their lanes, and copies, are few, and each is a kernel."""
    return len(group) > 1 or group[0].recipe == ("mem", 1)


def _key(group: _Group, common: set[_Key]) -> _Key:
    """Equal for nests that can be calls of one kernel."""
    nest = group[0]
    if _is_special(group):
        return group
    return _shape(nest) if _shape(nest) in common else (*_shape(nest), nest.steps, nest.strides)


def _numbers(group: _Group) -> tuple[int, ...]:
    nest = group[0]
    return (*nest.base, *nest.trips, *chain.from_iterable(nest.strides), *chain.from_iterable(nest.steps))


def _with_parameters(nest: Nest, places: Sequence[int]) -> Nest:
    """The nest with names in place of those strides and steps that are parameters, by their places in `_numbers`."""
    start = len(nest.base) + len(nest.trips)
    if not any(place >= start for place in places):
        return nest
    place = count(start)
    strides, steps = (
        tuple(tuple(Parameter(f"p{at}") if (at := next(place)) in places else number for number in row) for row in rows)
        for rows in (nest.strides, nest.steps)
    )
    return replace(nest, strides=strides, steps=steps)


def _comment(labels: Iterable[str]) -> str:
    told = list(dict.fromkeys(label for label in labels if label))
    if len(told) > _MOST:
        told[_MOST:] = [f"and {len(told) - _MOST} more"]
    return f"/* {f'{chr(10)}   '.join(told)} */\n" if told else ""


def _remark(words: str) -> str:
    return f" /* {words} */" if words else ""
