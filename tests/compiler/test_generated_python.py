"""Generated Python: what is written is what is computed, whatever things are called."""

from __future__ import annotations

import ast
import keyword
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from differential.executions import load
from hypothesis import given, settings
from hypothesis import strategies as st
from small_graphs import check_all, traced, written

from microgpt.compiler.functions import constant_maximum, scope, select
from microgpt.compiler.ir.builder import GraphBuilder
from microgpt.compiler.ir.graph import Graph, Origin, Output, Tensor
from microgpt.compiler.ir.interpret import evaluate_nodes
from microgpt.compiler.ir.names import identifier, value_names
from microgpt.compiler.ir.ops import ADD, CONST, DIV, EXP, INPUT, LOG, MAX, MUL, OPS, POW, RELU, STEP, UNLESS, WHERE
from microgpt.compiler.pipeline import compile_graph, compile_python, compile_python_map
from microgpt.compiler.python.expressions import Expressions, runs
from microgpt.compiler.python.form_statements import form_statements

NAMESPACE: dict[str, Any] = {}
exec("from math import inf, nan\nfrom microgpt.compiler.arithmetic import *", NAMESPACE)


def a_tree(random: Random, size: int) -> Graph:
    """A graph of `size` operations in which each serves one other, so that all stand in few expressions."""
    build = GraphBuilder("tree", (Tensor("x", "x", 0, (4,)),), (), (Origin("", "", "tree.py", 1, "tree"),))
    waiting = [build.node(INPUT, attribute=number) for number in range(4)]
    build.constants += [-1.0, 2.0, -0.5, float("inf")]
    waiting += [build.node(CONST, attribute=number) for number in range(4)]
    leaves = list(waiting)
    for _ in range(size):
        op = random.choice((ADD, ADD, MUL, MUL, ADD, MUL, DIV, POW, EXP, LOG, RELU, STEP, MAX, MAX, WHERE, UNLESS))
        if op in (WHERE, UNLESS):
            continue
        a, b = (random.choice(waiting[-3:] if random.random() < 0.8 else waiting) for _ in range(2))
        for used in {a, b} - set(leaves):
            waiting.remove(used)
        if op == POW:
            b = random.choice(leaves[4:])
        waiting.append(build.node(op, *(a, b)[: len(OPS[op].types)]))
    return build.finish([Output("out", tuple(waiting[8:]) or (leaves[0],))])


@settings(max_examples=300)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_text_of_an_expression_computes_its_tree(seed: int, size: int) -> None:
    random = Random(seed)
    graph = a_tree(random, size)
    x = [random.choice((0.3, -1.7, 2.0, 1e-3, 0.0, 5.5)) for _ in range(4)]
    values = evaluate_nodes(graph, {"x": x}, {})
    statements = form_statements(graph)
    names = value_names(graph, statements.roots)
    variables = {"x": x, **NAMESPACE}
    expressions = Expressions(statements, names)
    for statement, root in enumerate(statements.roots):
        expressions.load_inputs([statement])
        text = expressions.text(statement)
        for line in expressions.take_loads():
            exec(line.text, variables)
        variables[names[root]] = found = eval(text, variables)
        assert found == values[root] or (found != found and values[root] != values[root]), text


@given(st.lists(st.integers(0, 60), unique=True).map(sorted))
def test_runs_are_the_numbers_in_order(numbers: list[int]) -> None:
    found = list(runs(numbers))
    assert [number for run in found for number in run] == numbers
    for run in found:
        assert len({after - before for before, after in pairwise(run)}) <= 1


WEIRD = [
    "class",
    "None",
    "é",
    "层",
    "layer３",
    "layer3",
    "l3",
    "١",
    "a-b",
    "1x",
    "x",
    "_1",
    "d-x",
    "def0",
    "a_1",
    "a",
    "A",
]


