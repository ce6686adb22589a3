"""Row programs: a function with sums over rows as programs, and the loops over the rows between them.

In: the traced graph of the function, its clean graph with the derivative, and its loops. Out: a `RowProgram`: for each
loop a graph that computes the shared scalars, and the graphs of its rows; behind the last loop, the clean graph. All of
them work on the numbers of the clean graph's inputs: the arguments, and for each loop its sums and their derivatives.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from random import Random
from typing import Any, TypeAlias

from ...compiler.ir.graph import Graph
from ...compiler.ir.interpret import evaluate_nodes, interpret
from ...compiler.ir.ops import INPUT
from ...compiler.pipeline import compile_graph
from .nodes import ManyRows
from .not_finite import NotFinite, not_finite
from .repeat import BLOCK
from .row_data import Rows
from .row_graphs import FIXED, INITIAL, RowPlan, plan_of
from .row_sums import ROW, SHARED, RowLoop
from .witness import Witness, carried_out, compare, eager_witnesses

__all__ = [
    "RowProgram",
    "Run",
    "check_row_program",
    "first_not_finite",
    "interpreted",
    "near_rows",
    "row_program",
    "run_loops",
]

# From arguments by name, and indices, to results by name.
Run: TypeAlias = Callable[[Mapping[str, Sequence[float]], Sequence[int]], Mapping[str, Sequence[float]]]


@dataclass(frozen=True)
class Before:
    """What comes before a loop.

    Attributes:
        loop: its output has the shared scalars.
        traced: the graph around the loops, before any pass.
    """

    loop: RowLoop
    traced: Graph

    @cached_property
    def graph(self) -> Graph:
        """The shared scalars, clean."""
        return compile_graph(lambda: self.traced, None, outputs=(self.loop.shared,))

    @cached_property
    def inputs(self) -> list[int] | None:
        """The numbers of the inputs that the shared scalars are; None if something has to be computed."""
        nodes = self.graph.output(self.loop.shared).nodes if self.loop.size else ()
        if any(self.graph.op[node] != INPUT for node in nodes):
            return None
        return [self.graph.attribute[node] for node in nodes]

    def witnesses(self) -> list[Witness]:
        """What the eager autograd gives for it."""
        return eager_witnesses(self.traced, None)


@dataclass(frozen=True)
class RowProgram:
    """The parts.

    Attributes:
        traced: the function, before any pass.
        ir: what comes behind the last loop, clean.
        plans, before: of each loop.
        rows: of the arguments that are rows of data, their place and structure.
    """

    traced: Graph
    ir: Graph
    plans: tuple[RowPlan, ...]
    before: tuple[Before, ...]
    rows: Mapping[int, ManyRows]

    @cached_property
    def size(self) -> int:
        """How many inputs the clean graph has."""
        return sum(tensor.size for tensor in self.ir.inputs)

    @cached_property
    def numbers(self) -> dict[int, int]:
        """The number of each argument that is rows, by its place."""
        return {place: number for number, place in enumerate(self.rows)}

    @property
    def arguments(self) -> dict[str, tuple[int, int]]:
        """The arguments of a call: name to first input number and size."""
        first = min((plan.loop.start for plan in self.plans), default=self.size)
        return {name: span for name, span in self.traced.arguments().items() if span[0] < first}

    @property
    def fingerprint(self) -> list[str]:
        """What decides what the programs are."""
        digests = [f"{loop.graph.fingerprint} {loop.place} {loop.mean}" for loop in (plan.loop for plan in self.plans)]
        return [self.ir.fingerprint, self.traced.fingerprint, *digests]

    @property
    def operations(self) -> int:
        """How many operations all programs have, and one of a block for each row."""
        graphs = [self.ir, *(plan.one.graph for plan in self.plans)]
        return sum(map(len, graphs)) + sum(len(each.graph) for each in self.before if each.inputs is None)


def row_program(traced: Graph, ir: Graph, loops: Sequence[RowLoop], rows: Mapping[int, ManyRows]) -> RowProgram:
    """The parts of a function.

    Args:
        traced: it, before any pass.
        ir: with its derivative, clean.
    """
    return RowProgram(
        traced, ir, tuple(plan_of(loop, ir) for loop in loops), tuple(Before(loop, traced) for loop in loops), rows
    )


def run_loops(
    program: RowProgram,
    before: Sequence[Run | None],
    of_row: Sequence[Run],
    behind: Run,
    arguments: Mapping[str, Sequence[float]],
    indices: Sequence[int],
    rows: Sequence[Rows],
) -> Mapping[str, Sequence[float]]:
    """Carries a program out.

    Args:
        before, of_row, behind: run its parts.
        arguments: by name; of the clean graph, without sums and their derivatives.
        rows: of each argument that is rows, in order.
    """
    spans = program.ir.arguments()
    inputs = [0.0] * program.size
    for name, numbers in arguments.items():
        start, size = spans[name]
        inputs[start : start + size] = numbers

    def given(graph: Graph) -> dict[str, list[float]]:
        return {name: inputs[start : start + size] for name, (start, size) in graph.arguments().items()}

    for plan, first, run_before, run_row in zip(program.plans, program.before, before, of_row, strict=True):
        loop = plan.loop
        if run_before is None:
            shared: Sequence[float] = [inputs[number] for number in first.inputs or ()]
        else:
            shared = run_before(given(first.graph), indices)[loop.shared]
        names = plan.one.graph.arguments()
        values: dict[str, Sequence[float]] = {
            SHARED: [shared[at] for at in plan.shared],
            FIXED: [shared[at] for at in plan.fixed],
        }
        slopes: Sequence[float] = [0.0] * (len(plan.results) * len(plan.shared))
        sums = [0.0] * loop.count
        data = rows[program.numbers[loop.place]]
        for row in range(data.count):
            values[ROW], values[INITIAL] = data.floats_of(row), list(slopes)
            found = run_row({name: values[name] for name in names}, data.indices_of(row))
            sums = [total + result for total, result in zip(sums, found["results"], strict=True)]
            slopes = list(found.get("jacobian", ()))
        if loop.mean:
            sums, slopes = [total / data.count for total in sums], [slope / data.count for slope in slopes]
        inputs[loop.start : loop.start + loop.count] = sums
        for place, result in enumerate(plan.results):
            for other, number in enumerate(plan.shared):
                at = loop.start + loop.count + result * loop.size + number
                inputs[at] = slopes[place * len(plan.shared) + other]
    return behind(given(program.ir), indices)


def interpreted(
    program: RowProgram, arguments: Mapping[str, Sequence[float]], indices: Sequence[int], rows: Sequence[Rows]
) -> Mapping[str, Sequence[float]]:
    """What the interpreter gives for a program."""

    def run_of(graph: Graph) -> Run:
        def run(arguments: Mapping[str, Sequence[float]], numbers: Sequence[int]) -> Mapping[str, Sequence[float]]:
            spans = {tensor.name: numbers[tensor.start : tensor.start + tensor.count] for tensor in graph.indices}
            return interpret(graph, arguments, spans)

        return run

    before = [None if each.inputs is not None else run_of(each.graph) for each in program.before]
    of_row = [run_of(plan.one.graph) for plan in program.plans]
    return run_loops(program, before, of_row, run_of(program.ir), arguments, indices, rows)


class _Found(Exception):  # noqa: N818
    def __init__(self, found: NotFinite) -> None:
        super().__init__(found)
        self.found = found


def first_not_finite(
    program: RowProgram,
    arguments: Mapping[str, Sequence[float]],
    indices: Sequence[int],
    rows: Sequence[Rows],
    names: Sequence[str],
) -> NotFinite | None:
    """The operation that first gives a NaN or an infinity: before a loop, in the first such row, or behind the loops.

    Args:
        names: of the arguments that are rows.
    """

    def run_of(graph: Graph, name: str = "") -> Run:
        count = 0

        def run(arguments: Mapping[str, Sequence[float]], numbers: Sequence[int]) -> Mapping[str, Sequence[float]]:
            nonlocal count
            spans = {tensor.name: numbers[tensor.start : tensor.start + tensor.count] for tensor in graph.indices}
            values = evaluate_nodes(graph, arguments, spans)
            found = not_finite(graph, values, (f"row {count} of {name}",) if name else ())
            if found:
                raise _Found(found)
            count += 1
            return interpret(graph, arguments, spans)

        return run

    before = [None if each.inputs is not None else run_of(each.graph, "") for each in program.before]
    of_row = [run_of(plan.one.graph, names[program.numbers[plan.loop.place]]) for plan in program.plans]
    try:
        run_loops(program, before, of_row, run_of(program.ir), arguments, indices, rows)
    except _Found as error:
        return error.found
    return None


def near_rows(node: ManyRows, count: int, seed: str, spread: float = 0.25) -> Rows:
    """The row of the example, and others near it, with random indices."""
    random = Random(seed)
    floats, indices = array("d"), array("i")
    for number in range(count):
        floats.extend(x + random.gauss(0.0, (x or 1.0) * spread) if number else x for x in node.example)
        for tensor in node.row.indices:
            indices.extend(random.randrange(tensor.limit) for _ in range(tensor.count))
    return Rows(count, floats, indices, node.row)


def check_row_program(
    run: Callable[[Mapping[str, Sequence[float]], Sequence[int], Sequence[Rows]], Mapping[str, Sequence[float]]],
    program: RowProgram,
    example: Mapping[str, Sequence[float]],
) -> None:
    """Checks a whole program against the interpreter of its graphs.

    Args:
        example: by name, arguments that the function is defined for.

    Raises:
        ProofError: naming the first result that differs.
    """
    random = Random("witness rows")
    for count in (1, BLOCK - 1, BLOCK, 2 * BLOCK + 3):
        rows = [
            near_rows(node, count + 2 * number, f"{count} {number}")
            for number, node in enumerate(program.rows.values())
        ]
        arguments: dict[str, Any] = {
            name: [x + random.gauss(0.0, (x or 1.0) / 64) for x in numbers]
            for name, numbers in example.items()
            if name in program.arguments
        }
        indices = [random.randrange(tensor.limit) for tensor in program.ir.indices for _ in range(tensor.count)]
        again = partial(interpreted, program, arguments, indices, rows)
        compare(f"the program {program.ir.name}", again(), carried_out("it", run, arguments, indices, rows), again)
