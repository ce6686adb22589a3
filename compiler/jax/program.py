"""Programs of statements: what `emit_jax` prints.

In: a program of loops, over whole numbers or over named sizes. Out: an `ArrayProgram`. Dimensions of extent one are
gone; an array whose parts are assigned and read apart, such as those of two layers, is several arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeAlias

from ..loops.loop_ir import Array, Gather, Load, LoopProgram, walk
from ..loops.map_numbers import NumberMap
from .linear import Linear, Size, size_of
from .statements import Axis, Call, Item, Node, Statement, Sum, Term, items, put, statement_of

__all__ = ["ArrayProgram", "Block", "array_name", "array_program", "hull", "interval", "is_positive"]

_ONE = size_of(1)
# Of each array the places where it is assigned (True) or read: for each dimension, between which numbers.
_Regions: TypeAlias = dict[str, list[tuple[bool, list[tuple[Size, Size] | None]]]]


@dataclass(frozen=True)
class Block:
    """An array.

    Attributes:
        name, shape, space, of: as of the array of the loop IR.
    """

    name: str
    shape: tuple[Size, ...]
    space: str
    of: str = ""


@dataclass(frozen=True)
class ArrayProgram:
    """Statements over arrays.

    Attributes:
        name: of the program.
        arrays: by name.
        statements: in order.
        places: elements that an index chooses from.
        zeroed: arrays that begin as zeros.
        padded: names of sizes that vary from call to call, and of what arrays have room for.
    """

    name: str
    arrays: Mapping[str, Block]
    statements: tuple[Statement, ...]
    places: tuple[Item, ...] = ()
    zeroed: frozenset[str] = frozenset()
    padded: Mapping[str, str] = field(default_factory=dict)


def array_program(
    program: LoopProgram, padded: Mapping[str, str] | None = None, unrolled: Sequence[str] = ()
) -> ArrayProgram:
    """Makes statements of nests.

    Args:
        padded: sizes that vary from call to call, and the sizes that arrays have in their place.
        unrolled: names of loops that are written out, such as those over layers.
    """
    padded = padded or {}
    program = _renamed(program)
    arrays = {
        array.name: Block(
            array.name, tuple(size_of(extent).replaced(padded) for extent in array.shape), array.space, array.of
        )
        for array in _arrays(program)
    }
    statements = [part for nest in program.nests for part in _unrolled(statement_of(nest), unrolled)]
    places = tuple(
        Item(place.array.name, tuple(Linear(size_of(part.start)) for part in place.index)) for place in program.places
    )
    zeroed = frozenset(span.array.name for span in program.zeros)
    found = ArrayProgram(program.name, arrays, tuple(statements), places, zeroed, padded)
    return _without_unit_dimensions(_split(_without_unit_dimensions(found)))


# What generated code calls its own.
_TAKEN = frozenset(("jax", "jnp", "lax", "dtype", "index", "state", "count", "length", "tokens", "targets"))


def array_name(name: str) -> str:
    """What an array of the loop IR is called in JAX."""
    return f"{name}_" if name in _TAKEN else name


def _renamed(program: LoopProgram) -> LoopProgram:
    change = NumberMap(
        lambda number: number, lambda text: text, lambda array: replace(array, name=array_name(array.name))
    )
    return replace(program, nests=change(program.nests), places=change(program.places), zeros=change(program.zeros))


def _arrays(program: LoopProgram) -> list[Array]:
    found = {span.array: None for span in program.zeros} | {place.array: None for place in program.places}
    for nest in program.nests:
        found[nest.body.array] = None
        found.update((part.array, None) for part in walk(nest.body.value) if isinstance(part, Load | Gather))
    return list(found)


def _unrolled(statement: Statement, names: Sequence[str]) -> Iterable[Statement]:
    for axis in statement.axes:
        trips = axis.high.start.number
        if axis.name in names and trips is not None and axis.low == Linear() and not axis.high.steps:
            rest = replace(statement, axes=tuple(each for each in statement.axes if each is not axis))
            for turn in range(trips):
                yield from _unrolled(put(rest, {axis.name: Linear(size_of(turn))}), names)
            return
    yield statement


def is_positive(size: Size) -> bool:
    """Whether a size is never below zero, as far as is known: every name stands for at least one."""
    total = Size()
    for names, factor in size.terms:
        # With 1 + n for n: `n_embd - 1` has no term below zero then.
        part = Size((((), factor),))
        for name in names:
            part *= _ONE + Size((((name,), Fraction(1)),))
        total += part
    return all(factor >= 0 for _, factor in total.terms)


def hull(axes: Sequence[Axis], padded: Mapping[str, str]) -> dict[str, tuple[Size, Size]] | None:
    """For each variable the least and, plus one, the greatest number that it can be; None if that is not known."""
    found: dict[str, tuple[Size, Size]] = {}
    for axis in axes:
        low = interval(axis.low.replaced(padded), found)
        high = interval(axis.high.replaced(padded), found)
        if low is None or high is None:
            return None
        found[axis.name] = low[0], high[1] - _ONE
    return found


def interval(linear: Linear, hulls: Mapping[str, tuple[Size, Size]]) -> tuple[Size, Size] | None:
    """The least and, plus one, the greatest value; None if that is not known."""
    low = high = linear.start
    for name, step in linear.steps:
        if name not in hulls:
            return None
        first, last = hulls[name][0], hulls[name][1] - _ONE
        if is_positive(step):
            low, high = low + step * first, high + step * last
        elif step.is_negative:
            low, high = low + step * last, high + step * first
        else:
            return None
    return low, high + _ONE


def _without_unit_dimensions(program: ArrayProgram) -> ArrayProgram:
    uses: dict[str, int] = {}
    for item in _all_items(program):
        uses[item.array] = min(uses.get(item.array, 99), len(item.index))
    kept: dict[str, list[int]] = {}
    arrays = {}
    for name, array in program.arrays.items():
        # Of an index with fewer numbers, the last one counts through all dimensions that are left.
        count = uses.get(name, len(array.shape))
        last = count if count == len(array.shape) else count - 1
        kept[name] = [place for place, extent in enumerate(array.shape) if extent != _ONE or place >= last]
        arrays[name] = replace(array, shape=tuple(array.shape[place] for place in kept[name]))

    def shorter(found: Item) -> Item:
        places = [place for place in range(len(found.index)) if place in kept[found.array]]
        stride = tuple(found.stride[place] for place in places) if found.stride else ()
        return Item(found.array, tuple(found.index[place] for place in places), stride, found.chosen)

    return _with_items(replace(program, arrays=arrays), shorter)


def _all_items(program: ArrayProgram) -> Iterable[Item]:
    yield from program.places
    for statement in program.statements:
        yield from items(statement)


def _with_items(program: ArrayProgram, rule: Callable[[Item], Item]) -> ArrayProgram:
    def changed(node: Node) -> Node:
        match node:
            case Item():
                return rule(node)
            case Call():
                return Call(node.op, tuple(map(changed, node.operands)))
            case Sum():
                return Sum(node.op, tuple(Term(term.axes, changed(term.value)) for term in node.terms))
        return node

    statements = tuple(
        replace(each, target=rule(each.target), value=changed(each.value)) for each in program.statements
    )
    return replace(program, statements=statements, places=tuple(map(rule, program.places)))


def _split(program: ArrayProgram) -> ArrayProgram:
    """Makes several arrays of one whose parts are assigned and read apart."""
    regions: _Regions = {}
    for statement in program.statements:
        _note_regions(statement, program, regions)
    for item in program.places:
        regions.setdefault(item.array, []).append((False, [None for _ in item.index]))
    for name, found in regions.items():
        array = program.arrays[name]
        if array.space != "value":
            continue
        count = min(len(index) for _, index in found)
        for place in range(count if count == len(array.shape) else count - 1):
            parts = _parts([(stores, index[place]) for stores, index in found])
            if parts:
                return _split(_split_at(program, array, place, parts))
    return program


def _note_regions(statement: Statement, program: ArrayProgram, regions: _Regions) -> None:
    def note(item: Item, axes: Sequence[Axis], stores: bool) -> None:
        hulls = hull(axes, program.padded) or {}
        index = [
            None if item.stride and item.stride[place].terms else interval(part.replaced(program.padded), hulls)
            for place, part in enumerate(item.index)
        ]
        regions.setdefault(item.array, []).append((stores, index))

    def visit(node: Node, axes: Sequence[Axis]) -> None:
        match node:
            case Item():
                note(node, axes, False)
            case Call():
                for part in node.operands:
                    visit(part, axes)
            case Sum():
                for term in node.terms:
                    visit(term.value, [*axes, *term.axes])

    note(statement.target, statement.axes, True)
    visit(statement.value, statement.axes)


def _parts(found: Sequence[tuple[bool, tuple[Size, Size] | None]]) -> list[tuple[Size, Size]]:
    """The parts of a dimension, if it has more than one."""
    parts = list(dict.fromkeys(part for stores, part in found if stores and part))
    if len(parts) < 2 or any(part is None for _, part in found):
        return []
    for at, (_, high) in enumerate(sorted(parts, key=lambda part: str(part[0]))):
        for low, _ in sorted(parts, key=lambda part: str(part[0]))[at + 1 :]:
            other = next(end for start, end in parts if start == low)
            first = next(start for start, end in parts if end == high)
            if not (is_positive(low - high) or is_positive(first - other)):
                return []
    for _, part in found:
        assert part is not None
        if not any(is_positive(part[0] - low) and is_positive(high - part[1]) for low, high in parts):
            return []
    return parts


def _split_at(program: ArrayProgram, array: Block, place: int, parts: Sequence[tuple[Size, Size]]) -> ArrayProgram:
    arrays = dict(program.arrays)
    names = []
    for number, (low, high) in enumerate(parts):
        suffix = str(low) if high - low == _ONE else str(number)
        name = f"{array.name}_{suffix}"
        while name in arrays:
            name += "_"
        names.append(name)
        shape = (*array.shape[:place], high - low, *array.shape[place + 1 :])
        arrays[name] = replace(array, name=name, shape=shape)
    del arrays[array.name]

    def moved(item: Item, axes: Sequence[Axis]) -> Item:
        if item.array != array.name:
            return item
        found = interval(item.index[place].replaced(program.padded), hull(axes, program.padded) or {})
        assert found is not None
        for name, (low, high) in zip(names, parts, strict=True):
            if is_positive(found[0] - low) and is_positive(high - found[1]):
                index = list(item.index)
                index[place] -= Linear(low)
                return Item(name, tuple(index), item.stride, item.chosen)
        raise AssertionError(item)

    def visit(node: Node, axes: Sequence[Axis]) -> Node:
        match node:
            case Item():
                return moved(node, axes)
            case Call():
                return Call(node.op, tuple(visit(part, axes) for part in node.operands))
            case Sum():
                terms = (Term(term.axes, visit(term.value, [*axes, *term.axes])) for term in node.terms)
                return Sum(node.op, tuple(terms))
        return node

    statements = tuple(
        replace(each, target=moved(each.target, each.axes), value=visit(each.value, each.axes))
        for each in program.statements
    )
    return replace(program, arrays=arrays, statements=statements)