def test_names_are_distinct_identifiers() -> None:
    def function(x: Any) -> Any:
        total = x[0]
        for number, name in enumerate(WEIRD * 2):
            with scope(name), scope(WEIRD[-number % len(WEIRD)], number % 4):
                total = (total * x[number % 6]).relu() + total
        return total

    graph = compile_graph(lambda: traced(function), "x")
    names = list(value_names(graph, range(len(graph))).values())
    assert all(name.isidentifier() and name.isascii() and not keyword.iskeyword(name) for name in names)
    assert len(set(names)) == len(names)
    check_all(function, {"x": [0.5, -1.5, 2.0, 0.3, -0.2, 1.1]})


@given(st.text())
def test_anything_becomes_an_identifier(text: str) -> None:
    assert identifier(text).isidentifier()
    assert identifier(text).isascii()


def test_names_that_are_taken_are_avoided() -> None:
    graph = written("%0 = input 0", "%1 = exp %0", "%2 = log %1", "output out = %2")
    assert value_names(graph, [1, 2], {"small_0", "small_1", "small_1_"}) == {1: "small_0_", 2: "small_1__"}


ARGUMENTS = [
    "memory",
    "max",
    "power",
    "inf",
    "nan",
    "run",
    "finish",
    "loss",
    "gradient",
    "class",
    "x_0",
    "checked_0",
    "é",
]


@pytest.mark.parametrize("name", [*ARGUMENTS, "p0", "part0_forward", "divide", "exp", "logarithm", "self", "_"])
def test_an_argument_may_have_any_name(name: str) -> None:
    def function(**arguments: Any) -> Any:
        x = arguments[name]
        u = (x[0] * x[1]).exp() + constant_maximum(x) * x[2]
        return (u + 1 / x[0]).log() * u + float("inf") * 0 * x[1]

    check_all(function, {name: [0.3, 0.7, 1.5]}, name="checked")


@pytest.mark.parametrize("index", ["p", "x", "t", "t1", "i", "checked_", "v_0_", "loss", "memory", "parameters0"])
def test_an_index_may_have_any_name(index: str) -> None:
    def function(parameters: Any, **indices: Any) -> Any:
        choices = [number for numbers in indices.values() for number in numbers]
        u = parameters[0] * parameters[1] * parameters[2]
        return sum(select(parameters, choice) * u * (n + 1) for n, choice in enumerate(choices))

    indices = {index: [2, 1, 0, 3, 0, 1, 2, 3, 2, 1, 0, 3], "t": [3], "t1": [0, 1], "p": [1]}
    check_all(function, {"parameters": [0.3, 0.7, -1.5, 2.5]}, limits=dict.fromkeys(indices, 4), **indices)


def test_a_graph_may_have_any_name() -> None:
    for name in ('"""', "a\\", 'ends with "', "\\N{dash}", "{x}"):
        check_all(lambda x: x[0] * x[1], {"x": [2.0, 3.0]}, name=name)


def test_more_inputs_than_variables() -> None:
    """Neighbouring results that read many inputs each: what one has loaded must not be overwritten for another."""

    def function(x: Any, y: Any) -> Any:
        total = 0
        for row in range(20):
            for column in range(30):
                total = total + x[row] * y[30 * row + column]
        return total

    random = Random(0)
    x, y = [random.random() for _ in range(20)], [random.random() for _ in range(600)]
    check_all(function, {"x": x, "y": y})
    check_all(function, {"x": x, "y": y}, gradient="y")


def test_results_that_are_read_straight_from_the_caller() -> None:
    build = GraphBuilder("copy", (Tensor("x", "x", 0, (300,)),), (), (Origin("", "", "copy.py", 1, "copy"),))
    nodes = tuple(build.input(number) for number in range(300))
    graph = build.finish([Output("out", nodes[::-1]), Output("again", nodes)])
    x = [float(number) for number in range(300)]
    assert load(compile_python(graph))(x) == (x[::-1], x)


def test_neighbours_in_different_arguments() -> None:
    check_all(lambda x, y: (x[0] * y[0]).relu() * (x[0] + y[0] + y[1]), {"x": [3.0], "y": [4.0, 5.0]})
    check_all(lambda x, y, i: select([x[0], y[0]], i[0]) * x[0], {"x": [3.0], "y": [4.0]}, i=[1])
    check_all(lambda x, y, i: select([x[0], y[0]], i[0]) * x[0], {"x": [3.0], "y": [4.0]}, gradient="y", i=[1])


