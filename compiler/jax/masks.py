"""Masks: where a triangle, or a sequence shorter than its array, has to be cut out of whole arrays.

A loop whose bound is not that of its array runs over all of the array. What it computes outside of its own *domain* is
never read by itself, but a sum over the array must not add it. So either the terms are zero there, or they are masked.
Terms are zero where a factor is: what is known to be zero is followed from statement to statement, and where nothing is
known, the earliest statement from which zero would follow is masked. The backward pass of a padded sequence is zero
beyond its end because the first gradient is.

Masked, too, is what may be infinite outside of a triangle: infinity times zero is no zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .linear import Linear, size_of
from .program import ArrayProgram, hull
from .spelling import HOMOGENEOUS, TOTAL
from .statements import Axis, Call, Item, Node, Number, Statement, Sum, Term, items

__all__ = ["Masks", "constraints_of"]

_ONE = Linear(size_of(1))


def constraints_of(axes: Sequence[Axis], padded: Mapping[str, str]) -> frozenset[Linear]:
    """What must not be negative at the points of some axes, where that is more than that they are in their arrays."""
    found = set()
    for axis in axes:
        own = Linear.of(axis.name)
        if axis.low.steps:
            found.add(own - axis.low)
        if axis.high.steps or axis.high != axis.high.replaced(padded):
            found.add(axis.high - _ONE - own)
    return frozenset(found)


class Masks:
    """What has to be masked.

    Attributes:
        masked: for statements, by number, the constraints outside of which the value is set to zero.
    """

    def __init__(self, program: ArrayProgram) -> None:
        self.program = program
        self.definitions = _definitions(program)
        self.masked: dict[int, set[Linear]] = {}
        for number, statement in enumerate(program.statements):
            triangle = {each for each in self._domain(statement) if not self._is_padding(each)}
            if triangle and not statement.adds and not is_total(statement.value):
                self.masked[number] = triangle
        self.zero: dict[str, frozenset[Linear]] = {}
        self._find_zeros()
        while self._mask_one():
            self._find_zeros()

    def _domain(self, statement: Statement) -> frozenset[Linear]:
        return constraints_of(statement.axes, self.program.padded)

    def _is_padding(self, constraint: Linear) -> bool:
        return constraint != constraint.replaced(self.program.padded)

    def unmet(self, term: Term) -> frozenset[Linear]:
        """The constraints of a term's axes that have to be masked where it is summed."""
        wanted = constraints_of(term.axes, self.program.padded)
        if not wanted:
            return wanted
        known = self.zeros(term.value)
        total = is_total(term.value)
        return frozenset(each for each in wanted if each not in known or not (total or self._is_padding(each)))

    def unmet_of(self, number: int) -> frozenset[Linear]:
        """The same of a statement whose result must be zero outside: it is an output, or it adds."""
        statement = self.program.statements[number]
        if not (statement.adds or self.program.arrays[statement.target.array].space == "output"):
            return frozenset()
        domain = self._domain(statement)
        return frozenset(domain - self.zeros(statement.value) - self.masked.get(number, set()))

    def zeros(self, node: Node) -> frozenset[Linear]:
        """Constraints outside of which a node is zero."""
        match node:
            case Item():
                known = self.zero.get(node.array, frozenset())
                values = {
                    f"#{place}": part
                    for place, part in enumerate(node.index)
                    if not (node.stride and node.stride[place].terms)
                }
                return frozenset(each.put(values) for each in known if each.variables <= set(values))
            case Call(op="mul"):
                return frozenset().union(*map(self.zeros, node.operands))
            case Call(op="add"):
                return _common(map(self.zeros, node.operands))
            case Call(op="where" | "unless"):
                return self.zeros(node.operands[1])
            case Call(op="branch"):
                return _common(map(self.zeros, node.operands[1:]))
            case Call():
                return self.zeros(node.operands[0]) if node.op in HOMOGENEOUS else frozenset()
            case Sum(op="add"):
                return _common(
                    _eliminated(self.zeros(term.value) | constraints_of(term.axes, self.program.padded), term.axes)
                    for term in node.terms
                )
        return frozenset()

    def _find_zeros(self) -> None:
        self.zero = {}
        for number, statement in enumerate(self.program.statements):
            name = statement.target.array
            if self.definitions.get(name) != number:
                continue
            places = self._places(statement)
            known = (self.zeros(statement.value) & self._domain(statement)) | self.masked.get(number, set())
            self.zero[name] = frozenset(each.put(places) for each in known if each.variables <= set(places))

    def _places(self, statement: Statement) -> dict[str, Linear]:
        """Which dimension of the target each variable counts."""
        found = {}
        for place, part in enumerate(statement.target.index):
            for axis in statement.axes:
                if part == Linear.of(axis.name):
                    found[axis.name] = Linear.of(f"#{place}")
        return found

    def _mask_one(self) -> bool:
        """Masks a statement from which it follows that some sum needs no mask; False if there is none."""
        for number, statement in enumerate(self.program.statements):
            for term in _sums(statement.value):
                for constraint in sorted(self.unmet(term), key=repr):
                    if constraint not in self.zeros(term.value) and self._demand(term.value, constraint):
                        return True
            for constraint in sorted(self.unmet_of(number), key=repr):
                if not self._demand(statement.value, constraint):
                    self.masked.setdefault(number, set()).add(constraint)
                return True
        return False

    def _demand(self, node: Node, constraint: Linear) -> bool:
        found = self._sources(node, constraint)
        if not found:
            return False
        for number, each in found:
            self.masked.setdefault(number, set()).add(each)
        return True

    def _sources(self, node: Node, constraint: Linear) -> list[tuple[int, Linear]] | None:
        """The statements to mask, so that `node` is zero outside of the constraint; None if there are none."""
        if constraint in self.zeros(node):
            return []
        match node:
            case Item():
                return self._source(node, constraint)
            case Call(op="mul"):
                for operand in sorted(node.operands, key=self._latest, reverse=True):
                    found = self._sources(operand, constraint)
                    if found is not None:
                        return found
                return None
            case Call(op="add"):
                return _all(self._sources(operand, constraint) for operand in node.operands)
            case Call(op="where" | "unless"):
                return self._sources(node.operands[1], constraint)
            case Sum(op="add"):
                return _all(self._sources(term.value, constraint) for term in node.terms)
        return None

    def _source(self, item: Item, constraint: Linear) -> list[tuple[int, Linear]] | None:
        number = self.definitions.get(item.array)
        if number is None or item.stride:
            return None
        statement = self.program.statements[number]
        values = {}
        for variable in constraint.variables:
            place = next((at for at, part in enumerate(item.index) if part == Linear.of(variable)), None)
            own = None if place is None else statement.target.index[place]
            if own is None or len(own.variables) != 1 or own != Linear.of(next(iter(own.variables))):
                return None
            values[variable] = own
        inside = constraint.put(values)
        if inside not in self._domain(statement) or inside in self.masked.get(number, ()):
            return None
        found = self._sources(statement.value, inside)
        return [(number, inside)] if found is None else found

    def _latest(self, node: Node) -> int:
        return max((self.definitions.get(item.array, -1) for item in items(node)), default=-1)


