"""Statements: loop nests with named variables, arranged for arrays.

In: a nest of the loop IR. Out: a `Statement`, in which loops and runs of folds are *axes* with bounds, and an index is
a linear form in them. The order of a sum is free from here on (the target is not exact), so runs that count down are
turned around, runs that begin at another loop's turn are moved there, and a pair of loops that walks through rows and
columns in one becomes one loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

from ..ir.ops import OPS
from ..loops.loop_ir import AddAt, Affine, Const, Equal, Expr, Fold, Gather, Load, Nest, Op, Pick, Run
from .linear import Linear, Size, size_of

__all__ = [
    "Axis",
    "Call",
    "Choice",
    "Item",
    "Node",
    "Number",
    "Picked",
    "Statement",
    "Sum",
    "Term",
    "change",
    "items",
    "put",
    "statement_of",
]

_ONE = size_of(1)
# A node, an axis, a statement or a term.
T = TypeVar("T")
S = TypeVar("S", "Statement", "Term")


@dataclass(frozen=True, slots=True)
class Axis:
    """A variable from `low` to below `high`, which are linear in the variables outside."""

    name: str
    low: Linear
    high: Linear


@dataclass(frozen=True, slots=True)
class Number:
    """A constant: its text in the loop IR, or a rule over sizes."""

    value: Any


@dataclass(frozen=True, slots=True)
class Item:
    """An element of an array; where an index chooses, `stride` times number `chosen` of it is added."""

    array: str
    index: tuple[Linear, ...]
    stride: tuple[Size, ...] = ()
    chosen: Linear | None = None


@dataclass(frozen=True, slots=True)
class Picked:
    """Place `start` plus number `chosen` of the index."""

    start: Linear
    chosen: Linear


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether number `chosen` of the index is `number`."""

    chosen: Linear
    number: Linear


@dataclass(frozen=True, slots=True)
class Call:
    """An operation, by its name."""

    op: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """What is summed over its axes, outermost first."""

    axes: tuple[Axis, ...]
    value: Node


@dataclass(frozen=True, slots=True)
class Sum:
    """A fold: all terms combined by an operation."""

    op: str
    terms: tuple[Term, ...]


Node: TypeAlias = Number | Item | Picked | Choice | Call | Sum


@dataclass(frozen=True, slots=True)
class Statement:
    """Assigns to an element, or adds to it, at all points of its axes.

    Attributes:
        axes: outermost first.
        target: the element.
        value: what is assigned or added.
        adds: whether it is added.
        label, recurrence: as of the nest.
    """

    axes: tuple[Axis, ...]
    target: Item
    value: Node
    adds: bool
    label: str
    recurrence: int


def change(node: Any, rule: Callable[[Linear], Linear]) -> Any:
    """A node, an axis or a statement with other linear forms."""
    match node:
        case Linear():
            return rule(node)
        case tuple():
            return tuple(change(part, rule) for part in node)
        case Item():
            chosen = node.chosen and rule(node.chosen)
            return Item(node.array, change(node.index, rule), node.stride, chosen)
        case Picked():
            return Picked(rule(node.start), rule(node.chosen))
        case Choice():
            return Choice(rule(node.chosen), rule(node.number))
        case Call():
            return Call(node.op, change(node.operands, rule))
        case Sum():
            return Sum(node.op, change(node.terms, rule))
        case Term():
            return Term(change(node.axes, rule), change(node.value, rule))
        case Axis():
            return Axis(node.name, rule(node.low), rule(node.high))
        case Statement():
            axes, target, value = change((node.axes, node.target, node.value), rule)
            return replace(node, axes=axes, target=target, value=value)
    return node


def put(node: T, values: Mapping[str, Linear]) -> T:
    """The same with linear forms in the place of variables."""
    found: T = change(node, lambda linear: linear.put(values))
    return found


