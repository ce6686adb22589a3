"""Ledger: what a function computes at some sizes, whatever the numbers are: how often which operation, and with which
constants.

The trial of a program compares results for some numbers, which take some branches, and in which some constants are
rounded away. So the function also runs on scalars that are no numbers. Operations must be as many as those at small
sizes say, and a constant that the loops have from the function must be among those that it has at the sizes asked for.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import ADD, MUL, OPS, OPS_BY_NAME, POW
from ...compiler.loops.layout import Layout
from ...compiler.loops.map_numbers import NumberMap
from ...compiler.loops.place import NotRegularError
from ...compiler.number import ArrayOperandError, Condition, Number, Scalar, is_plain, real
from ...compiler.numerics import power
from ...compiler.sizes.fit import Fitter
from ...compiler.sizes.generalise import SizedPrograms
from ...compiler.sizes.polynomial import Polynomial
from .structure import SizedStructure

__all__ = ["Ledger"]

Sizes = Mapping[str, int]
# A constant: what it is in each sample and, in the end, at the sizes asked for.
_Column = tuple[float, ...]
_POWER, _WHERE = OPS_BY_NAME["power"], OPS_BY_NAME["where"]
# Of more constants than this, sums and products of three are not looked at.
_MANY = 30
_LARGER = 1.0 + 2.0**-20
# Constants that passes leave out, or bring in.
_NEUTRAL = frozenset(number.hex() for number in (0.0, -0.0, 1.0, -1.0))


class Entered(Scalar):
    """A scalar that is no number; what is computed of it is entered.

    All that follows from it is the same object, so that no graph is kept.

    Attributes:
        adds, muls: how many of these there are of scalars alone; most are.
        others: how many others, by operation.
        constants: those that it has met.
    """

    __slots__ = ("adds", "constants", "muls", "others")

    def __init__(self) -> None:
        self.adds = self.muls = 0
        self.others: Counter[int] = Counter()
        self.constants: set[float] = set()

    @property
    def counts(self) -> Counter[int]:
        """How many there are, by operation."""
        return self.others + Counter({ADD: self.adds, MUL: self.muls})

    def _enter(self, op: int, *operands: Any) -> Entered:
        self.others[op] += 1
        for operand in operands:
            if not isinstance(operand, Entered | Condition):
                self.constants.add(real(operand))
        return self

    def __add__(self, other: Any) -> Any:
        if type(other) is Entered:
            self.adds += 1
            return self
        try:
            return self._enter(ADD, other)
        except ArrayOperandError:
            return NotImplemented

    def __mul__(self, other: Any) -> Any:
        if type(other) is Entered:
            self.muls += 1
            return self
        try:
            return self._enter(MUL, other)
        except ArrayOperandError:
            return NotImplemented

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, Entered | Number):
            return self._enter(_POWER, exponent)
        return self._enter(POW, exponent) if is_plain(exponent) else NotImplemented

    def __rpow__(self, base: Any) -> Any:
        return self._enter(_POWER, base)

    def __neg__(self) -> Any:
        return self * -1

    def __pos__(self) -> Any:
        return self

    def __sub__(self, other: Any) -> Any:
        try:
            return self + (-other if isinstance(other, Entered) else -real(other))
        except ArrayOperandError:
            return NotImplemented

    def __truediv__(self, other: Any) -> Any:
        try:
            return self * (other**-1 if isinstance(other, Entered) else power(real(other), -1.0))
        except ArrayOperandError:
            return NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __rtruediv__(self, other: Any) -> Any:
        return self**-1 * other

    __radd__, __rmul__ = __add__, __mul__

    def _apply(self, op: int, *constants: float) -> Any:
        return self._enter(op, *constants)

    def _pair(self, op: int, first: Any, second: Any) -> Any:
        return self._enter(op, first, second)

    def _compare(self, op: int, first: Any, second: Any) -> Any:
        self._enter(op, first, second)
        return Condition(True)

    def _where(self, condition: Any, first: Any, second: Any) -> Any:
        return self._enter(_WHERE, first, second)

    def _choose_fixed(self, values: Sequence[Any], place: int) -> Any:
        return self._enter(_WHERE, *values)

    def constant(self, number: float) -> Entered:
        """See `Value.constant`."""
        self.constants.add(real(number))
        return self

    @staticmethod
    def constant_maximum(values: Sequence[Any]) -> Any:
        """See `Value.constant_maximum`; here it is a scalar like any other."""
        own = next(value for value in values if isinstance(value, Entered))
        return own._enter(OPS_BY_NAME["max"], *values)


@dataclass(frozen=True)
class _Entries:
    """What a function computes at some sizes."""

    counts: Mapping[int, int]
    constants: frozenset[str]


@dataclass(frozen=True)
class Ledger:
    """What a function computes at the sizes that its loops were learned from.

    Attributes:
        function: it.
        learned: its loops.
        structures: of its arguments, by sizes.
        graph: its trace at the first of these.
        clean: makes what the loops compute of a trace.
    """

    function: Callable[..., Any]
    learned: SizedPrograms
    structures: Sequence[tuple[Sizes, SizedStructure]]
    graph: Graph
    clean: Callable[[Graph], Graph]

    def refuse_others(self, sizes: Sizes, structure: SizedStructure, layout: Layout) -> None:
        """Compares what the function computes at some sizes with what its loops do there.

        Args:
            layout: of the loops at these sizes.

        Raises:
            NotRegularError: if these cannot be the loops of the function.
        """
        samples = self._samples
        here = self._entries(structure)
        if samples is None or here is None:
            return
        for op in sorted({*here.counts, *(op for each, _ in samples for op in each.counts)}):
            expected = self._expected(tuple(each.counts.get(op, 0) for each, _ in samples), sizes)
            if expected not in (None, here.counts.get(op, 0)):
                raise NotRegularError(
                    f"here it has {here.counts.get(op, 0):,} operations {OPS[op].name}, and its loops at small sizes "
                    f"have as many as {expected:,} here"
                )
        groups = self._groups(sizes, layout)
        columns: list[_Column] = []
        for place, group in enumerate(groups):
            known = all(groups_there[place] <= each.constants for each, groups_there in samples)
            if len(group) == 1:
                texts = (
                    text for there in (*(groups_there for _, groups_there in samples), groups) for text in there[place]
                )
                columns.append(tuple(map(float.fromhex, texts)))
            if known and (lost := sorted(map(float.fromhex, group - here.constants))):
                raise NotRegularError(f"here it has no constant {lost[0]!r}, and its loops at small sizes would")
        self._refuse_unclear(list(dict.fromkeys(columns)))
        known = all(each.constants <= _NEUTRAL.union(*groups_there) for each, groups_there in samples)
        if known and (new := sorted(map(float.fromhex, here.constants - _NEUTRAL.union(*groups)))):
            raise NotRegularError(f"here it has the constant {new[0]!r}, and its loops at small sizes would not")

    @cached_property
    def _samples(self) -> list[tuple[_Entries, list[frozenset[str]]]] | None:
        found = []
        for sizes, structure in self.structures:
            entries = self._entries(structure)
            if entries is None:
                return None
            found.append((entries, self._groups(sizes, self.learned.layout.at(sizes))))
        return found

    def _refuse_unclear(self, columns: Sequence[_Column]) -> None:
        """The compiler adds and multiplies constants. At all small sizes these may round to one, or to another
        constant, or alike in whatever order, and not here.

        Raises:
            NotRegularError: if they do.
        """
        neutral = ((number,) * len(columns[0]) for number in (0.0, 1.0, -1.0)) if columns else ()
        by_first: dict[float, list[_Column]] = {}
        for column in dict.fromkeys((*columns, *neutral)):
            by_first.setdefault(column[0], []).append(column)
        found: dict[_Column, tuple[_Column, ...]] = {column: (column,) for column in columns}
        rounds = 2 if len(columns) <= _MANY else 1
        for number in range(1, rounds + 1):
            following: dict[_Column, tuple[_Column, ...]] = {}
            for (first, factors), second in product(found.items(), columns):
                for combine in (operator.mul, operator.add):
                    alike = by_first.get(combine(first[0], second[0]), ())
                    if not alike and number == rounds:
                        continue
                    made = tuple(map(combine, first, second))
                    following.setdefault(made, (*factors, second))
                    for column in alike:
                        differs = made[:-1] == column[:-1] and made != column
                        if differs and all(self._is_combined(each[0], column[0]) for each in (*factors, second)):
                            raise NotRegularError(
                                f"its loops at small sizes do not tell whether a constant is {column[-1]!r} or "
                                f"{made[-1]!r} here"
                            )
            found = following

    def _is_combined(self, factor: float, result: float) -> bool:
        """Whether the compiler has made a constant of another one, at the first small size: if that is a little larger,
        the result is not there any more, or there are more constants or operations.
        """
        graph = self.graph
        larger = tuple(number * _LARGER if number == factor else number for number in graph.constants)
        if larger == graph.constants:
            return True  # it is made of others itself
        before, after = self.clean(graph), self.clean(replace(graph, constants=larger))
        return Counter(before.op) != Counter(after.op) or (result in before.constants and result not in after.constants)

    def _expected(self, counts: tuple[int, ...], sizes: Sizes) -> int | None:
        """A number of operations; None if it is not known."""
        try:
            found = Fitter([each for each, _ in self.structures]).number(counts)
        except NotRegularError:
            return None
        return found.value(sizes) if isinstance(found, Polynomial) else found

    def _entries(self, structure: SizedStructure) -> _Entries | None:
        """What the function computes; None if it does not take scalars that are no numbers."""
        scalar = Entered()
        count = sum(tensor.size for tensor in structure.tensors)
        indices = [0] * sum(tensor.count for tensor in structure.indices)
        try:
            self.function(*structure.arrange([scalar] * count, indices))
        except Exception:  # the trace and the trial have taken it
            return None
        return _Entries(scalar.counts, frozenset(map(float.hex, scalar.constants)))

    def _groups(self, sizes: Sizes, layout: Layout) -> list[frozenset[str]]:
        """The constants of the loops at some sizes, those in a table together; in the same order at all sizes."""
        found: list[frozenset[str]] = []
        (name,) = self.learned.programs

        def constant(text: str) -> str:
            found.append(frozenset([text]))
            return text

        NumberMap(lambda number: number, constant, lambda array: array)(
            self.learned.at(name, sizes, layout, name).nests
        )
        return [*found, *self._tables(layout)]

    def _tables(self, layout: Layout) -> Iterator[frozenset[str]]:
        for name in self.learned.layout.tables:
            array, start = layout.named(name)
            yield frozenset(layout.constants[start + place] for place in range(array.size))
