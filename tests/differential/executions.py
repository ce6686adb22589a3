"""Runs a program on every execution there is and compares them as bits."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any

from differential.programs import Program, arguments_of

from microgpt.compiler.errors import CompileError
from microgpt.compiler.ir.graph import Graph
from microgpt.compiler.ir.interpret import evaluate_nodes, interpret
from microgpt.compiler.ir.ops import ADD, CALLED, MUL, OPS_BY_NAME, POW
from microgpt.compiler.ir.text import format_graph, format_node, parse
from microgpt.compiler.passes.eager_order import differentiable_nodes
from microgpt.compiler.pipeline import GRAPH_STAGES, compile_graph, compile_python
from microgpt.compiler.python import allocate, expressions, form_statements
from microgpt.compiler.python.emit_python import _PythonModule
from microgpt.runtime.executable.program import compile_pieces
from microgpt.runtime.value import Value

__all__ = ["MismatchError", "compare", "load", "run_eagerly", "same", "shrink"]


class MismatchError(AssertionError):
    """Two executions of a program that differ."""


def same(a: float, b: float) -> bool:
    """Whether two results are the same number; NaN is equal to itself, and zeros of both signs are equal."""
    return a == b or (a != a and b != b)


def run_eagerly(program: Program) -> dict[str, list[float]]:
    """The results and their gradients by the eager autograd, which runs once for each of several results."""
    results: list[float] = []
    gradients: list[float] = []
    for place in range(len(program.results)):
        inputs = {name: [Value(value) for value in values] for name, values in program.inputs.items()}
        result = program.function(*inputs.values(), *program.indices.values())[place]
        result.backward()
        results.append(result.data)
        gradients += (value.grad for value in inputs[program.argument])
    return {"loss": results, program.derivative: gradients}


def load(source: str, name: str = "program.py") -> Any:
    """The ``run`` of a generated module."""
    namespace: dict[str, Any] = {"__name__": "generated"}
    for piece in compile_pieces(source, name):
        exec(piece, namespace)
    return namespace["run"]


def compare(program: Program) -> dict[str, Any] | None:
    """Compiles the program and compares eager, interpreted (after each stage) and generated results.

    Returns:
        each stage's product, by name; None if the program was refused for its selects, as it may be.

    Raises:
        MismatchError: naming what differs.
    """
    expected = run_eagerly(program)
    stages: dict[str, Any] = {}

    def observe(stage: Any) -> None:
        stages[stage.name] = stage.product

    try:
        graph = compile_graph(program.trace, program.argument, observe, check=True, derivative=program.derivative)
    except CompileError:
        if program.may_be_refused:
            return None
        raise
    for name, product in stages.items():
        results = interpret(product, program.inputs, program.indices)
        difference = _difference({key: expected[key] for key in results}, results)
        if difference:
            raise MismatchError(f"after {name}, {difference}; {_first_operation(program, stages, name)}")
    # The text takes longer than all else, so each program has one stage of it checked.
    name = list(stages)[program.seed % len(stages)]
    if parse(format_graph(stages[name])) != stages[name]:
        raise MismatchError(f"after {name}, the text form reads back as another graph")
    # Small programs would never need a second function, or a second load of an input.
    with _limits(TIGHT if program.seed % 3 == 0 and len(graph) < 3000 else {}):
        run = load(compile_python(graph, observe))
    results = dict(zip(("loss", program.derivative), run(*arguments_of(program)), strict=True))
    difference = _difference(expected, results)
    if difference:
        raise MismatchError(f"in generated Python, {difference}; {_first_statement(program, stages, run)}")
    return stages


# Modules of the compiler, with limits of theirs that only large programs reach.
TIGHT = {
    (allocate, "MOST_VALUES"): 7,
    (allocate, "MOST_OPERATIONS"): 40,
    (expressions, "WINDOW"): 5,
    (form_statements, "LONGEST"): 6,
    (form_statements, "DEEPEST"): 3,
}


@contextmanager
def _limits(limits: Mapping[tuple[ModuleType, str], int]) -> Iterator[None]:
    before = {key: getattr(*key) for key in limits}
    for (module, name), limit in limits.items():
        setattr(module, name, limit)
    try:
        yield
    finally:
        for (module, name), limit in before.items():
            setattr(module, name, limit)


def _difference(expected: Mapping[str, Sequence[float]], found: Mapping[str, Sequence[float]]) -> str:
    for name, numbers in expected.items():
        if len(numbers) != len(found[name]):
            return f"{name} has {len(found[name])} elements instead of {len(numbers)}"
        for place, (a, b) in enumerate(zip(numbers, found[name], strict=True)):
            if not same(a, b):
                return f"{name}[{place}] is {b!r} ({b.hex()}), eagerly {a!r} ({a.hex()})"
    return ""


def _first_operation(program: Program, stages: Mapping[str, Any], name: str) -> str:
    """The first operation that a stage changed."""
    names = list(stages)
    if name in ("trace", "differentiate", "jacobian"):
        return _first_traced(program, stages["trace"])
    before, stage = stages[names[names.index(name) - 1]], next(s for s in GRAPH_STAGES if s.__name__ == name)
    rewritten = stage(before)
    values = evaluate_nodes(before, program.inputs, program.indices)
    new_values = evaluate_nodes(rewritten.graph, program.inputs, program.indices)
    for node, new in enumerate(rewritten.ids):
        if new >= 0 and not same(values[node], new_values[new]):
            return (
                f"first operation that differs:\n  {format_node(before, node)}: {values[node]!r}\n"
                f"  {format_node(rewritten.graph, new)}: {new_values[new]!r}"
            )
    return "no operation differs, so the outputs are connected wrongly"


def _first_traced(program: Program, graph: Graph) -> str:
    """The first operation of the trace that is worth something else in the eager run."""
    made: list[float] = []

    original = Value.__init__

    def record(self: Value, data: float, _operands: tuple[Value, ...] = (), _grads: tuple[float, ...] = ()) -> None:
        original(self, data, _operands, _grads)
        if _operands:
            made.append(self.data)

    Value.__init__ = record  # type: ignore[method-assign]
    try:
        run_eagerly(program)
    finally:
        Value.__init__ = original  # type: ignore[method-assign]
    total = sum(len(values) for values in program.inputs.values())
    flows = differentiable_nodes(graph, range(total))
    recorded = {ADD, MUL, POW, *CALLED, *(OPS_BY_NAME[name] for name in ("maximum", "minimum", "power"))}
    nodes = [node for node, op in enumerate(graph.op) if op in recorded and flows[node]]
    values = evaluate_nodes(graph, program.inputs, program.indices)
    for node, eager in zip(nodes, made, strict=False):
        if not same(values[node], eager):
            return f"first operation that differs:\n  {format_node(graph, node)}: {values[node]!r}, eagerly {eager!r}"
    return "the values agree, so it is the order or the operations of the backward pass"


def _first_statement(program: Program, stages: Mapping[str, Any], run: Any) -> str:
    """The first variable of generated code that differs from the interpreter."""
    layout, graph = stages["allocate"], stages["dce"]
    values = evaluate_nodes(graph, program.inputs, program.indices)
    node_of = {name: node for node, name in _PythonModule(layout).names.items()}
    differing: list[int] = []

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "return":
            differing.extend(
                node_of[name]
                for name, value in frame.f_locals.items()
                if name in node_of and not same(value, values[node_of[name]])
            )

    sys.setprofile(profile)
    try:
        run(*arguments_of(program))
    finally:
        sys.setprofile(None)
    if not differing:
        return "every variable agrees, so the outputs are written wrongly"
    return f"first operation that differs:\n  {format_node(graph, min(differing))}: {values[min(differing)]!r}"


def shrink(program: Program, failure: type[Exception]) -> Program:
    """A shorter program that fails in the same way: lines are left out as long as it does."""
    for place in reversed(range(len(program.lines))):
        shorter = program.without(place)
        try:
            compare(shorter)
        except Exception as error:
            if type(error) is failure:
                program = shorter
    return program
