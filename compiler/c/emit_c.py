"""Emit C: programs of loop nests become functions that call kernels, which they share.

In: loop programs over one memory. Out: the text of their kernels and of one function a program, and which lines carry
out which nests. Nests that differ only in where they begin and how often they turn are calls of the same kernel; what
is the same in all calls is a constant in it. Comments say which lines of the model a kernel carries out, and what a
call writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from ..errors import InternalError
from ..loops.loop_program import LoopProgram, Nest
from ..loops.memory_map import MemoryMap
from .emit_expression import Pattern
from .emit_lanes import group_lanes, lanes_function
from .emit_nest import kernel_function

__all__ = ["CText", "Span", "emit_c", "memory_comment"]

# More labels than this are not told one by one.
_MOST = 6

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
    called = [[(_key(group), group) for group in group_lanes(program.nests)] for program in programs]
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
        patterns = [Pattern(nest, parameters[number]) for nest in groups[0]]
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


def _key(group: _Group) -> _Key:
    """Equal for nests that can be calls of one kernel."""
    nest = group[0]
    if len(group) > 1 or nest.recipe == ("mem", 1):
        return group  # nests that share their lanes, and copies, are special and few
    return (nest.recipe, nest.row_stride, nest.steps, nest.strides)


def _numbers(group: _Group) -> tuple[int, ...]:
    return group[0].base + group[0].trips


def _comment(labels: Iterable[str]) -> str:
    told = list(dict.fromkeys(label for label in labels if label))
    if len(told) > _MOST:
        told[_MOST:] = [f"and {len(told) - _MOST} more"]
    return f"/* {f'{chr(10)}   '.join(told)} */\n" if told else ""


def _remark(words: str) -> str:
    return f" /* {words} */" if words else ""
