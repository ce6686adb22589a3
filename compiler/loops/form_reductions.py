"""Form reductions: what each stored value of a graph is computed from. Chains of additions become folds.

In: a graph, its stored nodes, and for each of them its address. Out: a `Statement` for each. Afterwards
``((a*b + c*d) + e*f) + ...`` is one fold whose terms, where they are alike and evenly spaced in memory, are one run.
The order of every sum stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ..ir.graph import Graph
from ..ir.ops import ADD, CONST, EQUAL, GATHER, MUL, POW, SELECT
from .find_runs import FoundRun, Term, find_runs, nest_runs
from .loop_ir import HOLE, MEMORY, AddAt, Const, Equal, Expr, Fold, Gather, Load, Op, Pick, Run, Store
from .statement import Form, Statement
from .stored_nodes import FOLDED

__all__ = ["StatementBuilder"]

# With this many terms needed for a fold, nothing is one.
_NO_FOLDS = 1000

T = TypeVar("T", bound=Expr)


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
        if op in FOLDED and shortest < _NO_FOLDS:
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

    def _term(self, node: int) -> Term:
        address = self.address
        if address[node] >= 0:
            return self._load(address[node]), (address[node],)
        graph = self.graph
        if graph.op[node] == MUL:
            start = graph.starts[node]
            numbers = a, b = address[graph.flat[start]], address[graph.flat[start + 1]]
            if a >= 0 and b >= 0:
                return self._products.get((self.region[a], self.region[b])) or self._product(a, b), numbers
        return self._separate(node)

    def _separate(self, node: int) -> Term:
        """The value of a node, and the numbers of that alone."""
        outside, self._numbers = self._numbers, []
        value = self._expression(node, _NO_FOLDS)
        numbers, self._numbers = tuple(self._numbers), outside
        return value, numbers