def items(node: Any) -> Iterator[Item]:
    """The elements that a node reads; of a statement, its target too."""
    match node:
        case tuple():
            for part in node:
                yield from items(part)
        case Item():
            yield node
        case Call():
            yield from items(node.operands)
        case Sum():
            yield from items(tuple(term.value for term in node.terms))
        case Statement():
            yield from items((node.target, node.value))


def _linears(node: Any) -> Iterator[Linear]:
    """The linear forms of indices, not of bounds."""
    found: list[Linear] = []

    def note(linear: Linear) -> Linear:
        found.append(linear)
        return linear

    change(node, note)
    bounds: list[Linear] = []
    _collect_bounds(node, bounds)
    for bound in bounds:
        found.remove(bound)
    yield from found


def _collect_bounds(node: Any, found: list[Linear]) -> None:
    match node:
        case tuple():
            for part in node:
                _collect_bounds(part, found)
        case Call():
            _collect_bounds(node.operands, found)
        case Sum():
            _collect_bounds(node.terms, found)
        case Term():
            _collect_bounds((node.axes, node.value), found)
        case Axis():
            found += (node.low, node.high)
        case Statement():
            _collect_bounds((node.axes, node.value), found)


def statement_of(nest: Nest) -> Statement:
    """The statement of a nest."""
    maker = _Maker()
    names: list[str] = []
    axes = []
    for loop in nest.loops:
        trips = maker.linear(loop.trips, names)
        names.append(maker.name(loop.name or "ijmnqrst"[len(names) % 8]))
        axes.append(Axis(names[-1], Linear(), trips))
    body = nest.body
    stride = tuple(map(size_of, body.stride)) if isinstance(body, AddAt) else ()
    chosen = maker.linear(body.chosen, names) if isinstance(body, AddAt) else None
    index = tuple(maker.linear(part, names) for part in body.index)
    target = Item(body.array.name, index, stride, chosen)
    value = maker.node(body.value, names)
    found = Statement(tuple(axes), target, value, isinstance(body, AddAt), nest.label, nest.recurrence)
    return _arranged(found)


