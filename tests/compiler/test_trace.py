"""What can be recorded is recorded with its origin; a function that changes is refused."""

from __future__ import annotations

import inspect
import itertools
import math
from typing import Any

import pytest
from small_graphs import traced

from microgpt.compiler.errors import CompileError, TraceError
from microgpt.compiler.functions import constant_maximum, scope, select
from microgpt.compiler.ir.graph import Graph, IndexTensor, Tensor
from microgpt.compiler.ir.ops import OPS
from microgpt.compiler.pipeline import compile_graph
from microgpt.compiler.trace import check_again, trace
from microgpt.compiler.tracing.traced_scalar import TracedNumber


def trace_twice(*arguments: Any) -> Graph:
    first = trace(*arguments)
    check_again(first, trace(*arguments))
    return first


def test_a_traced_value_has_a_text() -> None:
    def function(x: Any, i: Any) -> Any:
        assert f"{x[0]} {constant_maximum(x)!r} {i[0]!s}" == "<TracedScalar %0> <TracedNumber %11> <TracedIndex %6>"
        assert len({x[0], x[1], x[0]}) == 2
        return x[0]

    traced(function, i=(1, 3))


def test_values_of_two_traces_do_not_mix() -> None:
    kept: list[Any] = []

    def first(x: Any) -> Any:
        kept.append(x[0])
        return x[0]

    traced(first)
    with pytest.raises(TraceError, match=r"test_trace\.py:\d+: a value of another trace"):
        traced(lambda x: x[0] + kept[0])
    with pytest.raises(TraceError, match="another trace"):
        traced(lambda x: kept[0])


def test_a_function_that_changes_is_refused() -> None:
    calls = itertools.count()

    def changing(inputs: Any, indices: Any) -> Any:
        return {"loss": [inputs["x"][0] * next(calls)]}

    with pytest.raises(
        TraceError, match=r"something else each time .* const 0\.0 at first and const 1\.0 then \(test_trace"
    ):
        trace_twice(changing, "changing", [Tensor("x", "x", 0, (1,))])


def test_a_function_that_grows_is_refused() -> None:
    calls = itertools.count(1)

    def growing(inputs: Any, indices: Any) -> Any:
        return {"loss": [sum(inputs["x"][0] for _ in range(next(calls)))]}

    with pytest.raises(TraceError, match="nothing at first"):
        trace_twice(growing, "growing", [Tensor("x", "x", 0, (1,))])


def test_a_function_that_returns_something_else_is_refused() -> None:
    calls = itertools.count()

    def switching(inputs: Any, indices: Any) -> Any:
        return {"loss": [inputs["x"][next(calls)]]}

    with pytest.raises(TraceError, match="returns something else"):
        trace_twice(switching, "switching", [Tensor("x", "x", 0, (2,))])


def test_a_nan_does_not_look_like_a_change() -> None:
    graph = trace_twice(lambda a, n: {"loss": [a["x"][0] * -math.nan]}, "nan", [Tensor("x", "x", 0, (1,))])
    assert len(graph) == 3


def test_origins_are_the_users_lines_and_scopes() -> None:
    def function(x: Any, i: Any) -> Any:
        with scope("outer"), scope("unit", 3):
            a = x[0] * x[1]
        b = constant_maximum([a, x[2]])
        return select([a + b, a - b, a * b], i[0])

    graph = traced(function, i=(1, 3))
    first = inspect.getsourcelines(function)[1]
    by_name = {OPS[graph.op[node]].name: graph.origins[graph.origin[node]] for node in range(len(graph))}
    assert by_name["max"].line == first + 3
    assert by_name["max"].function == "function"
    assert by_name["select"].line == first + 4
    scopes = {origin.scope for origin in graph.origins if origin.line == first + 2}
    assert scopes == {"outer.unit3"}
    assert {origin.file for origin in graph.origins if origin.line} == {"test_trace.py"}


