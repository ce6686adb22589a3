"""Emit C: programs of loop nests become functions that call kernels, which they share.

In: loop programs over one memory, and their kernels. Out: the text of these and of one function a program, and which
lines carry out which nests. Comments say which lines of the model a kernel carries out, and which arrays a call writes
to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import InternalError
from ..kernels.expressions import Place, Sum
from ..kernels.kernel_ir import KernelProgram
from ..loops.layout import Layout
from ..loops.loop_ir import LoopProgram
from .print_c import Printer

__all__ = ["CText", "Span", "emit_c"]

# More labels than this are not told one by one.
_MOST = 6


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
    compiled: KernelProgram,
    programs: Sequence[LoopProgram],
    names: Sequence[str],
    layout: Layout,
    prefix: str,
    number: str,
    outside: str = "",
) -> CText:
    """C for `programs`, as ``static void name(PREFIXmemory *m, const int *ix)`` each; to stand behind `prelude` and
    `memory_struct`.

    Args:
        compiled: the kernels of the programs.
        layout: of their memory.
        prefix: of the names of kernels, tables and the memory's type.
        number: the type of numbers, ``double`` or ``float``.
        outside: the array of arguments that `WEIGHTS` points to, if that is no part of the memory.
    """
    memory = f"{prefix}memory"
    printer = Printer(prefix, number, outside)
    text = _Text(_places(programs, layout, prefix))
    kernels: list[Span] = []
    for place, kernel in enumerate(compiled.kernels):
        name = f"{prefix}kernel{place}"
        kernels.append(text.add(name, _comment(kernel.labels) + printer.kernel_text(kernel, name, memory)))
    spans: dict[str, Span] = {}
    kernel_of: dict[str, tuple[int, ...]] = {}
    call_of: dict[str, tuple[int, ...]] = {}
    first_zero: dict[str, int] = {}
    for program, name, calls in zip(programs, names, compiled.calls, strict=True):
        lines = [f"static void {name}({memory} *m, const int *ix)", "{", "    (void)m;", "    (void)ix;"]
        zeros = len(lines)
        for span in program.zeros:
            start = printer.address_text(Place(span.array, (Sum(span.start),)))
            lines.append(f"    memset({start}, 0, {span.size} * sizeof({number}));")
        first = len(lines)
        for call in calls:
            arguments = "".join(f", {printer.argument_text(argument)}" for argument in call.arguments)
            lines.append(f"    {kernels[call.kernel].name}(m, ix{arguments}); /* {', '.join(call.arrays)} */")
        spans[name] = text.add(name, "\n".join([*lines, "}"]))
        first_zero[name] = spans[name].start + zeros
        kernel_of[name] = tuple(call.kernel for call in calls for _ in range(call.nests))
        call_of[name] = tuple(
            line for line, call in enumerate(calls, spans[name].start + first) for _ in range(call.nests)
        )
    return CText("\n".join(text.lines) + "\n", tuple(kernels), spans, kernel_of, call_of, first_zero)


def _places(programs: Sequence[LoopProgram], layout: Layout, prefix: str) -> str:
    """The table of addresses that the programs choose from."""
    places = next((program.places for program in programs if program.places), ())
    if any(program.places not in ((), places) for program in programs):
        raise InternalError("the programs choose from different places")
    numbers = (str(layout.address(place.array, place.index).start) for place in places)
    return f"static const int {prefix}places[] = {{{', '.join(numbers)}}};" if places else ""


def _comment(labels: Iterable[str]) -> str:
    told = list(labels)
    if len(told) > _MOST:
        told[_MOST:] = [f"and {len(told) - _MOST} more"]
    return f"/* {f'{chr(10)}   '.join(told)} */\n" if told else ""