@pytest.mark.parametrize("function", [lambda x: x[0], lambda x: 3.0, lambda x: x[1] * 0, lambda x: x[0] * 1 + 0])
def test_programs_without_a_statement(function: Any) -> None:
    check_all(function, {"x": [2.0, 3.0]})


@pytest.mark.parametrize(
    "step",
    [
        lambda v, x: (v * -0.5 + 1).exp(),
        lambda v, x: x[0] + v * x[1],
        lambda v, x: x[0] * (x[1] + v),
        lambda v, x: (v + x[0]).relu() * 0.5,
        lambda v, x: 1 / (v * v + 1),
        lambda v, x: v + x[0],
        lambda v, x: v * x[0],
        lambda v, x: constant_maximum([v, x[0]]) + v,
        lambda v, x: (v * v + 1.0) ** -0.5,
        lambda v, x: -v,
    ],
)
def test_deep_chains(step: Any) -> None:
    def function(x: Any) -> Any:
        value = x[0] * 1.5
        for _ in range(1200):  # more than Python may recurse
            value = step(value, x)
        return value * x[1]

    check_all(function, {"x": [0.3, 0.6]})


def test_a_deep_chain_of_maxima() -> None:
    def function(x: Any) -> Any:
        highest = constant_maximum(x)
        for n in range(1200):
            highest = constant_maximum([x[n % 2] * n, highest, highest + x[0]])
        return x[0] * highest

    check_all(function, {"x": [0.3, 0.6]})


def test_a_maximum_of_sums_of_maxima() -> None:
    def function(x: Any) -> Any:
        return constant_maximum([constant_maximum(x[:2]) + constant_maximum(x[2:4]), x[4] * 3.0]) * x[0]

    check_all(function, {"x": [1.5, 0.2, 0.3, 0.4, 1.5]})


def test_very_long_names() -> None:
    def function(x: Any) -> Any:
        with scope("a" * 70), scope("b" * 70):
            u = x[0] * x[1]
            return u.relu() + u * x[2]

    check_all(function, {"x": [1.5, 0.2, 0.3]})


def test_lines_are_short_and_comments_name_the_model() -> None:
    source = check_all(lambda x: sum(a * b for a, b in zip(x, x[::-1], strict=True)), {"x": [0.5] * 40})
    ast.parse(source)
    assert "# the function, forward: test_generated_python.py:" in source
    assert max(map(len, source.splitlines())) <= 120


@pytest.mark.parametrize("mapped", [("x",), ("x", "y")])
def test_a_map_carries_out_each_lane(mapped: tuple[str, ...]) -> None:
    from microgpt.compiler.trace import trace
    from microgpt.compiler.tracing.traced_scalar import TracedNumber

    def function(inputs: Any, indices: Any) -> Any:
        (x,), (y,), (rate,) = inputs["x"], inputs["y"], inputs["rate"]
        return {"x": [x - rate * y / (x**2 + 1) ** 0.5 + 1 / x]}

    tensors = [Tensor(name, name, place, ()) for place, name in enumerate(("x", "y", "rate"))]
    graph = compile_graph(lambda: trace(function, "step", tensors, (), TracedNumber))
    run = load(compile_python_map(graph, mapped))
    for x in ([1.0, 2.0, -3.0], [1.0, 0.0, -3.0], [1e308, float("inf"), 0.0]):
        y: Any = [0.5, -0.5, 2.0] if "y" in mapped else 0.5
        expected = []
        for lane, value in enumerate(x):
            other = y[lane] if "y" in mapped else y
            with_one = {"x": [value], "y": [other], "rate": [0.1]}
            expected.append(evaluate_nodes(graph, with_one, {})[graph.outputs[0].nodes[0]])
        found = list(x)
        run(found, y, 0.1)
        assert all(a == b or (a != a and b != b) for a, b in zip(found, expected, strict=True))
