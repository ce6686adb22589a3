"""Expressions: the Python text of a statement, and the loads of inputs that must stand before it.

An input is read into a local variable together with its neighbours, by one slice, and stays there while later statements
of the function use it: a row of weights is read once for all positions. Parentheses are written only where Python's own order of
evaluation would be another, so the text computes exactly the tree of the graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .form_statements import Statements
from .ops import ADD, CONST, EQUAL, GATHER, INDEX, INPUT, MAX, MUL, OPS, SELECT, UNLESS, WHERE, Field

__all__ = ["Expressions", "runs"]

# Input variables of a function: enough for a row of a wide layer, few enough to keep CPython's short instructions.
WINDOW = 128

# How tightly an expression binds, as Python's grammar orders them.
_CHOICE, _SUM, _PRODUCT, _ATOM = range(4)


class Expressions:
    """Writes the statements of one function.

    Args:
        statements: of the graph.
        names: the variable of each statement's root.
        inputs: variables that hold inputs already, by input number.
        raising: whether to write what may raise an exception instead of computing an infinity or NaN.
    """

    def __init__(
        self, statements: Statements, names: dict[int, str], inputs: dict[int, str] | None = None, raising: bool = False
    ) -> None:
        self.statements = statements
        self.graph = statements.graph
        self.names = names
        self._arguments = [(start, name) for name, (start, _) in self.graph.arguments().items()]
        self._spelling = [(row.python_raising if raising else "") or row.python for row in OPS]
        self._window: dict[int, str] = dict(inputs or {})
        self._loads: list[str] = []
        self._indices: dict[int, str] = {}

    def take_loads(self) -> list[str]:
        """The assignments that must stand before what has been written since the last call."""
        loads, self._loads = self._loads, []
        return loads

    def index_loads(self) -> Iterator[str]:
        """The assignments of the index variables used so far; they stand at the head of the function."""
        for number, name in sorted(self._indices.items()):
            tensor = self.graph.indices[self._index_tensor(number)]
            yield f"{name} = {tensor.name}[{number - tensor.start}]"

    def text(self, statement: int) -> str:
        """The expression of a statement."""
        graph, texts = self.graph, {}
        ops, column_a, column_b = graph.op, graph.a, graph.b
        body = self.statements.bodies[statement]
        self._load_inputs(body)

        def operand(node: int, tightness: int) -> str:
            found = texts.get(node)
            if found is None:
                found = (self.names[node], _ATOM) if node in self.names else self._leaf(node)
            return found[0] if found[1] >= tightness else f"({found[0]})"

        for node in body:
            op, a, b = ops[node], column_a[node], column_b[node]
            if op == MUL:
                texts[node] = f"{operand(a, _PRODUCT)} * {operand(b, _ATOM)}", _PRODUCT
            elif op == ADD:
                left, right = operand(a, _SUM), operand(b, _PRODUCT)
                if right.endswith(" * -1.0"):  # a + (-b) is a - b, to the bit
                    texts[node] = f"{left} - {right.removesuffix(' * -1.0')}", _SUM
                else:
                    texts[node] = f"{left} + {right}", _SUM
            elif op in (WHERE, UNLESS):
                texts[node] = self._spelling[op].format(a=operand(a, _SUM), b=operand(b, _SUM)), _CHOICE
            elif op == SELECT:
                values = ", ".join(operand(value, _CHOICE) for value in graph.lists[b])
                texts[node] = self._spelling[op].format(a=operand(a, _CHOICE), b=values), _ATOM
            elif op == MAX and operand(a, _CHOICE).startswith("max("):
                texts[node] = f"{operand(a, _CHOICE)[:-1]}, {operand(b, _CHOICE)})", _ATOM
            else:
                spelling = self._spelling[op]
                tightness = _CHOICE if spelling[0].isalpha() else _ATOM  # a call's parentheses are enough
                second = operand(b, tightness) if OPS[op].b is Field.NODE else ""
                texts[node] = spelling.format(a=operand(a, tightness), b=second), _ATOM
        return texts[body[-1]][0]

    def leaf(self, node: int) -> str:
        """The text of a constant, an input, an index, or an input chosen by an index."""
        if self.graph.op[node] == INPUT:
            self._load([self.graph.a[node]])
        return self._leaf(node)[0]

    def _leaf(self, node: int) -> tuple[str, int]:
        graph = self.graph
        op, a, b = graph.op[node], graph.a[node], graph.b[node]
        if op == CONST:
            return repr(graph.constants[a]), _ATOM
        if op == INPUT:
            return self._window[a], _ATOM
        if op == INDEX:
            tensor = graph.indices[self._index_tensor(a)]
            return self._indices.setdefault(a, f"{tensor.name}{a - tensor.start}"), _ATOM
        if op == EQUAL:
            return f"{self._leaf(a)[0]} == {b}", _CHOICE
        assert op == GATHER
        table = graph.tables[b]
        start, name = self._argument(table.base)
        return f"{name}[{table.base - start} + {table.stride} * {self._leaf(a)[0]}]", _ATOM

    def _load_inputs(self, body: Sequence[int]) -> None:
        graph, window = self.graph, self._window
        ops, column_a, column_b = graph.op, graph.a, graph.b
        needed: list[int] = []
        for node in body:
            for operand in graph.operands(node) if ops[node] == SELECT else (column_a[node], column_b[node]):
                # A column that is no operand may be mistaken for one here; then an input is loaded in vain, at worst.
                if ops[operand] == INPUT and operand < node:
                    needed.append(column_a[operand])
        if not all(number in window for number in needed):
            self._load(needed)

    def _load(self, needed: Sequence[int]) -> None:
        window = self._window
        new = sorted({number for number in needed if number not in window})
        if len(window) + len(new) > WINDOW:
            window.clear()
            new = sorted(set(needed))
        first = len(window)
        for place, number in enumerate(new, first):
            window[number] = f"{self._argument(number)[1][0]}{place}"
        for run in runs(new):
            start, name = self._argument(run[0])
            names = ", ".join(window[number] for number in run)
            if len(run) == 1:
                self._loads.append(f"{names} = {name}[{run[0] - start}]")
            else:
                stride = run[1] - run[0]
                step = f":{stride}" if stride > 1 else ""
                self._loads.append(f"{names} = {name}[{run[0] - start}:{run[-1] - start + 1}{step}]")

    def _argument(self, number: int) -> tuple[int, str]:
        """The first input and the name of the argument that holds input `number`."""
        return next(entry for entry in reversed(self._arguments) if entry[0] <= number)

    def _index_tensor(self, number: int) -> int:
        tensors = self.graph.indices
        return next(place for place in range(len(tensors) - 1, -1, -1) if tensors[place].start <= number)


def runs(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cuts ascending numbers into stretches of equal stride: ``0 1 2 8 10 12`` into ``0 1 2`` and ``8 10 12``."""
    start = 0
    while start < len(numbers):
        end = start + 1
        if end < len(numbers):
            stride = numbers[end] - numbers[start]
            while end < len(numbers) and numbers[end] - numbers[end - 1] == stride:
                end += 1
            if end - start == 2 and stride > 1:
                end = start + 1  # two far numbers are no pattern
        yield numbers[start:end]
        start = end
