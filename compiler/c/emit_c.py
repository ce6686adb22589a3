"""Emit C: programs of loop nests become functions that call kernels, which they share.

In: loop programs over one memory. Out: the text of their kernels and of one function a program, and which lines carry
out which nests. Nests that differ only in where they begin and how often they turn are calls of the same kernel; what
is the same in all calls is a constant in it. Comments say which lines of the model a kernel carries out, and what a
call writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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
        kernel_of: by name of a program, for each of its nests the number of its kernel; nests that share their lanes
            have one in common.
        call_of: by name of a program, for each of its nests the line that calls that kernel.
        zero_of: by name of a program, for each of ``LoopProgram.zeros`` its line.
    """

    text: str
    kernels: tuple[Span, ...]
    programs: Mapping[str, Span]
    kernel_of: Mapping[str, tuple[int, ...]]
    call_of: Mapping[str, tuple[int, ...]]
    zero_of: Mapping[str, range]


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
    calls = [[(_key(group), group) for group in group_lanes(program.nests)] for program in programs]
    for called in calls:
        for key, group in called:
            instances.setdefault(key, []).append(group)
    places = next((program.places for program in programs if program.places), ())
    assert all(program.places in ((), places) for program in programs)
    text = _Text(f"static const int {prefix}places[] = {{{', '.join(map(str, places))}}};" if places else "")
    numbers = {key: number for number, key in enumerate(instances)}
    parameters: list[tuple[int, ...]] = []
    kernels: list[Span] = []
    for number, groups in enumerate(instances.values()):
        name = f"{prefix}kernel{number}"
        vectors = [group[0].base + group[0].trips for group in groups]
        differing = tuple(place for place, column in enumerate(zip(*vectors, strict=True)) if len(set(column)) > 1)
        parameters.append(differing)
        if len(groups[0]) > 1:
            function = lanes_function(name, [Pattern(nest) for nest in groups[0]], vector_width)
        else:
            function = kernel_function(name, Pattern(groups[0][0], differing), vector_width)
        function = function.rstrip("\n").replace("m[places[", f"m[{prefix}places[")
        kernels.append(text.add(name, _comment(groups) + function))
    spans: dict[str, Span] = {}
    kernel_of: dict[str, tuple[int, ...]] = {}
    call_of: dict[str, tuple[int, ...]] = {}
    zero_of: dict[str, range] = {}
    for program, name, called in zip(programs, names, calls, strict=True):
        lines = [f"static void {name}(double *m, const int *ix)", "{"]
        for start, size in program.zeros:
            lines.append(f"    memset(m + {start}, 0, {size} * sizeof(double));{_remark([words(start)])}")
        called_at: list[int] = []
        for key, group in called:
            called_at += [len(lines)] * len(group)
            number, nest = numbers[key], group[0]
            arguments = "".join(f", {(nest.base + nest.trips)[place]}" for place in parameters[number])
            written = _remark([words(nest.base[0]) for nest in group])
            lines.append(f"    {kernels[number].name}(m, ix{arguments});{written}")
        span = spans[name] = text.add(name, "\n".join([*lines, "}"]))
        kernel_of[name] = tuple(numbers[key] for key, group in called for _ in group)
        call_of[name] = tuple(span.start + line for line in called_at)
        zero_of[name] = range(span.start + 2, span.start + 2 + len(program.zeros))
    return CText("\n".join(text.lines) + "\n", tuple(kernels), spans, kernel_of, call_of, zero_of)


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


def _comment(groups: Sequence[_Group]) -> str:
    labels = list(dict.fromkeys(nest.label for group in groups for nest in group if nest.label))
    if len(labels) > _MOST:
        labels[_MOST:] = [f"and {len(labels) - _MOST} more"]
    return f"/* {f'{chr(10)}   '.join(labels)} */\n" if labels else ""


def _remark(words: Sequence[str]) -> str:
    told = ", ".join(filter(None, words))
    return f" /* {told} */" if told else ""