def is_total(node: Node) -> bool:
    """Whether a node is finite wherever the arrays that it reads are."""
    match node:
        case Call(op="pow"):
            exponent = node.operands[1]
            number = float.fromhex(exponent.value) if isinstance(exponent, Number) else -1.0
            return number >= 1 and number.is_integer() and is_total(node.operands[0])
        case Call():
            return node.op in TOTAL and all(map(is_total, node.operands))
        case Sum():
            return all(is_total(term.value) for term in node.terms)
    return True


def _definitions(program: ArrayProgram) -> dict[str, int]:
    """The statements that alone assign to an array, all of it, by the array's name."""
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    for number, statement in enumerate(program.statements):
        name = statement.target.array
        counts[name] = counts.get(name, 0) + 1
        if not statement.recurrence and not statement.adds and hull(statement.axes, program.padded) is not None:
            found[name] = number
    return {name: number for name, number in found.items() if counts[name] == 1}


def _sums(node: Node) -> Iterable[Term]:
    match node:
        case Call():
            for part in node.operands:
                yield from _sums(part)
        case Sum():
            for term in node.terms:
                if node.op == "add":
                    yield term
                yield from _sums(term.value)


def _common(found: Iterable[frozenset[Linear]]) -> frozenset[Linear]:
    parts = list(found)
    return parts[0].intersection(*parts[1:]) if parts else frozenset()


def _all(found: Iterable[list[tuple[int, Linear]] | None]) -> list[tuple[int, Linear]] | None:
    total: list[tuple[int, Linear]] = []
    for part in found:
        if part is None:
            return None
        total += part
    return total


def _eliminated(constraints: frozenset[Linear], axes: Sequence[Axis]) -> frozenset[Linear]:
    """What follows without the variables of some axes: two bounds of a variable have room between them."""
    for axis in axes:
        up = [each for each in constraints if each.step(axis.name) == _ONE.start]
        down = [each for each in constraints if each.step(axis.name) == -_ONE.start]
        rest = {each for each in constraints if axis.name not in each.variables}
        constraints = frozenset(rest | {above + below for above in up for below in down})
    return constraints
