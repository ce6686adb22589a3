"""Expressions: the Python text of a statement, and the loads of inputs that must stand before it.

An input is read into a local variable together with its neighbours, by one slice, and stays there while later
statements of the function use it: a row of weights is read once for all positions. Parentheses are written only where
Python's own order of evaluation would be another, so the text computes exactly the tree of the graph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, groupby

from .. import arithmetic
from ..errors import InternalError
from ..ir.graph import Graph
from ..ir.names import unused
from ..ir.ops import (
    ADD,
    CONST,
    EQUAL,
    GATHER,
    INDEX,
    INPUT,
    MAX,
    MUL,
    OPS,
    SELECT,
    UNLESS,
    WHERE,
    Op,
    called_in,
    is_closed,
    spell,
)
from ..numerics import current
from .form_statements import Statements
from .line import Line, Purpose

__all__ = ["CALLS", "Expressions", "imports", "runs"]

# Input variables of a function: enough for a row of a wide layer, few enough to keep CPython's short instructions.
WINDOW = 128

# Inputs that one line reads, for people's sake.
ROW = 16

# Inputs in variables are called ``p17``, values ``l0_query_17``.
_LIKE_A_VALUE = re.compile(r".\d+|.*_\d+")

# How tightly an expression binds, as Python's grammar orders them.
_CHOICE, _SUM, _PRODUCT, _ATOM = range(4)


# What spellings call: no variable may be called so.
CALLS = tuple(sorted({name for row in OPS if (name := called_in(row.python))}))


def imports(graph: Graph, raising: bool = False) -> Iterator[str]:
    """The lines that import what the spellings of a graph's operations call.

    Args:
        raising: whether what may raise an exception is written too.
    """
    used = set(graph.op)
    ops = [row for code, row in enumerate(OPS) if code in used]
    spellings = [text for row in ops if (text := _spelling(row, raising)) != row.python]
    functions = {name for text in spellings if (name := called_in(text))}
    yield f"from math import {', '.join(sorted({'inf', 'nan', *functions}))}"
    homes: dict[str, list[str]] = {}
    for name in sorted({name for row in ops if hasattr(arithmetic, name := called_in(row.python))}):
        homes.setdefault(current().home(name).__name__, []).append(name)
    if homes:
        yield ""
    for home, names in sorted(homes.items()):
        yield f"from {home} import {', '.join(names)}"


def _spelling(row: Op, raising: bool) -> str:
    """How an operation is spelled. What may raise an exception calls libm, where it is no operator."""
    return row.python_raising if raising and row.python_raising and (current().libm or not row.libm) else row.python


class Expressions:
    """Writes the statements of one function.

    Args:
        statements: of the graph.
        names: the variable of each statement's root.
        inputs: variables that hold inputs already, by input number.
        raising: whether to write what may raise an exception instead of computing an infinity or NaN.
        variables: those that hold the arguments, by name; by default called like them.
    """

    def __init__(
        self,
        statements: Statements,
        names: dict[int, str],
        inputs: dict[int, str] | None = None,
        raising: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.statements = statements
        self.graph = statements.graph
        self.names = names
        variables = variables or {}
        self._taken = set(variables.values())
        self._arguments = [(start, variables.get(name, name)) for name, (start, _) in self.graph.arguments().items()]
        self._index_arguments = [variables.get(tensor.name, tensor.name) for tensor in self.graph.indices]
        self._spelling = [_spelling(row, raising) for row in OPS]
        # The variables that hold inputs, by input number; and those that hold nodes, be they statements or inputs.
        self._window: dict[int, str] = dict(inputs or {})
        self._variables = dict(names)
        self._loads: list[Line] = []
        self._indices: dict[int, tuple[str, int]] = {}  # variable and node

    def take_loads(self) -> list[Line]:
        """The assignments that must stand before what has been written since the last call."""
        loads, self._loads = self._loads, []
        return loads

    def index_loads(self) -> Iterator[Line]:
        """The assignments of the index variables used so far; they stand at the head of the function."""
        for number, (name, node) in sorted(self._indices.items()):
            place = self._index_tensor(number)
            text = f"{name} = {self._index_arguments[place]}[{number - self.graph.indices[place].start}]"
            yield Line(text, Purpose.READ, (node,))

    def text(self, statement: int) -> str:
        """The expression of a statement, whose inputs have been loaded."""
        graph = self.graph
        ops, starts, flat = graph.op, graph.starts, graph.flat
        body = self.statements.bodies[statement]
        texts: dict[int, tuple[str, int]] = {}
        variable = self._variables.get

        def operand(node: int, tightness: int) -> str:
            name = variable(node)
            if name is not None:
                return name
            text, bound = texts.get(node) or self._leaf(node)
            return text if bound >= tightness else f"({text})"

        for node in body:
            op, start = ops[node], starts[node]
            if op == MUL:
                # Most operands are variables; the shortcut halves the time of the whole stage.
                a, b = flat[start], flat[start + 1]
                left, right = variable(a) or operand(a, _PRODUCT), variable(b) or operand(b, _ATOM)
                texts[node] = f"{left} * {right}", _PRODUCT
                continue
            operands = flat[start : starts[node + 1]]
            if op == ADD:
                a, b = operands
                left, right = operand(a, _SUM), operand(b, _PRODUCT)
                if right.endswith(" * -1.0"):  # a + (-b) is a - b, to the bit
                    texts[node] = f"{left} - {right.removesuffix(' * -1.0')}", _SUM
                else:
                    texts[node] = f"{left} + {right}", _SUM
            elif op in (WHERE, UNLESS):
                texts[node] = spell(self._spelling[op], [operand(each, _SUM) for each in operands]), _CHOICE
            elif op == SELECT:
                index, *choices = (operand(each, _CHOICE) for each in operands)
                texts[node] = spell(self._spelling[op], (index, ", ".join(choices))), _ATOM
            elif op == MAX and ops[operands[0]] == MAX and operands[0] in texts:
                a, b = operands
                texts[node] = f"{operand(a, _CHOICE)[:-1]}, {operand(b, _CHOICE)})", _ATOM
            else:
                spelling = self._spelling[op]
                tightness = _CHOICE if spelling[0].isalpha() else _ATOM  # a call's parentheses are enough
                text = spell(spelling, [operand(each, tightness) for each in operands])
                texts[node] = text if is_closed(spelling) else f"({text})", _ATOM
        return texts[body[-1]][0]

    def leaf(self, node: int) -> str:
        """The text of a constant, an input, an index, or an input chosen by an index."""
        if self.graph.op[node] == INPUT:
            self._load([node])
            return self._variables[node]
        return self._leaf(node)[0]

    def _leaf(self, node: int) -> tuple[str, int]:
        graph = self.graph
        op, attribute = graph.op[node], graph.attribute[node]
        if op == CONST:
            return repr(graph.constants[attribute]), _ATOM
        if op == INDEX:
            return (self._indices.get(attribute) or self._name_index(attribute, node))[0], _ATOM
        if op == EQUAL:
            return spell(self._spelling[op], [self._leaf(graph.operands(node)[0])[0]], attribute), _CHOICE
        if op != GATHER:
            raise InternalError(f"%{node}, {OPS[op].name}, belongs to no statement and is no leaf")
        table = graph.tables[attribute]
        start, name = self._argument(table.base)
        offset = f"{table.base - start} + " if table.base > start else ""
        return f"{name}[{offset}{table.stride} * {self._leaf(graph.operands(node)[0])[0]}]", _ATOM

    def _name_index(self, number: int, node: int) -> tuple[str, int]:
        """Gives an index a variable: ``tokens3``, unless that is how values and inputs are called."""
        place = self._index_tensor(number)
        name = f"{self._index_arguments[place]}{number - self.graph.indices[place].start}"
        if _LIKE_A_VALUE.fullmatch(name):
            name += "_i"
        name = unused(name, self._taken)
        self._taken.add(name)
        self._indices[number] = name, node
        return self._indices[number]

    def load_inputs(self, statements: Sequence[int]) -> None:
        """Reads what several statements will need, in as few slices as possible."""
        graph, variables = self.graph, self._variables
        ops, starts, flat = graph.op, graph.starts, graph.flat
        needed: list[int] = []
        for node in chain.from_iterable(self.statements.bodies[statement] for statement in statements):
            for operand in flat[starts[node] : starts[node + 1]]:
                if ops[operand] == INPUT:
                    needed.append(operand)
        if not all(node in variables for node in needed):
            self._load(needed)

    def _load(self, nodes: Sequence[int]) -> None:
        window, node_of = self._window, {self.graph.attribute[node]: node for node in nodes}
        new = sorted(node_of.keys() - window.keys())
        if len(window) + len(new) > WINDOW:
            window.clear()
            self._variables = dict(self.names)
            new = sorted(node_of)
        for place, number in enumerate(new, len(window)):
            window[number] = unused(f"{self._argument(number)[1][0]}{place}", self._taken)
        self._variables.update((node, window[self.graph.attribute[node]]) for node in nodes)
        for (start, name), numbers in groupby(new, key=self._argument):
            for run in runs(list(numbers), longest=ROW):
                names = ", ".join(window[number] for number in run)
                if len(run) == 1:
                    place_ = str(run[0] - start)
                else:
                    stride = run[1] - run[0]
                    step = f":{stride}" if stride > 1 else ""
                    place_ = f"{run[0] - start}:{run[-1] - start + 1}{step}"
                read = tuple(node_of[number] for number in run)
                self._loads.append(Line(f"{names} = {name}[{place_}]", Purpose.READ, read))

    def _argument(self, number: int) -> tuple[int, str]:
        """The first input and the name of the argument that holds input `number`."""
        return next(entry for entry in reversed(self._arguments) if entry[0] <= number)

    def _index_tensor(self, number: int) -> int:
        tensors = self.graph.indices
        return next(place for place in range(len(tensors) - 1, -1, -1) if tensors[place].start <= number)


def runs(numbers: Sequence[int], longest: int | None = None) -> Iterator[Sequence[int]]:
    """Cuts ascending numbers into stretches of equal stride: ``0 1 2 8 10 12`` into ``0 1 2`` and ``8 10 12``."""
    longest = longest or len(numbers)
    start = 0
    while start < len(numbers):
        end = start + 1
        if end < len(numbers):
            stride = numbers[end] - numbers[start]
            while end < len(numbers) and end - start < longest and numbers[end] - numbers[end - 1] == stride:
                end += 1
            if end - start == 2 and stride > 1:
                end = start + 1  # two far numbers are no pattern
        yield numbers[start:end]
        start = end
