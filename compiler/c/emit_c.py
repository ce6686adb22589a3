"""Emit C: programs of loop nests become functions that call kernels, which they share.

In: loop programs over one memory, and their kernels. Out: the text of these, of the routines that programs have in
common, and of one function a program; and which lines carry out which nests. Comments say which lines of the model a
kernel carries out, and which arrays a call writes to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..errors import InternalError
from ..kernels.expressions import Place, Sum
from ..kernels.kernel_ir import KernelProgram
from ..kernels.merge import Routed, Routine, Series, merge
from ..loops.layout import Layout
from ..loops.loop_ir import LoopProgram
from ..loops.loop_ir import Span as Zeros
from .print_c import Printer

__all__ = ["CText", "Span", "emit_c"]

# More labels than this are not told one by one.
_MOST = 6

_UNUSED = ["    (void)m;", "    (void)ix;"]
# A program, and what it sets to zero.
_Member = tuple[Routed, tuple[Zeros, ...]]


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
        routines: the functions of calls that programs have in common.
        programs: the functions of programs, by name.
        values: by name of a program, of the parameters of its routine, as C.
        kernel_of: by name of a program, for each of its nests the number of its kernel.
        call_of: by name of a program, for each of its nests the line that calls its kernel.
        first_zero: by name of a program, the first of the lines that set memory to zero, one for each of
            ``LoopProgram.zeros``.
    """

    text: str
    kernels: tuple[Span, ...]
    routines: tuple[Span, ...]
    programs: Mapping[str, Span]
    values: Mapping[str, Mapping[str, str]]
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
    series: Sequence[Series] = (),
) -> CText:
    """C for `programs`, as ``static void name(PREFIXmemory *m, const int *ix)`` each; to stand behind `prelude` and
    `memory_struct`.

    Args:
        compiled: the kernels of the programs.
        layout: of their memory.
        prefix: of the names of kernels, tables and the memory's type.
        number: the type of numbers, ``double`` or ``float``.
        outside: the array of arguments that `WEIGHTS` points to, if that is no part of the memory.
        series: those of which some programs are given, the others are to be written, too.

    Raises:
        NotRegularError: if the programs of a series that are given do not say what the others are.
    """
    memory = f"{prefix}memory"
    printer = Printer(prefix, number, outside, compiled.divided)
    text = _Text(_places(programs, layout, prefix))
    kernels: list[Span] = []
    for place, kernel in enumerate(compiled.kernels):
        name = f"{prefix}kernel{place}"
        kernels.append(text.add(name, _comment(kernel.labels) + printer.kernel_text(kernel, name, memory)))
    return _with_programs(text, kernels, compiled, printer, memory, programs, names, series)


def _with_programs(
    text: _Text,
    kernels: Sequence[Span],
    compiled: KernelProgram,
    printer: Printer,
    memory: str,
    programs: Sequence[LoopProgram],
    names: Sequence[str],
    series: Sequence[Series],
) -> CText:
    """The functions of programs, behind the kernels."""
    routines, merged = merge(compiled.calls)
    given = dict(zip(names, zip(merged, (program.zeros for program in programs), strict=True), strict=True))
    members = dict(_continued(given, series))
    users = Counter(routed.routine for routed, _ in members.values())

    def calls_text(routine: Routine) -> Iterator[str]:
        for call in routine.calls:
            arguments = "".join(f", {printer.argument_text(argument)}" for argument in call.arguments)
            head = "meet(t); " * call.meets
            if compiled.kernels[call.kernel].divided:
                arguments = f", t{arguments}"
            elif compiled.divided:
                head += "if (!t->number) "
            yield f"    {head}{kernels[call.kernel].name}(m, ix{arguments}); /* {', '.join(call.arrays)} */"

    shared: dict[int, Span] = {}
    for place, routine in enumerate(routines):
        if users[place] > 1 and routine.calls:
            name = f"{printer.prefix}routine{len(shared)}"
            head = [f"static NOINLINE void {name}({printer.parameters_text(routine, memory)})", "{"]
            shared[place] = text.add(name, "\n".join([*head, *calls_text(routine), "}"]))
    spans: dict[str, Span] = {}
    values: dict[str, dict[str, str]] = {}
    kernel_of: dict[str, tuple[int, ...]] = {}
    call_of: dict[str, tuple[int, ...]] = {}
    first_zero: dict[str, int] = {}
    for name, (routed, zeros) in members.items():
        routine, own = routines[routed.routine], shared.get(routed.routine)
        texts = list(map(printer.argument_text, routed.values))
        values[name] = {parameter.name: value for parameter, value in zip(routine.parameters, texts, strict=True)}
        lines = [f"static void {name}({memory} *m, const int *ix{', team *t' * compiled.divided})", "{"]
        lines += [] if own else [*_UNUSED, *["    (void)t;"] * compiled.divided]
        before = len(lines)
        for span in zeros:
            start = printer.address_text(Place(span.array, (Sum(span.start),)))
            alone = "if (!t->number) " * compiled.divided
            lines.append(f"    {alone}memset({start}, 0, {span.size} * sizeof({printer.number}));")
        first = len(lines)
        arguments = ["m", "ix", *["t"] * compiled.divided, *texts]
        lines += [f"    {own.name}({', '.join(arguments)});"] if own else calls_text(routine)
        spans[name] = text.add(name, "\n".join([*lines, "}"]))
        first_zero[name] = spans[name].start + before
        calls = list(enumerate(routine.calls, own.start + 2 if own else spans[name].start + first))
        kernel_of[name] = tuple(call.kernel for _, call in calls for _ in range(call.nests))
        call_of[name] = tuple(line for line, call in calls for _ in range(call.nests))
    whole = "\n".join(text.lines) + "\n"
    return CText(whole, tuple(kernels), tuple(shared.values()), spans, values, kernel_of, call_of, first_zero)


def _continued(given: Mapping[str, _Member], series: Sequence[Series]) -> Iterator[tuple[str, _Member]]:
    """All programs: those of each series together, in its order."""
    first = {each.names[each.made[0]]: each for each in series}
    others = {each.names[number] for each in series for number in each.made[1:]}
    for name, member in given.items():
        if name in first:
            whole = first[name]
            made = [given[whole.names[number]][0] for number in whole.made]
            for number, each in whole.names.items():
                yield each, given.get(each) or (whole.between(made, number), whole.zeros(number))
        elif name not in others:
            yield name, member


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
