"""A compiled function against the eager autograd: every stage, every backend, as bits, at given points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from ...compiler.ir.graph import Graph
from ...compiler.ir.interpret import evaluate_nodes, interpret
from ...compiler.numerics import current
from ...compiler.passes.differentiate import differentiate
from ...compiler.passes.sink_through_selects import sink_through_selects
from ...runtime.executable.executable import Executable
from ...runtime.executable.function import CompiledFunction
from ...runtime.executable.repeat import BLOCK
from ...runtime.executable.replay import replay
from ...runtime.executable.row_c import rows_source
from ...runtime.executable.row_data import Rows
from ...runtime.executable.row_executable import RowsExecutable
from ...runtime.executable.row_program import interpreted, near_rows
from ...runtime.machine.find_toolchain import vector_width_here
from ...runtime.machine.toolchain import ToolchainError
from ...runtime.reporting import Report, silent
from ...runtime.value import Value
from ..subject.function import FunctionSubject
from ..text.document import Document
from .bisect import Case, Numbers, first_unequal, locate
from .drift import relative_drift
from .verdict import Verdict

__all__ = ["Point", "eagerly", "point_of", "points_near", "verify_function"]


@dataclass(frozen=True)
class Point:
    """Where a function is tried.

    Attributes:
        words: what the point is, for messages.
        arguments: by argument of the graph, its floats.
        indices: by name, its whole numbers.
        rows: of each argument that is rows of data.
    """

    words: str
    arguments: Mapping[str, Sequence[float]]
    indices: Mapping[str, Sequence[int]]
    rows: Sequence[Rows] = ()

    @property
    def numbers(self) -> list[int]:
        """All whole numbers."""
        return [number for numbers in self.indices.values() for number in numbers]

    def worth(self, graph: Graph) -> tuple[list[float], str]:
        """What every operation of a graph is worth here, and a few words of whose values these are."""
        return evaluate_nodes(graph, self.arguments, self.indices), f"for {self.words}"


# Enough for blocks and a rest.
_ROWS = 2 * BLOCK + 3


def point_of(subject: FunctionSubject, arguments: Sequence[Any]) -> Point:
    """The point of arguments that the function takes.

    Raises:
        TypeError, IndexError, OverflowError: if it does not take them.
    """
    structure, graph = subject.function._structure, subject.function.ir
    floats, numbers = structure.flatten(arguments)
    split = {"parameters": floats[: structure.size], "data": floats[structure.size :]}
    given = {name: split[name] for name in subject.example}
    return Point("these arguments", given, _by_name(graph, numbers), subject.function._rows_among(arguments))


def points_near(subject: FunctionSubject, count: int, seed: int = 42) -> list[Point]:
    """The example, and points near it, with random indices."""
    random = Random(seed)
    graph = subject.function.ir
    found = []
    for number in range(count):
        arguments = {
            name: [each + random.gauss(0.0, (each or 1.0) / 64) if number else each for each in numbers]
            for name, numbers in subject.example.items()
        }
        indices = [random.randrange(tensor.limit) for tensor in graph.indices for _ in range(tensor.count)]
        words = f"point {number} near the example" if number else "the example"
        rows = [near_rows(node, _ROWS + number, words) for node in subject.function._many.values()]
        found.append(Point(words, arguments, _by_name(graph, indices), rows))
    return found


def _by_name(graph: Graph, indices: Sequence[int]) -> dict[str, Sequence[int]]:
    return {tensor.name: indices[tensor.start : tensor.start + tensor.count] for tensor in graph.indices}


def eagerly(subject: FunctionSubject, point: Point) -> tuple[Value | None, Numbers]:
    """The function on the eager autograd: its result, if that is one number, and the program's outputs by name.

    The function itself runs where its value or gradient is wanted. For further derivatives, the eager autograd repeats
    what the trace recorded, since it has no second derivatives of its own.
    """
    function, wanted = subject.function, subject.function._wanted
    if wanted.derivative not in ("", "gradient") and function._program is None:
        return None, _replayed(subject, point)
    values, outputs = _called(function, point)
    found = {
        name: [each.data if isinstance(each, Value) else float(each) for each in leaves]
        for name, leaves in outputs.items()
    }
    results = [each if isinstance(each, Value) else Value(float(each)) for each in outputs["value"]]
    if wanted.derivative:
        found[wanted.derivative] = []
        for result in results:
            for value in (*values, *result._walk()):
                value.grad = 0.0
            Value(result.data, (result,), (1.0,)).backward()
            found[wanted.derivative] += (value.grad for value in values[: len(point.arguments["parameters"])])
    return results[0], found


def _called(function: CompiledFunction, point: Point) -> tuple[list[Value], dict[str, list[Any]]]:
    """The values of a call of the function itself, and its results by output."""
    values = [Value(number) for numbers in point.arguments.values() for number in numbers]
    arguments = list(function._structure.arrange(values, point.numbers))
    for (place, node), rows in zip(function._many.items(), point.rows, strict=True):
        arguments[place] = [
            node.row.arrange(list(map(Value, rows.floats_of(row))), rows.indices_of(row)) for row in range(rows.count)
        ]
    outputs: dict[str, list[Any]] = {"value": []}
    function._taken_apart(function._function(*arguments), outputs)
    return values, outputs


def _replayed(subject: FunctionSubject, point: Point) -> Numbers:
    traced = subject.trace()
    if subject.derivative in ("hessian", "hvp"):
        traced = differentiate(sink_through_selects(traced).graph, str(subject.gradient), scatter=False).graph
    return replay(traced, subject.gradient, point.arguments, point.indices, subject.derivative)


def verify_function(subject: FunctionSubject, points: Iterable[Point], report: Report = silent) -> Verdict:
    """Compares every stage and every backend with the eager autograd.

    Args:
        report: takes what is being compiled.
    """
    runs: dict[str, Callable[[Point], Numbers]] = {}
    parts = subject.function._program
    if parts is None:
        graphs: dict[str, Graph] = {}
        subject.compile(lambda stage: graphs.__setitem__(stage.name, stage.product))
        for name, graph in graphs.items():
            runs[name] = _interpreted(graph)
    else:
        runs["dce"] = lambda point: interpreted(parts, point.arguments, point.numbers, point.rows)
    programs = {"python": subject.executable("python", report)}
    missing = ""
    try:
        programs["c"] = subject.executable("c", report)
    except ToolchainError as error:
        missing = str(error).partition("\n")[0]
    for name, program in programs.items():
        runs[name] = _carried_out(program)
    counts, drifts = dict.fromkeys(runs, 0), dict.fromkeys(runs, 0.0)
    tried: list[str] = []
    for point in points:
        result, expected = eagerly(subject, point)
        for name, run in runs.items():
            found = run(point)
            is_fast = name == "c" and current().fast
            wrong = None if is_fast else _first(expected, found)
            if is_fast:
                common = (output for output in found if output in expected)
                drifts[name] = max(
                    drifts[name], *(relative_drift([*expected[each]], [*found[each]]) for each in common)
                )
            if wrong is not None:
                if parts is not None:
                    return _difference(subject, name, point, wrong, expected, None)
                case = Case(
                    subject, programs["python"].path, point.arguments, point.indices, expected,
                    {"value": [result]} if result else {}, partial(runs["python"], point),
                )  # fmt: skip
                return _difference(subject, name, point, wrong, expected, case)
            counts[name] += sum(len(numbers) for output, numbers in found.items() if output in expected)
        tried.append(point.words)
    for looped in [subject.looped] if parts is None else rows_source(parts, vector_width_here()).looped:
        looped.prove()
    return _equal(subject, counts, drifts, tried, missing)


def _interpreted(graph: Graph) -> Callable[[Point], Numbers]:
    return lambda point: interpret(graph, point.arguments, point.indices)


def _carried_out(program: Executable) -> Callable[[Point], Numbers]:
    if isinstance(program, RowsExecutable):
        return lambda point: program.outputs(point.arguments, point.numbers, point.rows)
    names = [output.name for output in program.graph.outputs]
    return lambda point: dict(zip(names, program.run(*point.arguments.values(), *point.indices.values()), strict=True))


def _first(expected: Numbers, found: Numbers) -> tuple[str, int, float, float] | None:
    for name, numbers in found.items():
        if name not in expected:  # such as the gradient, on the way to a Hessian
            continue
        place = first_unequal(expected[name], numbers)
        if place is not None:
            return name, place, expected[name][place], numbers[place]
    return None


def _equal(
    subject: FunctionSubject,
    counts: Mapping[str, int],
    drifts: Mapping[str, float],
    tried: Sequence[str],
    missing: str,
) -> Verdict:
    document, total = Document(), sum(counts.values())
    where = tried[0] if len(tried) == 1 else f"{len(tried)} points"
    but = " but those of fast C" if current().fast and not missing else ""
    words = f"{subject.name} at {where}: {total:,} numbers, all{but} equal to the eager autograd's, bit by bit"
    document.say(words, 80)
    document.gap()
    rows = [
        [name, f"{count:,}", f"off by {drifts[name]:.1e} at most" if but and name == "c" else "equal"]
        for name, count in counts.items()
    ]
    rows.append(["loops", "", "proved, for all numbers"])
    document.table(["stage", "numbers", ""], [[name, count, words] for name, count, words in rows], left=1)
    if missing:
        document.notes.append(f"C was not tried: {missing}")
    stages = [{"name": name, "compared": count, "drift": drifts[name]} for name, count in counts.items()]
    document.data = {"program": dict(subject.about, name=subject.name), "points": len(tried), "compared": total,
                     "stages": stages, "difference": None}  # fmt: skip
    return Verdict(document, None)


def _difference(
    subject: FunctionSubject,
    stage: str,
    point: Point,
    wrong: tuple[str, int, float, float],
    results: Numbers,
    case: Case | None,
) -> Verdict:
    name, place, expected, found = wrong
    number = f"{name}[{place}]" if len(results[name]) > 1 else name
    if name == "gradient":
        number += f" in {subject.function.ir.input_name(place)}"
    lines = [f"{point.words}: {number} differs in {stage}", *_numbers("eager", expected), *_numbers("found", found)]
    first = locate(case) if case else None
    if first is not None:
        lines += [f"the first operation that differs, at the stage {first.stage}:", f"  {first.operation}"]
        lines += [*_numbers("expected", first.expected), *_numbers("found", first.found)]
    elif case:
        lines.append(f"generated Python gives the right numbers: the fault is in {stage}")
    document = Document()
    for line in lines:
        document.say(line)
    document.data = {"program": dict(subject.about, name=subject.name), "points": 0, "compared": 0, "stages": [],
                     "difference": lines}  # fmt: skip
    return Verdict(document, lines)


def _numbers(label: str, number: float) -> list[str]:
    return [f"  {label:<9} {number!r:<24} {float(number).hex()}"]
