"""Flow: how many operations groups of places carry out, and how many values they hand to each other.

In: what is known of a program, and the group of each place. Out: counts, as they are in its graph: there, a value that
is read at several places is one value, and so is a choice by an index that is spelled out at several places.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ...compiler.errors import ProofError
from ...compiler.ir.graph import Graph, IndexTensor, limit_of
from ...compiler.ir.ops import EQUAL, GATHER, GIVEN, OPS
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import Affine, Equal, Expr, Gather, Load
from .known import Known, Piece
from .marks import go_through
from .terms import CHOICE, READ

__all__ = ["Flow", "flow"]

G = TypeVar("G", bound=Hashable)

# Values that a place makes or takes: the first address, and the loops in which it moves.
_Places = tuple[Affine, tuple[Affine, ...]]


@dataclass
class Flow(Generic[G]):
    """What groups do.

    Attributes:
        kinds: by group, how many operations of each kind.
        handed: by pairs of groups, how many different values of the first the second takes.
        given: by group, how many of its values others take, or are results.
    """

    kinds: dict[G, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    handed: Counter[tuple[G, G]] = field(default_factory=Counter)
    given: Counter[G] = field(default_factory=Counter)


@dataclass
class _Room(Generic[G]):
    """An array, or the values of choices: who makes them, and who takes them."""

    start: int
    size: int
    written: dict[tuple[G, _Places], None] = field(default_factory=dict)
    read: dict[tuple[G, _Places], None] = field(default_factory=dict)


def flow(
    known: Known,
    groups: Sequence[Sequence[G | None]],
    indices: Sequence[IndexTensor],
    results: Iterable[tuple[int, int]] = (),
) -> Flow[G]:
    """Counts.

    Args:
        groups: by piece and term; that of a read matters only where the statement is nothing but it.
        indices: of the program.
        results: the addresses at which results begin, and how many there are.
    """
    return _Flow(known, groups, indices).count(list(results))


class _Flow(Generic[G]):
    def __init__(self, known: Known, groups: Sequence[Sequence[G | None]], indices: Sequence[IndexTensor]) -> None:
        self.graph: Graph = known.graph
        self.layout: Layout = known.found.layout
        self.indices = indices
        self.flow: Flow[G] = Flow()
        self.rooms: dict[tuple[str, str], _Room[G]] = {
            ("", array.name): _Room(start, array.size) for array, start, _ in self.layout.placed
        }
        # Of operations that may be spelled out at several places.
        self.spelled: dict[tuple[str, str], int] = {}
        for piece, own in zip(known.pieces, groups, strict=True):
            self._piece(piece, own)

    def _piece(self, piece: Piece, groups: Sequence[G | None]) -> None:
        terms, taken = piece.statement.terms, piece.taken
        ops = [self.graph.op[nodes[0]] if nodes else READ for nodes in piece.nodes]
        users: dict[int, dict[G | None, None]] = defaultdict(dict)
        for giver, user in taken.edges:
            users[giver][groups[user]] = None
        roots = {groups[number] for number in taken.roots}
        if len(roots) > 1:
            raise ProofError(f"{piece.nest.label}: values of one piece belong to several groups")
        body, around = piece.nest.body, tuple(loop.trips for loop in piece.nest.loops)
        group = roots.pop()
        is_moved = all(terms[number].op == READ for number in taken.roots)
        if group is not None and not piece.nest.adds and not is_moved:
            room = self.rooms["", body.array.of or body.array.name]
            room.written[group, (self.layout.address(body.array, body.index), around)] = None
        for number in [*taken.counts]:
            term, own = terms[number], groups[number]
            takers = users.get(number, {group: None})
            if len(takers) > 1 and (term.op == READ or ops[number] in (EQUAL, GATHER)):
                raise ProofError(f"{piece.nest.label}: what is read at one place is taken by several groups")
            if term.op == READ:
                self._reads(term.expr, term.around, takers)
                continue
            op = ops[number]
            if op in GIVEN:
                continue
            if op in (EQUAL, GATHER):
                self._choice(op, term.expr, term.around, own, takers)
                continue
            if own is not None:
                self.flow.kinds[own][op] += taken.counts[number]
            if term.op == CHOICE:
                self._reads(term.expr, term.around, {own: None})
        for (giver, user), times in taken.edges.items():
            one, other = groups[giver], groups[user]
            spelled = ops[giver] in GIVEN or ops[giver] in (EQUAL, GATHER)
            if terms[giver].op != READ and not spelled and one is not None and other is not None and one != other:
                self.flow.handed[one, other] += times
                self.flow.given[one] += times

    def _reads(self, expr: Expr, around: tuple[Affine, ...], takers: Iterable[G | None]) -> None:
        """A read of memory; where an index chooses, of all that it can choose."""
        if not isinstance(expr, Load | Gather):
            raise ProofError("the loops choose from places that are not evenly spaced")
        address = self.layout.address(expr.array, expr.index)
        if isinstance(expr, Gather):
            steps = (*address.steps, *[0] * (len(around) - len(address.steps)), expr.array.flat_stride(expr.stride))
            address = Affine(address.start, steps)
            around = (*around, Affine(limit_of(self.indices, expr.chosen.start), (0,) * len(around)))
        room = self.rooms["", expr.array.of or expr.array.name]
        room.read.update(((taker, (address, around)), None) for taker in takers if taker is not None)

    def _choice(
        self, op: int, expr: Expr, around: tuple[Affine, ...], own: G | None, takers: Iterable[G | None]
    ) -> None:
        """A choice by an index: a value for each index and each place that it can be compared with, or chosen from."""
        if isinstance(expr, Equal):
            name, size, chosen, number = "", limit_of(self.indices, expr.chosen.start), expr.chosen, expr.number
        elif isinstance(expr, Gather):
            name, size, chosen = expr.array.name, expr.array.size, expr.chosen
            number = expr.array.flat(expr.index)
        else:
            raise ProofError("the loops choose from places that are not evenly spaced")
        count = sum(index.count for index in self.indices)
        key = OPS[op].name, name
        self.spelled[key] = op
        room = self.rooms.setdefault(key, _Room(0, count * size))
        pairs = [[*each.steps, *[0] * (len(around) - len(each.steps))] for each in (chosen, number)]
        steps = tuple(size * one + other for one, other in zip(*pairs, strict=True))
        places = Affine(size * chosen.start + number.start, steps), around
        if own is not None:
            room.written[own, places] = None
            room.read.update(((taker, places), None) for taker in takers if taker is not None)

    def count(self, results: Sequence[tuple[int, int]]) -> Flow[G]:
        """What there is to count, array by array: marks of all at once would not fit into memory."""
        flow = self.flow
        for key, room in self.rooms.items():
            end = room.start + room.size
            spans = [] if key in self.spelled else [span for span in results if room.start <= span[0] < end]
            if not room.written or not (room.read or spans or key in self.spelled):
                continue
            asked = 0
            for start, size in spans:
                asked |= int.from_bytes(b"\1" * size, "little") << 8 * (start - room.start)
            writers, readers = _marked(room, room.written), _marked(room, room.read)
            for giver, made in writers.items():
                if key in self.spelled:
                    flow.kinds[giver][self.spelled[key]] += made.bit_count()
                wanted = made & asked
                for user, read in readers.items():
                    both = made & read if user != giver else 0
                    if both:
                        flow.handed[giver, user] += both.bit_count()
                        wanted |= both
                flow.given[giver] += wanted.bit_count()
        return flow


def _marked(room: _Room[G], accesses: Iterable[tuple[G, _Places]]) -> dict[G, int]:
    """By group, which values of a room it makes or takes, as a byte each."""
    marks: dict[G, bytearray] = {}
    for group, (address, around) in accesses:
        own = marks.setdefault(group, bytearray(room.size))

        def mark(start: int, step: int, count: int, own: bytearray = own) -> None:
            first = start - room.start
            if step < 0:
                first, step = first + step * (count - 1), -step
            step = step or 1
            own[first : first + step * (count - 1) + 1 : step] = b"\1" * count

        go_through(address, around, mark)
    return {group: int.from_bytes(own, "little") for group, own in marks.items()}