class _Maker:
    """Gives variables names."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def name(self, wanted: str) -> str:
        found, number = wanted, 1
        while found in self.taken:
            number += 1
            found = f"{wanted}{number}"
        self.taken.add(found)
        return found

    def linear(self, affine: Affine, names: Sequence[str]) -> Linear:
        total = Linear(size_of(affine.start))
        for name, step in zip(names, affine.steps, strict=False):
            total += Linear.of(name).times(size_of(step))
        return total

    def node(self, expr: Expr, names: Sequence[str]) -> Node:
        match expr:
            case Const():
                return Number(expr.text)
            case Load():
                return Item(expr.array.name, self._index(expr.index, names))
            case Gather():
                stride = tuple(map(size_of, expr.stride))
                return Item(expr.array.name, self._index(expr.index, names), stride, self.linear(expr.chosen, names))
            case Pick():
                return Picked(self.linear(expr.start, names), self.linear(expr.chosen, names))
            case Equal():
                return Choice(self.linear(expr.chosen, names), self.linear(expr.number, names))
            case Op():
                return Call(OPS[expr.op].name, tuple(self.node(part, names) for part in expr.operands))
            case Fold():
                terms = [term for run in expr.runs for term in self._terms(run, names)]
                return Sum(OPS[expr.op].name, tuple(terms))
        raise TypeError(expr)

    def _index(self, index: Sequence[Affine], names: Sequence[str]) -> tuple[Linear, ...]:
        return tuple(self.linear(part, names) for part in index)

    def _terms(self, run: Run, names: Sequence[str]) -> Iterator[Term]:
        count = self.linear(run.count, names)
        for part in run.parts:
            name = self.name("k")
            axis = Axis(name, Linear(), count)
            inside = [*names, name]
            found = self._terms(part, inside) if isinstance(part, Run) else [Term((), self.node(part, inside))]
            for term in found:
                yield Term((axis, *term.axes), term.value)


def _arranged(statement: Statement) -> Statement:
    """With variables that arrays like."""
    for axis in statement.axes:
        if not statement.recurrence or axis.name != statement.axes[0].name:
            statement = _turned(statement, axis.name)
    statement = _without_single(statement)
    value = _arranged_sums(statement.value, {axis.name: axis for axis in statement.axes})
    return _joined(replace(statement, value=value), first=int(statement.recurrence > 0))


def _turned(node: S, variable: str) -> S:
    """Counts up where most indices count down."""
    axis = _axis(node, variable)
    down = sum(linear.step(variable).is_negative for linear in _linears(node))
    up = sum(bool(linear.step(variable).terms) for linear in _linears(node)) - down
    if down <= up or axis.low != Linear():
        return node
    other = axis.high - Linear(_ONE) - Linear.of(variable)
    if any(variable in each.high.variables for each in node.axes):
        return node
    return put(node, {variable: other})


def _axis(node: Statement | Term, variable: str) -> Axis:
    return next(axis for axis in node.axes if axis.name == variable)


def _without_single(node: S) -> S:
    """Without variables that have one value."""
    gone = {axis.name: axis.low for axis in node.axes if axis.high - axis.low == Linear(_ONE)}
    if not gone:
        return node
    return put(replace(node, axes=tuple(axis for axis in node.axes if axis.name not in gone)), gone)


def _arranged_sums(node: Node, outer: Mapping[str, Axis]) -> Node:
    match node:
        case Call():
            return Call(node.op, tuple(_arranged_sums(part, outer) for part in node.operands))
        case Sum():
            return Sum(node.op, tuple(_arranged_term(term, outer) for term in node.terms))
    return node


def _arranged_term(term: Term, outer: Mapping[str, Axis]) -> Term:
    term = _without_single(term)
    for axis in term.axes:
        term = _turned(term, axis.name)
    for axis in term.axes:
        term = _moved(term, axis.name)
    inside = {**outer, **{axis.name: axis for axis in term.axes}}
    return _joined(Term(term.axes, _arranged_sums(term.value, inside)))


def _moved(term: Term, variable: str) -> Term:
    """Begins a run where most indices begin it, if that is at the turn of another loop."""
    shifts: dict[Linear, int] = {}
    for linear in _linears(term.value):
        if linear.step(variable) == _ONE:
            others = [(name, step) for name, step in linear.steps if name != variable]
            unit = tuple((name, step) for name, step in others if step in (_ONE, -_ONE))
            found = Linear(Size(), unit)
            shifts[found] = shifts.get(found, 0) + 1
    best = max(shifts, key=lambda each: shifts[each], default=Linear())
    if best == Linear() or any(variable in axis.high.variables for axis in term.axes):
        return term
    axes = tuple(
        Axis(axis.name, axis.low + best, axis.high + best) if axis.name == variable else axis for axis in term.axes
    )
    return Term(axes, put(term.value, {variable: Linear.of(variable) - best}))


def _joined(node: S, first: int = 0) -> S:
    """Two variables that every index walks through as one become one; those before the `first` stay."""
    for outer in node.axes[first:]:
        for inner in node.axes[first:]:
            joined = _join(node, outer, inner) if outer is not inner else None
            if joined is not None:
                return _joined(joined, first)
    return node


def _join(node: S, outer: Axis, inner: Axis) -> S | None:
    columns = inner.high
    if outer.low != Linear() or inner.low != Linear() or columns.steps or outer.high.steps:
        return None
    bounds: list[Linear] = []
    _collect_bounds(node, bounds)
    if any({outer.name, inner.name} & bound.variables for bound in bounds):
        return None
    for linear in _linears(node):
        if linear.step(outer.name) != linear.step(inner.name) * columns.start:
            return None
    axis = Axis(inner.name, Linear(), Linear(outer.high.start * columns.start))
    axes = tuple(axis if each is inner else each for each in node.axes if each is not outer)
    # The outer variable goes; the inner one counts through both.
    return put(replace(node, axes=axes), {outer.name: Linear()})
