"""Contract: which values of a graph are stored, and what each of them is computed from. Chains of additions become
folds.

In: a graph and, for every stored value, its address. Out: a `Statement` for each stored value: a recipe (see `loops`)
over slots. A value is stored if it is used more than once or is a result; all others are part of the statement that
uses them. Afterwards ``((a*b + c*d) + e*f) + ...`` is one fold whose terms, where they are alike and evenly spaced in
memory, are one run. The order of every sum stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..ir.graph import Graph
from ..ir.ops import ADD, CONST, EQUAL, GATHER, INDEX, INPUT, MAX, MUL, POW, SELECT
from ..ir.rewrite import count_uses
from .loop_program import Recipe, parts_of

__all__ = ["Contractor", "Statement", "shift", "stored_nodes"]

# Expressions are nested no deeper than this, so that generated lines stay short and recursion over them stays bounded.
_HEIGHT = 8
_FOLDED = (ADD, MAX)
_INLINE = (CONST, INPUT, INDEX, EQUAL, GATHER)
_MEMORY: Recipe = ("mem", 0)
_PRODUCT: Recipe = (MUL, ("mem", 0), ("mem", 1))

_Term = tuple[Recipe, tuple[int, ...]]


@dataclass(slots=True)
class Statement:
    """One stored value.

    Attributes:
        target: the node; -1 for a copy into an output or a scatter.
        recipe, slots: how it is computed; slot 0 is the target's address.
        steps: per run of a fold, the steps of its slots; None for a run that is not repeated.
        row_stride: see `Nest`.
        chosen: addresses of which an index chooses what is read.
        moved: of a copy or a scatter, the node whose value it is.
    """

    target: int
    recipe: Recipe
    slots: tuple[int, ...]
    steps: tuple[tuple[int, ...] | None, ...]
    row_stride: int | None = None
    chosen: tuple[int, ...] = ()
    moved: int = -1


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
                        stored[operand] = 1  # a recipe has one fold
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


class Contractor:
    """Makes the statements of one graph.

    Args:
        address: of every stored node, input and constant; -1 for others.
        inputs: of each input number, its address.
        places: addresses that selects choose from; grows.
    """

    def __init__(
        self, graph: Graph, stored: bytearray, address: Sequence[int], inputs: Sequence[int], places: list[int]
    ) -> None:
        self.graph = graph
        self.stored = stored
        self.address = address
        self.inputs = inputs
        self.places = places
        self._list_places: dict[tuple[int, ...], int] = {}
        self._chosen: list[int] = []

    def statement(self, node: int, shortest: int = 2) -> Statement:
        """The statement of a stored node. Sums of fewer than `shortest` alike terms do not count as folds."""
        slots = [self.address[node]]
        runs: list[tuple[int, tuple[int, ...] | None]] = []
        recipe = self._expression(node, slots, runs, shortest)
        if shortest == 2 and _folds(recipe) > 1:
            return self.statement(node, shortest=3)
        return self._finish(node, recipe, slots, runs)

    def copy(self, node: int, target: int) -> Statement:
        """Copies a value into an output."""
        slots = [target]
        statement = self._finish(-1, self._operand(node, slots, [], 3), slots, [])
        statement.moved = node
        return statement

    def scatter(self, node: int, index: int, base: int, stride: int) -> Statement:
        """Adds a value to a row of an output."""
        slots = [base, self.graph.attribute[index]]
        statement = self._finish(-1, self._operand(node, slots, [], 3), slots, [])
        statement.row_stride, statement.moved = stride, node
        return statement

    def _finish(
        self, node: int, recipe: Recipe, slots: list[int], runs: list[tuple[int, tuple[int, ...] | None]]
    ) -> Statement:
        steps: list[tuple[int, ...] | None] = []
        for start, step in runs:
            steps.append(None if step is None else (0,) * start + step + (0,) * (len(slots) - start - len(step)))
        chosen, self._chosen = tuple(self._chosen), []
        return Statement(node, recipe, tuple(slots), tuple(steps), None, chosen)

    def _operand(
        self, node: int, slots: list[int], runs: list[tuple[int, tuple[int, ...] | None]], shortest: int
    ) -> Recipe:
        address = self.address[node]
        if address >= 0:
            slots.append(address)
            return ("mem", len(slots) - 1)
        return self._expression(node, slots, runs, shortest)

    def _expression(
        self,
        node: int,
        slots: list[int],
        runs: list[tuple[int, tuple[int, ...] | None]],
        shortest: int,
    ) -> Recipe:
        graph = self.graph
        op, attribute = graph.op[node], graph.attribute[node]
        if op in _FOLDED and shortest < 1000:
            folded = self._fold(node, slots, runs, shortest)
            if folded is not None:
                return folded
        if op == CONST:
            return ("const", graph.constants[attribute].hex())
        operands = graph.flat[graph.starts[node] : graph.starts[node + 1]]
        if op == GATHER:
            table = graph.tables[attribute]
            slots += (self.inputs[table.base], graph.attribute[operands[0]])
            return ("row", len(slots) - 2, table.stride, len(slots) - 1)
        if op == EQUAL:
            slots += (graph.attribute[operands[0]], attribute)
            return ("equal", len(slots) - 2, len(slots) - 1)
        if op == SELECT:
            index, *choices = operands
            return self._select(graph.attribute[index], choices, slots)
        if op == POW:
            base, exponent = operands
            power = graph.constants[graph.attribute[exponent]].hex()
            return (op, self._operand(base, slots, runs, shortest), ("const", power))
        return (op, *[self._operand(operand, slots, runs, shortest) for operand in operands])

    def _select(self, index: int, choices: Sequence[int], slots: list[int]) -> Recipe:
        addresses = [self.address[value] for value in choices]
        self._chosen += addresses
        stride = addresses[1] - addresses[0]
        if all(address == addresses[0] + stride * place for place, address in enumerate(addresses)):
            slots += (addresses[0], index)
            return ("row", len(slots) - 2, stride, len(slots) - 1)
        start = self._list_places.get(tuple(addresses))
        if start is None:
            start = self._list_places[tuple(addresses)] = len(self.places)
            self.places += addresses
        slots += (start, index)
        return ("pick", len(slots) - 2, len(slots) - 1)

    def _fold(
        self, node: int, slots: list[int], runs: list[tuple[int, tuple[int, ...] | None]], shortest: int
    ) -> Recipe | None:
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
        if len(terms) == 2 and terms[0][0] != terms[1][0]:
            return None
        recipes = []
        for count, step, period in find_runs(terms):
            slots.append(count)
            count_slot = len(slots) - 1
            start = len(slots)
            parts = []
            for recipe, numbers in period:
                parts.append(shift(recipe, len(slots)))
                slots += numbers
            runs.append((start, step))
            recipes.append((count_slot, tuple(parts)))
        return ("fold", op, tuple(recipes))

    def _term(self, node: int) -> _Term:
        address = self.address
        if address[node] >= 0:
            return _MEMORY, (address[node],)
        graph = self.graph
        if graph.op[node] == MUL:
            start = graph.starts[node]
            a, b = address[graph.flat[start]], address[graph.flat[start + 1]]
            if a >= 0 and b >= 0:
                return _PRODUCT, (a, b)
        slots: list[int] = []
        recipe = self._expression(node, slots, [], 1000)
        return recipe, tuple(slots)

    def single(self, node: int) -> _Term:
        """The value of a stored node as a term, for a fold of one."""
        slots: list[int] = []
        recipe = self._expression(node, slots, [], 1000)
        return recipe, tuple(slots)


def _folds(recipe: Recipe) -> int:
    """How many folds there are in a recipe."""
    return 1 if recipe[0] == "fold" else sum(_folds(part) for part in parts_of(recipe))


def shift(recipe: Recipe, by: int) -> Recipe:
    """The recipe with all its slots renumbered."""
    if not by:
        return recipe
    kind = recipe[0]
    if kind == "mem":
        return ("mem", recipe[1] + by)
    if kind == "row":
        return ("row", recipe[1] + by, recipe[2], recipe[3] + by)
    if kind in ("pick", "equal"):
        return (kind, recipe[1] + by, recipe[2] + by)
    if kind == "const":
        return recipe
    return (kind, *(shift(part, by) for part in recipe[1:]))


def find_runs(terms: list[_Term]) -> list[tuple[int, tuple[int, ...] | None, list[_Term]]]:
    """Splits the terms of a fold into runs: how often, the steps of the slots (None if once), the terms repeated."""
    runs: list[tuple[int, tuple[int, ...] | None, list[_Term]]] = []
    at, end = 0, len(terms)
    while at < end:
        best = (1, 1)
        for period in range(1, 5):
            count = _repeats(terms, at, period)
            if count > 1 and count * period > best[0] * best[1]:
                best = (count, period)
            if best[0] * best[1] * 2 > end - at:
                break
        count, period = best
        if count * period < 3 and end > 2:
            count = period = 1
        step = None if count == 1 else _step(terms, at, period)
        runs.append((count, step, terms[at : at + period]))
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
    if at + 2 * period > end or any(terms[place][0] != terms[place + period][0] for place in range(at, at + period)):
        return 1
    count, step = 2, _step(terms, at, period)
    if period == 1:
        # The long runs are here, so this case has a loop of its own.
        recipe, numbers = terms[at + 1]
        for other, following in terms[at + 2 :]:
            if other != recipe or following != tuple(map(_plus, numbers, step)):
                break
            numbers = following
            count += 1
        return count
    while at + (count + 1) * period <= end:
        place = at + (count - 1) * period
        if (
            any(terms[place + k][0] != terms[place + period + k][0] for k in range(period))
            or _step(terms, place, period) != step
        ):
            break
        count += 1
    return count


def _plus(a: int, b: int) -> int:
    return a + b
