"""Form reductions: what each stored value of a graph is computed from. Chains of additions become folds.

In: a graph, its stored nodes, and for each of them its address. Out: a `Statement` for each; those of one form that
compute the same array from the same arrays are a group. Afterwards ``((a*b + c*d) + e*f) + ...`` is one fold whose
terms, where they are alike and evenly spaced in memory, are one run. The order of every sum stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ..ir.graph import Graph
from ..ir.ops import ADD, CONST, EQUAL, GATHER, MUL, POW, SELECT
from .find_runs import FoundRun, Term, find_runs, nest_runs
from .layout import Layout
from .loop_ir import HOLE, MEMORY, AddAt, Const, Equal, Expr, Fold, Gather, Load, Op, Pick, Run, Span, Store
from .place import Addressing
from .statement import Form, Statement
from .stored_nodes import FOLDED

__all__ = ["Grouped", "StatementBuilder", "form_reductions"]

_Key = tuple[object, ...]

# With this many terms needed for a fold, nothing is one.
_NO_FOLDS = 1000
# Terms of a fold of folds.
_MANY = 1000

T = TypeVar("T", bound=Expr)


class StatementBuilder:
    """Makes the statements of one graph.

    Args:
        address: of every stored node, input and constant; -1 for others.
        inputs: of each input number, its address.
        region: of each address, the array that it belongs to. What reads different arrays is not alike.
        arrays: likewise, with those of constants. An index chooses from one, or from places that are listed.
        places: addresses that selects choose from; grows.
    """

    def __init__(
        self,
        graph: Graph,
        stored: bytearray,
        address: Sequence[int],
        inputs: Sequence[int],
        region: Sequence[int],
        arrays: Sequence[int],
        places: list[int],
    ) -> None:
        self.graph = graph
        self.stored = stored
        self.address = address
        self.inputs = inputs
        self.region = region
        self.arrays = arrays
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
            chosen = [self.inputs[table.base + table.stride * number] for number in range(table.count)]
            return self._choice(graph.attribute[operands[0]], chosen)
        if op == EQUAL:
            self._numbers += (graph.attribute[operands[0]], attribute)
            return self._one("equal", Equal(HOLE, HOLE))
        if op == SELECT:
            index, *choices = operands
            addresses = [self.address[value] for value in choices]
            self._chosen += addresses
            return self._choice(graph.attribute[index], addresses)
        if op == POW:
            base, exponent = operands
            return self._operation(op, self._operand(base, shortest), self._constant(graph.attribute[exponent]))
        return self._operation(op, *[self._operand(operand, shortest) for operand in operands])

    def _choice(self, index: int, addresses: Sequence[int]) -> Expr:
        first, last = addresses[0], addresses[-1]
        stride = (last - first) // max(len(addresses) - 1, 1)
        strided = all(address == first + stride * place for place, address in enumerate(addresses))
        if strided and self.arrays[first] == self.arrays[last]:
            self._numbers += (first, index)
            return self._one(("gather", stride), Gather(MEMORY, (HOLE,), (stride,), HOLE))
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


@dataclass(frozen=True)
class Grouped:
    """The statements of a graph.

    Attributes:
        builder: made them.
        groups: statements of one form that compute the same array from the same arrays.
        zeros: results that are zero.
    """

    builder: StatementBuilder
    groups: list[list[Statement]]
    zeros: list[Span]


def form_reductions(
    graph: Graph, stored: bytearray, layout: Layout, where: Addressing, own_constants: bool = False
) -> Grouped:
    """The statements of a graph whose values are at the addresses `where`.

    Args:
        own_constants: whether groups may get arrays of constants, which are added to `layout`. Members of a family may
            not: they share their constants.
    """
    addresses = where.nodes
    # Constants are no array, and which of them are read makes no difference.
    region = list(layout.region)
    for at in layout.constants:
        region[at] = -1
    builder = StatementBuilder(graph, stored, addresses, where.inputs, region, layout.region, [])
    statements = [builder.statement(node) for node in range(len(graph)) if stored[node]]
    statements = _unify(builder, region, statements)
    zeros: list[Span] = []
    copies: list[Statement] = []
    for output in graph.outputs:
        start = where.outputs[output.name]
        for offset, node in enumerate(output.nodes):
            if node < 0:
                _extend(zeros, start + offset)
            elif addresses[node] != start + offset:
                copies.append(builder.copy(node, start + offset))
    groups = _group(region, statements + copies)
    if own_constants:
        groups = [_with_constants(layout, group) for group in groups]
    return Grouped(builder, groups, zeros)


def _extend(spans: list[Span], address: int) -> None:
    if spans and spans[-1].start + spans[-1].size == address:
        spans[-1] = replace(spans[-1], size=spans[-1].size + 1)
    else:
        spans.append(Span(MEMORY, address, 1))


def _unify(builder: StatementBuilder, region: Sequence[int], statements: list[Statement]) -> list[Statement]:
    """Sums of one or two terms count as folds where others of their array are, and as plain operations elsewhere."""
    longest: dict[tuple[int, Form], int] = {}
    for statement in statements:
        if statement.steps:
            key = (region[statement.numbers[0]], statement.form)
            longest[key] = max(longest.get(key, 0), _terms(statement))
    # The term of the folds of an array that have one run of one term each.
    terms: dict[int, tuple[Expr, Form]] = {}
    for (array, form), most in longest.items():
        fold = form.fold
        if most <= 2 or fold is None or fold is not form.body.value or len(fold.runs) > 1:
            continue
        match fold.runs[0].parts:
            case (term,) if not isinstance(term, Run):
                terms[array] = (term, form)
    unified = []
    for statement in statements:
        array = region[statement.numbers[0]]
        if statement.steps and longest[array, statement.form] <= 2:
            unified.append(builder.statement(statement.target, shortest=3))
        elif array in terms and not statement.steps:
            unified.append(builder.as_fold(statement, *terms[array]))
        else:
            unified.append(statement)
    return unified


def _terms(statement: Statement) -> int:
    """How many terms its fold has, or more than two."""
    fold, form = statement.form.fold, statement.form
    if fold is None or len(form.counts) > len(fold.runs):
        return _MANY
    return sum(
        statement.numbers[count] * len(run.parts) for (count, _), run in zip(form.counts, fold.runs, strict=True)
    )


def _group(region: Sequence[int], statements: Sequence[Statement]) -> list[list[Statement]]:
    groups: dict[_Key, list[Statement]] = {}
    for statement in statements:
        form, numbers = statement.form, statement.numbers
        key = (region[numbers[0]], form, *(region[numbers[place]] for place in form.bases))
        groups.setdefault(key, []).append(statement)
    return list(groups.values())


def _with_constants(layout: Layout, group: list[Statement]) -> list[Statement]:
    """Statements that each have a constant of their own, such as a row of data, find it beside their target.

    Equal constants are one node of the graph, so their own addresses are not strided. A copy for each statement is.
    """
    # A fold of one term has no steps, where others of its group have some.
    steps = list(dict.fromkeys(statement.steps for statement in group))
    for place, around in group[0].form.loads:
        if any(step[inside] for run, inside in around for runs in steps if (step := runs[run])):
            continue
        read = {statement.numbers[place] for statement in group}
        if len(read) == 1 or not read <= layout.constants.keys():
            continue
        targets = [statement.numbers[0] for statement in group]
        lowest, span = min(targets), max(targets) - min(targets) + 1
        # Beside each target where these are dense, else one after the other.
        offsets = [target - lowest for target in targets] if span <= 4 * len(group) else list(range(len(group)))
        texts = [""] * (max(offsets) + 1)
        for offset, statement in zip(offsets, group, strict=True):
            texts[offset] = layout.constants[statement.numbers[place]]
        start = layout.constant_array(texts)
        group = [
            replace(each, numbers=(*each.numbers[:place], start + offset, *each.numbers[place + 1 :]))
            for offset, each in zip(offsets, group, strict=True)
        ]
    return group