def test_no_gradient_flows_through_a_maximum_of_one() -> None:
    graph = traced(lambda x: x[0] * constant_maximum([x[1]]))
    assert "max" in {OPS[op].name for op in graph.op}


def test_a_select_of_the_compiler_error_names_the_users_line() -> None:
    def unlike(x: Any, i: Any) -> Any:
        values = [x[0].exp(), x[1].log(), x[2] * 2]
        return select(values, i[0]) + values[0]

    line = inspect.getsourcelines(unlike)[1] + 2
    with pytest.raises(CompileError, match=rf"test_trace\.py:{line} "):
        compile_graph(lambda: traced(unlike, i=(1, 3)), "x")


def test_division_of_numbers_is_one_division() -> None:
    graph = trace(
        lambda a, n: {"out": [a["x"][0] / a["x"][1] + 1 / a["x"][0] + a["x"][1] / 3]},
        "numbers",
        [Tensor("x", "x", 0, (2,))],
        (),
        TracedNumber,
    )
    names = [OPS[op].name for op in graph.op]
    assert names.count("div") == 3
    assert "pow" not in names


@pytest.mark.parametrize(
    "name", ["a b", "", "-", ".", "a.b", "*/", '"""', "a\nb", "\u2028", "a\\N", "a'", "a#", "a;b", "a%b", "__"]
)
def test_a_scope_that_cannot_be_written_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a scope is named with letters"), scope(name):
        pass


@pytest.mark.parametrize("name", ["class", "é", "层", "layer３", "1x", "a-b", "_a", "None", "x" * 200])
def test_any_word_is_a_scope(name: str) -> None:
    def function(x: Any) -> Any:
        with scope(name):
            return x[0] * x[1]

    assert name in {origin.scope for origin in traced(function).origins}


def test_a_file_with_a_line_break_in_its_name_breaks_no_line() -> None:
    namespace: dict[str, Any] = {"__name__": "a b\nc"}
    exec(compile("def function(x): return x[0] * x[1]", "/folder/a\n%1 b.py", "exec"), namespace)
    graph = traced(namespace["function"])
    assert all("\n" not in origin.file + origin.module and " " not in origin.module for origin in graph.origins)


def test_indices_have_the_limits_of_their_tensor() -> None:
    indices = [IndexTensor("i", 0, 2, 3), IndexTensor("j", 2, 1, 2)]

    def function(inputs: Any, numbers: Any) -> Any:
        assert [index.limit for index in numbers["i"] + numbers["j"]] == [3, 3, 2]
        return {"loss": [select(inputs["x"], numbers["j"][0])]}

    trace(function, "indices", [Tensor("x", "x", 0, (2,))], indices)


@pytest.mark.parametrize(
    "values",
    [
        "[a * 2.0 for a in x]",
        "[b for b in [[a * 2.0 for a in x] for _ in range(2)]][0]",
        "list(a * 2.0 for a in x)",
        "[b for b in (sum([a * 2.0, 1.0]) for a in x)]",
        "list([a * 2.0 for _ in range(2)][0] for a in x)",
        "list({n: a * 2.0 for n, a in enumerate(x)}.values())",
    ],
)
def test_a_comprehension_belongs_to_its_function_in_every_python(values: str) -> None:
    """Python 3.12 and newer inline some comprehensions, which then have no name."""
    namespace: dict[str, Any] = {}
    exec(f"def outer():\n    def function(x): return sum({values})\n    return function", namespace)
    graph = traced(namespace["outer"]())
    assert {origin.function for origin in graph.origins if origin.file == "<string>"} == {"function"}


def test_a_comprehension_outside_functions_belongs_to_the_module() -> None:
    def function(x: Any) -> Any:
        namespace = {"x": x}
        exec("results = [a * 2.0 for a in x]", namespace)
        return sum(namespace["results"])

    assert "<module>" in {origin.function for origin in traced(function).origins}
