"""Form reductions: which values of a graph are stored, and what each of them is computed from. Chains of additions
become folds.

In: a graph and, for every stored value, its address. Out: a `Statement` for each stored value: a `Form`, which is an
expression of the loop IR with holes, and the numbers that fill them. A value is stored if it is used more than once or
is a result; all others are part of the statement that uses them. Afterwards ``((a*b + c*d) + e*f) + ...`` is one fold
whose terms, where they are alike and evenly spaced in memory, are one run. The order of every sum stays as it was.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ..ir.graph import Graph
from ..ir.ops import ADD, CONST, EQUAL, GATHER, INDEX, INPUT, MAX, MUL, POW, SELECT
from ..ir.rewrite import count_uses
from .loop_ir import HOLE, MEMORY, AddAt, Body, Const, Equal, Expr, Fold, Gather, Load, Op, Pick, Run, Store

__all__ = ["Form", "Statement", "StatementBuilder", "find_runs", "reads", "stored_nodes"]

# Expressions are nested no deeper than this, so that generated lines stay short and recursion over them stays bounded.
_HEIGHT = 8
_FOLDED = (ADD, MAX)
_INLINE = (CONST, INPUT, INDEX, EQUAL, GATHER)
# With this many terms needed for a fold, nothing is one.
_NO_FOLDS = 1000

# So often runs must be repeated in turn to be one, and no more than so many at a time are looked at.
_REPEATED, _PERIOD = 3, 8

_Term = tuple[Expr, tuple[int, ...]]
T = TypeVar("T", bound=Expr)


@dataclass(eq=False)
class Form:
    """A statement with holes. Equal ones of one `StatementBuilder` are identical.

    Attributes:
        body: the statement.
        loads: which of its numbers are addresses that are read, each with the runs that it is in, outermost first, and
            its place among the numbers of each.
        bases: which are addresses, also those that an index is added to.
        counts: which are the lengths of runs, each with its place in the run around it; -1 for one that is in none.
        widths: how many numbers the terms of each run have.
        fold: the fold in it, if there is one.
        chooses: whether it reads what an index chooses.
    """

    body: Body
    loads: list[tuple[int, tuple[tuple[int, int], ...]]] = field(default_factory=list)
    bases: list[int] = field(default_factory=list)
    counts: list[tuple[int, int]] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    fold: Fold | None = None
    chooses: bool = False

    def __post_init__(self) -> None:
        self._describe(self.body.value, 1 if isinstance(self.body, Store) else 2, ())

    def _describe(self, expr: Expr, at: int, runs: tuple[tuple[int, int], ...]) -> int:
        """Notes where the numbers of an expression are, the first of which is number `at`; returns the next.

        Args:
            runs: around it, outermost first, each with its first number.
        """
        match expr:
            case Load():
                self.loads.append((at, tuple((run, at - first) for run, first in runs)))
                self.bases.append(at)
                return at + 1
            case Gather() | Pick() | Equal():
                self.chooses |= not isinstance(expr, Equal)
                self.bases += [at] if isinstance(expr, Gather) else []
                return at + 2
            case Op():
                for operand in expr.operands:
                    at = self._describe(operand, at, runs)
            case Fold():
                self.fold = expr
                for run in expr.runs:
                    at = self._describe_run(run, at, runs)
        return at

    def _describe_run(self, run: Run, at: int, runs: tuple[tuple[int, int], ...]) -> int:
        number, first = len(self.counts), at + 1
        self.counts.append((at, at - runs[-1][1] if runs else -1))
        self.widths.append(0)
        at, inside = first, (*runs, (number, first))
        for part in run.parts:
            at = self._describe_run(part, at, inside) if isinstance(part, Run) else self._describe(part, at, inside)
        self.widths[number] = at - first
        return at


@dataclass(slots=True)
class Statement:
    """One stored value.

    Attributes:
        target: the node; -1 for a copy into an output or an addition to a row.
        form: how it is computed.
        numbers: what fills the holes of the form; the first is the target's address.
        steps: for each run of a fold, what a repetition adds to its numbers; None for a run that is not repeated.
        chosen: addresses of which an index chooses what is read.
        moved: of a copy or an addition to a row, the node whose value it is.
    """

    target: int
    form: Form
    numbers: tuple[int, ...]
    steps: tuple[tuple[int, ...] | None, ...] = ()
    chosen: tuple[int, ...] = ()
    moved: int = -1


def reads(statement: Statement) -> list[Iterable[int]]:
    """The addresses that a statement reads, also those it may read by an index (of inputs: none matters)."""
    found: list[Iterable[int]] = [statement.chosen] if statement.form.chooses else []
    numbers, steps, counts = statement.numbers, statement.steps, statement.form.counts
    for place, runs in statement.form.loads:
        starts = [(numbers[place], 0)]
        for depth, (run, inside) in enumerate(runs):
            at, outer = counts[run]
            step = steps[run]
            stride = step[inside] if step else 0
            if depth + 1 == len(runs):
                for start, turn in starts:
                    around = steps[runs[0][0]]
                    count = numbers[at] + (around[outer] * turn if depth and around else 0)
                    found.append(range(start, start + stride * count, stride) if stride else (start,))
            else:
                starts = [(start + stride * turn, turn) for start, _ in starts for turn in range(numbers[at])]
        if not runs:
            found.append((numbers[place],))
    return found


def stored_nodes(graph: Graph) -> bytearray:
    """For each node, 1 if its value has a statement of its own."""
    uses = count_uses(graph)
    stored = bytearray(len(graph))
    height = bytearray(len(graph))
    # Whether the expression of an unstored node contains a fold of three or more terms; folds do not nest.
    folds = bytearray(len(graph))
    terms = [0] * len(graph)
    for root in graph.roots():
        stored[root] = 1
    if SELECT in graph.op:
        for op, operands in zip(graph.op, graph.all_operands(), strict=True):
            if op == SELECT:
                for value in operands[1:]:
                    stored[value] = 1
    for node, (op, operands) in enumerate(zip(graph.op, graph.all_operands(), strict=True)):
        if op in _INLINE:
            if op in (CONST, INPUT, INDEX, EQUAL):
                stored[node] = 0
            continue
        if op in _FOLDED:
            link = chain_link(graph, stored, op, *operands)
            inside = terms[link] if link >= 0 else 0
            if link >= 0:
                operands = (operands[operands[0] == link],)
            terms[node] = inside + len(operands)
            top = height[link] if link >= 0 else 0
            for operand in operands:
                if folds[operand]:
                    stored[operand] = 1
                if not stored[operand]:
                    top = max(top, height[operand] + 1)
            if link >= 0 and terms[node] == 3:
                for operand in graph.operands(link):
                    if folds[operand]:
                        stored[operand] = 1
            folds[node] = terms[node] > 2
            height[node] = top
        else:
            top = 0
            for operand in operands:
                if not stored[operand]:
                    top = max(top, height[operand] + 1)
                    if folds[operand] and folds[node]:
                        stored[operand] = 1  # a statement has one fold
                    folds[node] |= folds[operand]
            height[node] = top
        if uses[node] > 1 or height[node] >= _HEIGHT:
            stored[node] = 1
        if stored[node]:
            folds[node] = height[node] = 0
            if op in _FOLDED:
                terms[node] = 0
    return stored


def chain_link(graph: Graph, stored: bytearray, op: int, a: int, b: int) -> int:
    """The operand of a sum that is an unstored sum itself, and so the beginning of the same fold; -1 if none."""
    if graph.op[a] == op and not stored[a]:
        return a
    if graph.op[b] == op and not stored[b] and op == ADD and a != b:
        return b
    return -1


class StatementBuilder:
    """Makes the statements of one graph.

    Args:
        address: of every stored node, input and constant; -1 for others.
        inputs: of each input number, its address.
        region: of each address, the array that it belongs to. What reads different arrays is not alike.
        places: addresses that selects choose from; grows.
    """

    def __init__(
        self,
        graph: Graph,
        stored: bytearray,
        address: Sequence[int],
        inputs: Sequence[int],
        region: Sequence[int],
        places: list[int],
    ) -> None:
        self.graph = graph
        self.stored = stored
        self.address = address
        self.inputs = inputs
        self.region = region
        self.places = places
        self._list_places: dict[tuple[int, ...], int] = {}
        # What the statement in the making has so far.
        self._numbers: list[int] = []
        self._steps: list[tuple[int, ...] | None] = []
        self._chosen: list[int] = []
        self._folds = 0
        # Equal expressions are one object, so that they are compared and hashed as such.
        self._known: dict[object, Expr] = {}
        self._runs: dict[object, Run] = {}
        self._forms: dict[object, Form] = {}
        self._loads: dict[int, Expr] = {}
        self._products: dict[tuple[int, int], Expr] = {}

    def statement(self, node: int, shortest: int = 2) -> Statement:
        """The statement of a stored node. Sums of fewer than `shortest` alike terms do not count as folds."""
        self._begin(self.address[node])
        value = self._expression(node, shortest)
        if shortest == 2 and self._folds > 1:
            return self.statement(node, shortest=3)
        return self._finish(node, value)

    def copy(self, node: int, target: int) -> Statement:
        """Copies a value into an output."""
        self._begin(target)
        return self._finish(-1, self._operand(node, 3), moved=node)

    def scatter(self, node: int, index: int, base: int, stride: int) -> Statement:
        """Adds a value to a row of an output."""
        self._begin(base, self.graph.attribute[index])
        return self._finish(-1, self._operand(node, 3), stride, node)

    def as_fold(self, statement: Statement, term: Expr, form: Form) -> Statement:
        """The statement in the form of a fold of one term, if it computes such a term."""
        value, numbers = self._separate(statement.target)
        if value is not term:
            return statement
        return Statement(statement.target, form, (statement.numbers[0], 1, *numbers), (None,))

    def _begin(self, *numbers: int) -> None:
        self._numbers, self._steps, self._chosen, self._folds = list(numbers), [], [], 0

    def _finish(self, node: int, value: Expr, stride: int | None = None, moved: int = -1) -> Statement:
        key = (id(value), stride)
        form = self._forms.get(key)
        if form is None:
            body = Store(MEMORY, (HOLE,), value) if stride is None else AddAt(MEMORY, (HOLE,), (stride,), HOLE, value)
            form = self._forms[key] = Form(body)
        return Statement(node, form, tuple(self._numbers), tuple(self._steps), tuple(self._chosen), moved)

    def _one(self, key: object, expr: T) -> T:
        """The expression that was made first for this key."""
        return self._known.setdefault(key, expr)  # type: ignore[return-value]

    def _operation(self, op: int, *operands: Expr) -> Expr:
        key = (op, *map(id, operands))
        return self._known.get(key) or self._one(key, Op(op, operands))

    def _load(self, address: int) -> Expr:
        region = self.region[address]
        return self._loads.get(region) or self._loads.setdefault(region, Load(MEMORY, (HOLE,)))

    def _product(self, a: int, b: int) -> Expr:
        key = (self.region[a], self.region[b])
        found = self._products.get(key)
        return found or self._products.setdefault(key, self._operation(MUL, self._load(a), self._load(b)))

    def _constant(self, number: int) -> Expr:
        text = self.graph.constants[number].hex()
        return self._one(text, Const(text))

    def _operand(self, node: int, shortest: int) -> Expr:
        address = self.address[node]
        if address >= 0:
            self._numbers.append(address)
            return self._load(address)
        return self._expression(node, shortest)

    def _expression(self, node: int, shortest: int) -> Expr:
        graph = self.graph
        op, attribute = graph.op[node], graph.attribute[node]
        if op in _FOLDED and shortest < _NO_FOLDS:
            folded = self._fold(node, shortest)
            if folded is not None:
                return folded
        if op == CONST:
            return self._constant(attribute)
        operands = graph.flat[graph.starts[node] : graph.starts[node + 1]]
        if op == GATHER:
            table = graph.tables[attribute]
            return self._gather(self.inputs[table.base], table.stride, graph.attribute[operands[0]])
        if op == EQUAL:
            self._numbers += (graph.attribute[operands[0]], attribute)
            return self._one("equal", Equal(HOLE, HOLE))
        if op == SELECT:
            index, *choices = operands
            return self._select(graph.attribute[index], choices)
        if op == POW:
            base, exponent = operands
            return self._operation(op, self._operand(base, shortest), self._constant(graph.attribute[exponent]))
        return self._operation(op, *[self._operand(operand, shortest) for operand in operands])

    def _gather(self, base: int, stride: int, index: int) -> Expr:
        self._numbers += (base, index)
        return self._one(("gather", stride), Gather(MEMORY, (HOLE,), (stride,), HOLE))

    def _select(self, index: int, choices: Sequence[int]) -> Expr:
        addresses = [self.address[value] for value in choices]
        self._chosen += addresses
        stride = addresses[1] - addresses[0]
        if all(address == addresses[0] + stride * place for place, address in enumerate(addresses)):
            return self._gather(addresses[0], stride, index)
        start = self._list_places.get(tuple(addresses))
        if start is None:
            start = self._list_places[tuple(addresses)] = len(self.places)
            self.places += addresses
        self._numbers += (start, index)
        return self._one("pick", Pick(HOLE, HOLE))

    def _fold(self, node: int, shortest: int) -> Expr | None:
        graph = self.graph
        op = graph.op[node]
        ops, starts, flat, stored = graph.op, graph.starts, graph.flat, self.stored
        members: list[int] = []
        current = node
        while True:
            start = starts[current]
            a, b = flat[start], flat[start + 1]
            if ops[a] == op and not stored[a]:
                members.append(b)
                current = a
            elif op == ADD and ops[b] == op and not stored[b]:
                members.append(a)
                current = b
            else:
                members += (b, a)
                break
        members.reverse()
        if len(members) < shortest:
            return None
        terms = [self._term(member) for member in members]
        if len(terms) == 2 and terms[0][0] is not terms[1][0]:
            return None
        runs = tuple(self._run(found) for found in nest_runs(find_runs(terms)))
        self._folds += 1
        return self._one((op, "fold", *map(id, runs)), Fold(op, runs))

    def _run(self, found: FoundRun) -> Run:
        self._numbers.append(found.count)
        self._steps.append(found.step)
        parts: list[Expr | Run] = []
        for part in found.parts:
            if isinstance(part, FoundRun):
                parts.append(self._run(part))
            else:
                term, numbers = part
                self._numbers += numbers
                parts.append(term)
        key = ("run", *map(id, parts))
        return self._runs.setdefault(key, Run(HOLE, tuple(parts)))

    def _term(self, node: int) -> _Term:
        address = self.address
        if address[node] >= 0:
            return self._load(address[node]), (address[node],)
        graph = self.graph
        if graph.op[node] == MUL:
            start = graph.starts[node]
            a, b = address[graph.flat[start]], address[graph.flat[start + 1]]
            if a >= 0 and b >= 0:
                return self._product(a, b), (a, b)
        return self._separate(node)

    def _separate(self, node: int) -> _Term:
        """The value of a node, and the numbers of that alone."""
        outside, self._numbers = self._numbers, []
        value = self._expression(node, _NO_FOLDS)
        numbers, self._numbers = tuple(self._numbers), outside
        return value, numbers


@dataclass(slots=True)
class FoundRun:
    """A run: how often, the steps of its numbers (None if once), what is repeated."""

    count: int
    step: tuple[int, ...] | None
    parts: Sequence[_Term | FoundRun]

    def numbers(self) -> list[int]:
        """All numbers inside, in order."""
        found: list[int] = []
        for part in self.parts:
            if isinstance(part, FoundRun):
                found += (part.count, *part.numbers())
            else:
                found += part[1]
        return found

    def is_like(self, other: FoundRun) -> bool:
        """Whether another run without runs inside has the same terms and steps."""
        pairs = zip(self.parts, other.parts, strict=False)
        return (
            len(self.parts) == len(other.parts)
            and self.step == other.step
            and all(one[0] is two[0] for one, two in pairs)  # type: ignore[index]
        )


def nest_runs(runs: list[FoundRun]) -> list[FoundRun]:
    """Makes one run of runs that are repeated in turn with even steps, such as three inner runs for each head."""
    nested: list[FoundRun] = []
    at = 0
    while at < len(runs):
        best = (1, 1)
        for period in range(1, min(_PERIOD, (len(runs) - at) // _REPEATED) + 1):
            times, _ = _repeated_runs(runs, at, period)
            if times >= _REPEATED and times * period > best[0] * best[1]:
                best = (times, period)
        times, period = best
        if times == 1:
            nested.append(runs[at])
        else:
            nested.append(FoundRun(times, _repeated_runs(runs, at, period)[1], runs[at : at + period]))
        at += times * period
    return nested


def _repeated_runs(runs: list[FoundRun], at: int, period: int) -> tuple[int, tuple[int, ...]]:
    """How often `period` runs from `at` on are repeated with the same steps, and these steps."""

    def numbers(place: int) -> list[int]:
        return FoundRun(1, None, runs[place : place + period]).numbers()

    times, step, last = 1, (), numbers(at)
    while at + (times + 1) * period <= len(runs):
        place = at + times * period
        if not all(runs[at + k].is_like(runs[place + k]) for k in range(period)):
            break
        following = numbers(place)
        moved = tuple(map(operator.sub, following, last))
        if times > 1 and moved != step:
            break
        times, step, last = times + 1, moved, following
    return times, step


def find_runs(terms: list[_Term]) -> list[FoundRun]:
    """Splits the terms of a fold into runs of terms."""
    runs: list[FoundRun] = []
    at, end = 0, len(terms)
    while at < end:
        best = (1, 1)
        for period in range(1, 5):
            count = _repeats(terms, at, period)
            # What happens to be repeated once must not cut a row of terms short.
            least = 3 if best[0] >= 3 else 2
            if count >= least and count * period > best[0] * best[1]:
                best = (count, period)
            if best[0] * best[1] * 2 > end - at:
                break
        count, period = best
        if count * period < 3 and end > 2:
            count = period = 1
        step = None if count == 1 else _step(terms, at, period)
        runs.append(FoundRun(count, step, terms[at : at + period]))
        at += count * period
    return runs


def _step(terms: list[_Term], at: int, period: int) -> tuple[int, ...]:
    return tuple(
        y - x
        for place in range(at, at + period)
        for x, y in zip(terms[place][1], terms[place + period][1], strict=True)
    )


def _repeats(terms: list[_Term], at: int, period: int) -> int:
    """How often the `period` terms from `at` on are repeated with the same steps."""
    end = len(terms)
    if at + 2 * period > end or any(
        terms[place][0] is not terms[place + period][0] for place in range(at, at + period)
    ):
        return 1
    count, step = 2, _step(terms, at, period)
    if period == 1:
        # The long runs are here, so this case has a loop of its own.
        expr, numbers = terms[at + 1]
        for other, following in terms[at + 2 :]:
            if other is not expr or following != tuple(map(_plus, numbers, step)):
                break
            numbers = following
            count += 1
        return count
    while at + (count + 1) * period <= end:
        place = at + (count - 1) * period
        if (
            any(terms[place + k][0] is not terms[place + period + k][0] for k in range(period))
            or _step(terms, place, period) != step
        ):
            break
        count += 1
    return count


def _plus(a: int, b: int) -> int:
    return a + b
