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
from .emit_nest import Pattern, kernel_function

__all__ = ["CText", "Span", "emit_c", "memory_comment"]

# More labels than this are not told one by one.
_MOST = 6

_Key = tuple[object, ...]


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
        first_call: by name of a program, the line that calls the kernel of its first nest; the others follow. The lines
            before it, one for each of ``LoopProgram.zeros``, set memory to zero.
    """

    text: str
    kernels: tuple[Span, ...]
    programs: Mapping[str, Span]
    kernel_of: Mapping[str, tuple[int, ...]]
    first_call: Mapping[str, int]

    def nests_at(self, program: str, line: int) -> Sequence[int]:
        """The nests of a program that a line of the text belongs to."""
        first, own = self.first_call[program], self.kernel_of[program]
        if first <= line < first + len(own):
            return (line - first,)
        kernel = next((number for number, span in enumerate(self.kernels) if span.start <= line < span.end), -1)
        return [nest for nest, number in enumerate(own) if number == kernel]


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
    prefix: str = "",
    words: Callable[[int], str] = lambda address: "",
) -> CText:
    """C for `programs`, as ``static void name(double *m, const int *ix)`` each; to stand behind `c_prelude.PRELUDE`.

    Args:
        words: says what stands at an address.
    """
    instances: dict[_Key, list[Nest]] = {}
    keys = [[_key(nest) for nest in program.nests] for program in programs]
    for program, own in zip(programs, keys, strict=True):
        for key, nest in zip(own, program.nests, strict=True):
            instances.setdefault(key, []).append(nest)
    places = next((program.places for program in programs if program.places), ())
    assert all(program.places in ((), places) for program in programs)
    text = _Text(f"static const int {prefix}places[] = {{{', '.join(map(str, places))}}};" if places else "")
    numbers: dict[_Key, int] = {}
    patterns: list[Pattern] = []
    kernels: list[Span] = []
    for number, (key, nests) in enumerate(instances.items()):
        vectors = [nest.base + nest.trips for nest in nests]
        differing = tuple(place for place, column in enumerate(zip(*vectors, strict=True)) if len(set(column)) > 1)
        numbers[key] = number
        patterns.append(Pattern(nests[0], differing))
        name = f"{prefix}kernel{number}"
        function = kernel_function(name, patterns[number]).rstrip("\n")
        if prefix:
            function = function.replace("m[places[", f"m[{prefix}places[")
        kernels.append(text.add(name, _comment(nests) + function))
    spans: dict[str, Span] = {}
    first_call: dict[str, int] = {}
    for program, name, own in zip(programs, names, keys, strict=True):
        lines = [f"static void {name}(double *m, const int *ix)", "{"]
        for start, size in program.zeros:
            lines.append(f"    memset(m + {start}, 0, {size} * sizeof(double));{_remark(words(start))}")
        calls = len(lines)
        for key, nest in zip(own, program.nests, strict=True):
            parameters = patterns[numbers[key]].parameters
            arguments = "".join(f", {(nest.base + nest.trips)[place]}" for place in parameters)
            lines.append(f"    {kernels[numbers[key]].name}(m, ix{arguments});{_remark(words(nest.base[0]))}")
        spans[name] = text.add(name, "\n".join([*lines, "}"]))
        first_call[name] = spans[name].start + calls
    kernel_of = {name: tuple(numbers[key] for key in own) for name, own in zip(names, keys, strict=True)}
    return CText("\n".join(text.lines) + "\n", tuple(kernels), spans, kernel_of, first_call)


def memory_comment(memory: MemoryMap) -> str:
    """The memory map, for people who want to know what ``m + 31616`` is."""
    lines = "\n".join(f"   {line}" for line in memory.lines())
    return f"/* The memory m: address, size, what stands there, and where in it.\n{lines} */\n"


def _key(nest: Nest) -> _Key:
    if nest.recipe == ("mem", 1):
        return (nest,)  # copies are special, and few
    return (nest.recipe, nest.row_stride, nest.steps, nest.strides)


def _comment(nests: Sequence[Nest]) -> str:
    labels = list(dict.fromkeys(nest.label for nest in nests if nest.label))
    if len(labels) > _MOST:
        labels[_MOST:] = [f"and {len(labels) - _MOST} more"]
    return f"/* {f'{chr(10)}   '.join(labels)} */\n" if labels else ""


def _remark(words: str) -> str:
    return f" /* {words} */" if words else ""
