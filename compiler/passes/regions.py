"""Regions: under which conditions a contribution to a gradient is made.

A branch hands its gradient to the one operand that it is worth, and nothing to the others; what has received nothing
hands nothing on. So each operation has a region: the conditions under which its gradient has received anything. A
region is a set of terms, one of which must hold. A term says for some of the conditions (flags, and indices) which
values they may have. ``where(c, f(x), g(x))`` hands on to `x` under ``c`` and under ``not c``: together that is always.
"""

from __future__ import annotations

from ..ir.builder import GraphBuilder
from ..ir.ops import NOT, OPS, Type

__all__ = ["ALWAYS", "NEVER", "Region", "Regions"]

# Of a node that decides, which of its values are meant: bit k for value k. A flag has the values 0 and 1.
Term = frozenset[tuple[int, int]]
Region = frozenset[Term]

ALWAYS: Region = frozenset((frozenset(),))
NEVER: Region = frozenset()

# A region of more terms becomes a flag of its own: comparing all pairs of terms would take long.
_MOST_TERMS = 16


class Regions:
    """The regions of one graph; `build` takes the operations that compute whether one holds."""

    def __init__(self, build: GraphBuilder) -> None:
        self._build = build
        self._flags: dict[Region | Term | tuple[int, int], int] = {}
        self._joined: dict[tuple[Region, Region], Region] = {}

    def inside(self, region: Region, decider: int, value: int) -> Region:
        """The part of a region in which a flag or an index has a value."""
        build = self._build
        while build.op[decider] == NOT:
            (decider,) = build.operands(decider)
            value = 1 - value
        if value >= self._count(decider):
            return NEVER
        return _restricted(region, decider, 1 << value)

    def outside(self, region: Region, index: int, value: int) -> Region:
        """The part of a region in which an index has another value."""
        return _restricted(region, index, (1 << self._count(index)) - 1 & ~(1 << value))

    def either(self, a: Region, b: Region) -> Region:
        """Where one of two regions is."""
        if a == b:
            return a
        known = self._joined.get((a, b))
        if known is None:
            known = self._simplified([*a, *(term for term in b if term not in a)])
            if len(known) > _MOST_TERMS:
                known = frozenset((frozenset(((self.flag(known), 2),)),))
            self._joined[a, b] = known
        return known

    def mask(self, region: Region, number: int) -> int:
        """The number in a region, zero elsewhere."""
        build = self._build
        if region == ALWAYS:
            return number
        decider, values = self._only_decision(region)
        if decider >= 0 and build.op[decider] in _FLAGS:
            return build.where(decider, number) if values == 2 else build.unless(decider, number)
        return build.where(self.flag(region), number)

    def flag(self, region: Region) -> int:
        """A node that says whether a region, which has a beginning and an end, holds."""
        known = self._flags.get(region)
        if known is None:
            terms = sorted(region, key=sorted)
            known = self._term_flag(terms[0])
            for term in terms[1:]:
                known = self._build.either(known, self._term_flag(term))
            self._flags[region] = known
        return known

    def _term_flag(self, term: Term) -> int:
        known = self._flags.get(term)
        if known is None:
            # Terms of nested regions begin alike, so their flags share operations.
            *outer, last = sorted(term)
            known = self._decision_flag(*last)
            if outer:
                known = self._build.both(self._term_flag(frozenset(outer)), known)
            self._flags[term] = known
        return known

    def _decision_flag(self, decider: int, values: int) -> int:
        known = self._flags.get((decider, values))
        if known is None:
            build = self._build
            if build.op[decider] in _FLAGS:
                known = decider if values == 2 else build.negated(decider)
            else:
                count = self._count(decider)
                rest = (1 << count) - 1 & ~values
                if rest.bit_count() < values.bit_count():
                    known = build.negated(self._decision_flag(decider, rest))
                else:
                    first, *others = (value for value in range(count) if values >> value & 1)
                    known = build.equal(decider, first)
                    for value in others:
                        known = build.either(known, build.equal(decider, value))
            self._flags[decider, values] = known
        return known

    def _count(self, decider: int) -> int:
        """How many values it can have."""
        build = self._build
        return 2 if build.op[decider] in _FLAGS else build.limit(decider)

    def _only_decision(self, region: Region) -> tuple[int, int]:
        """The condition and its values, where there is no other; else -1."""
        if len(region) == 1:
            (term,) = region
            if len(term) == 1:
                ((decider, values),) = term
                return decider, values
        return -1, 0

    def _simplified(self, terms: list[Term]) -> Region:
        """The same region without terms that others contain, and with one for two that differ in one condition."""
        waiting, done = terms, list[Term]()
        while waiting:
            term = waiting.pop()
            if any(_contains(other, term) for other in done) or any(_contains(other, term) for other in waiting):
                continue
            done = [other for other in done if not _contains(term, other)]
            for place, other in enumerate(done):
                joined = self._join(term, other)
                if joined is not None:
                    del done[place]
                    waiting.append(joined)
                    break
            else:
                done.append(term)
        return frozenset(done)

    def _join(self, a: Term, b: Term) -> Term | None:
        """One term for two that differ in the values of one condition alone; None where they differ in more."""
        only_a, only_b = a - b, b - a
        if len(only_a) != 1 or len(only_b) != 1:
            return None
        ((decider, values),), ((other, more),) = only_a, only_b
        if decider != other:
            return None
        values |= more
        common = a & b
        return common if values == (1 << self._count(decider)) - 1 else common | {(decider, values)}


def _restricted(region: Region, decider: int, values: int) -> Region:
    terms = []
    for term in region:
        known = dict(term)
        known[decider] = known.get(decider, ~0) & values
        if known[decider]:
            terms.append(frozenset(known.items()))
    return frozenset(terms)


def _contains(outer: Term, inner: Term) -> bool:
    """Whether the inner term holds nowhere but where the outer does."""
    known = dict(inner)
    return all(known.get(decider, ~0) & ~values == 0 for decider, values in outer)


_FLAGS = frozenset(code for code, row in enumerate(OPS) if row.result is Type.FLAG)
