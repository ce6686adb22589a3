"""Memory struct: the arrays of a layout as a type in C.

In: a `Layout`. Out: the text of a struct whose members are the arrays, each where the layout has it, and of what fills
those with constants. A pointer to the memory is a pointer to this struct.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from textwrap import fill, indent
from typing import TypeAlias

from ..loops.layout import Layout
from ..loops.loop_ir import MEMORY, Affine, Array, Expr, Fold, Gather, Load, LoopProgram, Run, parts_of
from ..loops.name_arrays import corners
from .print_c import number_text

__all__ = ["constants_text", "memory_struct", "read_constants"]

_Placed: TypeAlias = tuple[Array, int, Sequence[Array]]


def memory_struct(layout: Layout, name: str, number: str = "double", outside: str = "") -> str:
    """The type.

    Args:
        number: the type of numbers, ``double`` or ``float``.
        outside: the array that comes last and is no part of the memory: it gets a type of its own, NAME_weights, and
            the macro `WEIGHTS` is a pointer to it, which the memory `m` has.
    """
    inside = [placed for placed in layout.placed if placed[0].name != outside]
    end = layout.named(outside)[1] if outside else layout.size
    if not outside:
        text = f"typedef struct {{\n{_members(inside, end, number)}\n}} {name};\n"
        check = f"typedef char {name}_has_its_size[sizeof({name}) == {layout.size} * sizeof({number}) ? 1 : -1];"
        return f"/* The memory. */\n{text}{check}\n"
    array, parts = next((array, parts) for array, _, parts in layout.placed if array.name == outside)
    weights = "\n".join(_union(array, parts, number, "    "))
    pointer = f"    const {number} *OUTSIDE;\n"
    return (
        f"/* What does not change. */\ntypedef union {{\n{weights}\n}} {name}_weights;\n"
        f"#define WEIGHTS ((const {name}_weights *)m->OUTSIDE)\n"
        f"/* The memory. */\ntypedef struct {{\n{pointer}{_members(inside, end, number)}\n}} {name};\n"
    )


def _members(placed: Sequence[_Placed], end: int, number: str) -> str:
    """Arrays, up to address `end`."""
    lines, at = list[str](), placed[0][1] if placed else end
    gap = (f"{number} gap{place}[%d];" for place in count())
    for together in _together(placed):
        (array, start, parts), *others = together
        if start > at:
            lines.append(f"    {next(gap) % (start - at)}")
        if others:
            about = "what is dead before others are computed has room in common with these"
            lines.append(f"    __extension__ union {{ /* {about} */")
            for apart in _rows(together):
                lines.append("        __extension__ struct {")
                at = start
                for array, first, _ in apart:
                    if first > at:
                        lines.append(f"            {next(gap) % (first - at)}")
                    lines.append(f"            {_member(array, number)}")
                    at = first + array.size
                lines.append("        };")
            lines.append("    };")
            array, start, _ = max(together, key=lambda placed: placed[1] + placed[0].size)
        elif parts:
            about = _plain(array.about) or f"{array.name} in one, and its parts"
            # Without a name they are C11; this keyword lets C99 have them under -pedantic-errors.
            lines += [f"    __extension__ union {{ /* {about} */", *_union(array, parts, number, "        "), "    };"]
        else:
            lines.append(f"    {_member(array, number)}")
        at = start + array.size
    if end > at:
        lines.append(f"    {next(gap) % (end - at)}")
    return "\n".join(lines)


def _together(placed: Sequence[_Placed]) -> Iterator[list[_Placed]]:
    """Arrays in the order of memory, those together of which each shares addresses with another one."""
    group: list[_Placed] = []
    end = 0
    for each in placed:
        if group and each[1] >= end:
            yield group
            group = []
        group.append(each)
        end = max(end, each[1] + each[0].size)
    if group:
        yield group


def _rows(placed: Sequence[_Placed]) -> list[list[_Placed]]:
    """The same in rows of arrays that share none."""
    rows: list[list[_Placed]] = []
    for each in placed:
        row = next((row for row in rows if row[-1][1] + row[-1][0].size <= each[1]), None)
        if row is None:
            rows.append([each])
        else:
            row.append(each)
    return rows


def _member(array: Array, number: str) -> str:
    return _declared(array, number) + (f" /* {_plain(array.about)} */" if array.about else "")


def _union(array: Array, parts: Sequence[Array], number: str, indent: str) -> Iterator[str]:
    yield f"{indent}{_declared(array, number)}"
    if parts:
        yield f"{indent}__extension__ struct {{"
        yield from (f"{indent}    {_declared(part, number)}" for part in parts)
        yield f"{indent}}};"


def _declared(array: Array, number: str) -> str:
    return f"{number} {array.name}{''.join(f'[{extent}]' for extent in array.shape)};"


def _plain(text: str) -> str:
    return text.replace("*/", "* /").replace("/*", "/ *")


def read_constants(layout: Layout, programs: Iterable[LoopProgram]) -> dict[int, str]:
    """By address, the constants that programs may read from memory: in hexadecimal. Most stand in kernels instead."""
    read: set[int] = set()
    for program in programs:
        read.update(layout.address(place.array, place.index).start for place in program.places)
        for nest in program.nests:
            for array, low, high in _reads(nest.body.value, [loop.trips for loop in nest.loops]):
                if array == MEMORY:
                    return dict(sorted(layout.constants.items()))
                if array.space == "constant":
                    read.update(range(layout.start(array) + low, layout.start(array) + high + 1))
    return {address: layout.constants[address] for address in sorted(read & layout.constants.keys())}


def _reads(expr: Expr, counts: list[Affine]) -> Iterator[tuple[Array, int, int]]:
    """The arrays that an expression reads, from which element to which; all of one that an index chooses from."""
    match expr:
        case Load():
            flat = expr.array.flat(expr.index)
            numbers = [flat.at(point) for point in corners(counts)]
            yield expr.array, min(numbers), max(numbers)
        case Gather():
            yield expr.array, 0, expr.array.size - 1
        case Fold():
            for run in expr.runs:
                yield from _run_reads(run, counts)
        case _:
            for part in parts_of(expr):
                yield from _reads(part, counts)


def _run_reads(run: Run, counts: list[Affine]) -> Iterator[tuple[Array, int, int]]:
    inside = [*counts, run.count]
    for part in run.parts:
        yield from _run_reads(part, inside) if isinstance(part, Run) else _reads(part, inside)


def constants_text(
    layout: Layout, constants: Mapping[int, str], prefix: str, memory: str, number: str = "double"
) -> str:
    """A function that writes constants into memory: ``static void PREFIXset_constants(MEMORY *m)``."""
    tables, lines = [], []
    for array, start, _ in layout.placed:
        places = [address - start for address in constants if start <= address < start + array.size]
        if not places:
            continue
        first, name = places[0], f"{prefix}{array.name}_table"
        texts = [constants.get(start + place, "0x0p+0") for place in range(first, places[-1] + 1)]
        values = indent(
            fill(", ".join(number_text(text, number) for text in texts), 116, break_on_hyphens=False), "    "
        )
        # Read as volatile: GCC 12 makes a broadcast of eight known doubles that are equal but for zeros at their end.
        tables.append(f"static const {number} {name}[] = {{\n{values}\n}};\n")
        place = f"{first} + i" if first else "i"
        value = f"((const volatile {number} *){name})[i]"
        lines.append(f"    for (long i = 0; i < {len(texts)}; i++) m->{array.name}[{place}] = {value};\n")
    head = f"static void {prefix}set_constants({memory} *m)\n{{\n    (void)m;\n"
    return f"{''.join(tables)}{head}{''.join(lines)}}}\n"
