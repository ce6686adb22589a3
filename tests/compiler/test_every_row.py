"""Every row of the table of operations means the same everywhere: interpreted, in generated Python, in C, scalar and in
vectors of every width, over special numbers; and the gradient of the eager `Value` is that of the compiled program.
"""

from __future__ import annotations

import inspect
import math
import operator
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from differential.c_programs import CPrograms
from differential.executions import load, same
from small_graphs import check_all

import microgpt
from microgpt.compiler import elementary, functions
from microgpt.compiler.c.prelude import VECTOR_WIDTHS
from microgpt.compiler.functions import constant_maximum, maximum, minimum
from microgpt.compiler.ir.builder import GraphBuilder
from microgpt.compiler.ir.graph import Graph, IndexTensor, Origin, Output, Tensor
from microgpt.compiler.ir.interpret import interpret
from microgpt.compiler.ir.ops import (
    BRANCH,
    CALLED,
    LESS,
    LETTERS,
    LIBM,
    OPS,
    OPS_BY_NAME,
    POW,
    Op,
    Type,
    called_in,
    spell,
)
from microgpt.compiler.loops.interpret_loops import interpret_loops
from microgpt.compiler.number import Number
from microgpt.compiler.passes.cse import cse
from microgpt.compiler.pipeline import compile_graph, compile_loops, compile_python
from microgpt.compiler.python.emit_python_map import emit_python_map
from microgpt.compiler.python.form_statements import form_statements
from microgpt.compiler.trace import trace
from microgpt.compiler.tracing.traced_scalar import TracedNumber, TracedScalar
from microgpt.runtime.forward import Forward, Tangent
from microgpt.runtime.machine import probe
from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.value import Value

_SIZES = [
    0.0, 5e-324, 1e-310, sys.float_info.min, 1e-200, 1e-17, 2.0**-53, 1e-8, 0.1, 1 / 3, 0.5, 1.0, 1.0 + 2.0**-52,
    1.5, 2.0, math.pi / 2, 3.0, 5.9, 19.1, 36.8, 709.782712893384, 710.0, 745.2, 1e5, 1e16, 1e22, 1e155, 1e308,
    sys.float_info.max, math.inf,
]  # fmt: skip
_RANDOM = Random("rows")
NUMBERS = [
    *_SIZES, *(-size for size in _SIZES), math.nan, *(_RANDOM.gauss(0.0, 3.0) for _ in range(60)),
    *(_RANDOM.uniform(0.0, 1.0) for _ in range(40)),
]  # fmt: skip
OTHERS = _RANDOM.choices(NUMBERS, k=len(NUMBERS))
COUNT = len(NUMBERS)
EXPONENTS = [2.0, 0.5, -1.0, -0.5, 3.0, 1e300, 0.0, math.inf]
ROWS = [code for code, row in enumerate(OPS) if row.evaluate is not None and row.result is Type.REAL]
# Results of these are looked at through a branch: they are no numbers.
FLAGS = [code for code, row in enumerate(OPS) if row.result is Type.FLAG and not row.is_marked]


def _name(op: int) -> str:
    return OPS[op].name


def _builder(name: str, count: int) -> GraphBuilder:
    tensors = (Tensor("x", "x", 0, (count,)), Tensor("y", "y", count, (count,)))
    return GraphBuilder(name, tensors, (IndexTensor("i", 0, 2, 2),), (Origin("", "rows", "rows.py", 1, name),))


@cache
def forward(op: int, count: int = COUNT) -> Graph:
    """The operation on so many numbers: ``lanes`` has neighbours, which may be computed in vectors."""
    row, build = OPS[op], _builder(_name(op), count)
    x, y = [build.input(place) for place in range(count)], [build.input(count + place) for place in range(count)]
    flags = [build.equal(build.index(place), 1) for place in range(2)] if Type.FLAG in row.types else []
    if op == POW:
        rows = [[build.node(op, a, build.const(exponent)) for a in x] for exponent in EXPONENTS]
    elif op in FLAGS and row.types[0] is Type.FLAG:
        compared = [build.node(LESS, a, b) for a, b in zip(x, y, strict=True)]
        known = [[build.node(op, *(flag, each)[-len(row.types) :]) for each in compared] for flag in flags]
        rows = [[build.node(BRANCH, flag, a, b) for flag, a, b in zip(own, x, y, strict=True)] for own in known]
    elif op in FLAGS:
        rows = [[build.node(BRANCH, build.node(op, a, b), a, b) for a, b in zip(x, y, strict=True)]]
    elif flags:
        rows = [
            [build.node(op, flag, *operands) for operands in zip(*(x, y)[: len(row.types) - 1], strict=True)]
            for flag in flags
        ]
    else:
        rows = [[build.node(op, *operands) for operands in zip(*(x, y, x)[: len(row.types)], strict=True)]]
    # What does not depend on the flag is the same operation in both rows.
    return cse(build.finish([Output(f"row{place}", tuple(nodes)) for place, nodes in enumerate(rows)])).graph


def meant(op: int) -> list[list[float]]:
    """What the row says of the same numbers, with the index ``[0, 1]``."""
    evaluate: Any = OPS[op].evaluate
    if op == POW:
        return [[evaluate(a, exponent) for a in NUMBERS] for exponent in EXPONENTS]
    types, pairs = OPS[op].types, list(zip(NUMBERS, OTHERS, strict=True))
    if op in FLAGS and types[0] is Type.FLAG:
        return [[a if evaluate(*(flag, a < b)[-len(types) :]) else b for a, b in pairs] for flag in (False, True)]
    if op in FLAGS:
        return [[a if evaluate(a, b) else b for a, b in pairs]]
    if types[0] is Type.FLAG:
        return [[evaluate(flag, *pair[: len(types) - 1]) for pair in pairs] for flag in (False, True)]
    return [[evaluate(*operands) for operands in zip(*(NUMBERS, OTHERS, NUMBERS)[: len(OPS[op].types)], strict=True)]]


@cache
def differentiated(op: int, count: int = COUNT) -> Graph:
    """A sum of a function of so many numbers, or pairs of them, each times another one, and its gradient in all."""
    total_of = _total_of_pairs if op in PAIRS else _total

    def total(arguments: Any, indices: Any) -> Any:
        return {"loss": [total_of(op, arguments["x"])]}

    tensor = Tensor("x", "x", 0, (count * (1 + (op in PAIRS)),))
    return compile_graph(lambda: trace(total, f"slope_{_name(op)}", [tensor]), "x", check=True)


def _total(op: int, values: Sequence[Any]) -> Any:
    return sum(getattr(value, _name(op))() * (0.5 + place) for place, value in enumerate(values))


PAIRS = [OPS_BY_NAME[name] for name in ("maximum", "minimum", "power")]


def _total_of_pairs(op: int, values: Sequence[Any]) -> Any:
    rule = {"maximum": microgpt.maximum, "minimum": microgpt.minimum, "power": lambda a, b: a**b}[_name(op)]
    half = len(values) // 2
    pairs = enumerate(zip(values[:half], values[half:], strict=True))
    return sum(rule(a, b) * (0.5 + place) for place, (a, b) in pairs)


def eager_gradient(op: int, numbers: Sequence[float]) -> list[float]:
    values = [Value(number) for number in numbers]
    (_total_of_pairs if op in PAIRS else _total)(op, values).backward()
    return [value.grad for value in values]


def check(what: str, expected: Sequence[Sequence[float]], found: Sequence[Sequence[float]]) -> None:
    for numbers, others in zip(expected, found, strict=True):
        for place, (a, b) in enumerate(zip(numbers, others, strict=True)):
            assert same(a, b), f"{what} of {(*NUMBERS, *OTHERS)[place]!r} is {b!r}, not {a!r}"


ARGUMENTS = {"x": NUMBERS, "y": OTHERS}


@pytest.mark.parametrize("op", [*ROWS, *FLAGS], ids=_name)
def test_interpreted_and_in_python(op: int) -> None:
    graph = forward(op)
    check("interpreted", meant(op), list(interpret(graph, ARGUMENTS, {"i": [0, 1]}).values()))
    found = load(compile_python(graph))(NUMBERS, OTHERS, [0, 1])
    check("in Python", meant(op), found)


@pytest.mark.parametrize("op", [op for op in ROWS if OPS[op].types == (Type.REAL,)], ids=_name)
def test_in_python_for_each_of_many_lanes(op: int) -> None:
    build = GraphBuilder("map", (Tensor("x", "x", 0, ()),), (), (Origin("", "rows", "rows.py", 1, "map"),))
    graph = build.finish([Output("x", (build.node(op, build.input(0)),))])
    run = load(emit_python_map(form_statements(graph), ["x"]))
    for numbers in (NUMBERS, *([number] for number in NUMBERS)):  # with and without one that raises an exception
        lanes = list(numbers)
        run(lanes)
        assert all(map(same, lanes, map(OPS[op].evaluate, numbers))), numbers  # type: ignore[arg-type]


@pytest.fixture(
    scope="module",
    params=[*(pytest.param(width, marks=pytest.mark.slow) for width in VECTOR_WIDTHS[:-1]), VECTOR_WIDTHS[-1]],
)
def compiled(request: pytest.FixtureRequest, toolchain: Toolchain, tmp_path_factory: Any) -> tuple[CPrograms, int, str]:
    """All of it in C."""
    forwards, slopes = [*ROWS, *FLAGS], [*CALLED, *PAIRS]
    looped = {f"row_{_name(op)}": compile_loops(forward(op)) for op in forwards}
    looped |= {f"slope_{_name(op)}": compile_loops(differentiated(op)) for op in slopes}
    # One number at a time: a statement for each of them would say the same many times, and C compilers read slowly.
    straight = {f"row_{_name(op)}": forward(op, 1) for op in forwards}
    straight |= {f"slope_{_name(op)}": differentiated(op, 1) for op in slopes}
    folder = tmp_path_factory.mktemp(f"width{request.param}")
    programs = CPrograms(replace(toolchain, vector_width=request.param), folder, looped, straight)
    return programs, request.param, (folder / "loops.c").read_text()


@pytest.mark.parametrize("op", [*ROWS, *FLAGS], ids=_name)
def test_in_c(op: int, compiled: tuple[CPrograms, int, str]) -> None:
    programs, width, text = compiled
    name, row = _name(op), OPS[op]
    name = f"row_{name}"
    looped = programs.looped[name]
    looped.prove()
    for what, found in (
        ("by loops", interpret_loops(looped.program, looped.layout, ARGUMENTS, [0, 1])),
        ("by loops in C", programs.run_loops(name, ARGUMENTS, [0, 1])),
    ):
        check(f"{name}, {what}", meant(op), list(found.values()))
    pairs = zip(NUMBERS, OTHERS, strict=True)
    single = [programs.run_straight(name, {"x": [a], "y": [b]}, [0, 1]).values() for a, b in pairs]
    check(f"{name}, by straight C", meant(op), [[x for (x,) in row] for row in zip(*single, strict=True)])
    if call := called_in(spell(row.c_lanes, LETTERS, width=width)):
        assert f"{call}(load{width}" in text or f"{call}(flag{width}" in text, "it was not computed in vectors"
    elif op in FLAGS:
        assert f"blend{width}((" in text, "it was not computed in vectors"


@pytest.mark.parametrize("op", [*CALLED, *PAIRS], ids=_name)
def test_gradients(op: int, compiled: tuple[CPrograms, int, str]) -> None:
    programs, _, _ = compiled
    name = f"slope_{_name(op)}"
    graph, looped = differentiated(op), programs.looped[name]
    arguments = {"x": [*NUMBERS, *OTHERS] if op in PAIRS else NUMBERS}
    expected = eager_gradient(op, arguments["x"])
    _, python = load(compile_python(graph))(arguments["x"])
    for what, found in (
        ("interpreted", interpret(graph, arguments)["gradient"]),
        ("in Python", python),
        ("by loops", interpret_loops(looped.program, looped.layout, arguments, [])["gradient"]),
        ("by loops in C", programs.run_loops(name, arguments, [])["gradient"]),
    ):
        check(f"{name}, {what}", [expected], [found])
    for numbers in zip(NUMBERS, OTHERS, strict=True) if op in PAIRS else zip(NUMBERS, strict=True):
        found = programs.run_straight(name, {"x": numbers}, [])["gradient"]
        assert all(map(same, eager_gradient(op, numbers), found)), f"{name}, by straight C, of {numbers}"


@pytest.mark.parametrize("op", CALLED, ids=_name)
def test_slopes_are_those_of_the_functions(op: int) -> None:
    evaluate: Any = OPS[op].evaluate
    for number in (0.1, 0.7, 1.3, 2.9, -0.4, -0.9, -2.1):
        x = Value(number)
        getattr(x, _name(op))().backward()
        step = 1e-6
        expected = (evaluate(number + step) - evaluate(number - step)) / (2 * step)
        if expected == expected:
            assert x.grad == pytest.approx(expected, rel=1e-7, abs=1e-9), number


@pytest.mark.parametrize("op", CALLED, ids=_name)
def test_a_function_of_the_package_takes_all_kinds_of_scalars(op: int) -> None:
    name = _name(op)
    function, evaluate = getattr(microgpt, name), OPS[op].evaluate
    assert evaluate is not None
    assert function.__name__ == name in microgpt.__all__
    assert OPS[op].slope in function.__doc__
    for number in NUMBERS:
        results = [function(number), function(Number(number)), function(Value(number)).data]
        assert all(same(evaluate(number), result) for result in results), number
    assert [type(function(kind(0.5))) for kind in (float, Number, Value)] == [float, Number, Value]
    assert type(function(True)) is float

    def traced(arguments: Any, indices: Any) -> Any:
        x = arguments["x"][0]
        results = [function(x), function(microgpt.constant_maximum([x])), getattr(x, name)()]
        assert [type(result) for result in results] == [TracedScalar, TracedNumber, TracedScalar]
        return {"out": results}

    graph = trace(traced, "traced", (Tensor("x", "x", 0, ()),))
    assert [OPS[code].name for code in graph.op].count(name) == 3
    assert {origin.function for origin in graph.origins if origin.line} == {"traced"}
    with pytest.raises(TypeError, match="str is not a number"):
        function("0.5")


OF_ONE = [getattr(microgpt, _name(op)) for op in CALLED] + [
    lambda a: -a,
    lambda a: a**3,
    lambda a: 2**a,
    lambda a: 3 / a,
]
OF_TWO = [
    maximum, minimum, operator.pow, operator.add, operator.sub, operator.mul, operator.truediv,
    lambda a, b: microgpt.where(a < b, a, b), lambda a, b: microgpt.choose([a, b], 1),
]  # fmt: skip


@pytest.mark.parametrize("function", [*OF_ONE, *OF_TWO])
def test_scalars_that_remember_nothing(function: Any) -> None:
    """`Forward` has the numbers of `Value`; `Tangent` has its derivatives, too, wherever all is finite."""
    places, compared = range(2 if function in OF_TWO else 1), 0
    for numbers in zip(NUMBERS, OTHERS, strict=True):
        values = [Value(numbers[place]) for place in places]
        result = function(*values)
        result.backward()
        assert same(function(*map(Forward, numbers[: len(places)])).data, result.data), numbers
        for place in places:
            tangent = function(*(Tangent(numbers[at], float(at == place)) for at in places))
            assert same(tangent.data, result.data), numbers
            if all(map(math.isfinite, (*numbers, result.data, *(value.grad for value in values)))):
                assert tangent.slope == values[place].grad, numbers
                compared += 1
    assert compared > COUNT // 4


def test_abs_is_the_absolute_value() -> None:
    x = Value(-2.5)
    y = abs(x) * abs(Number(-3.0))
    y.backward()
    assert (y.data, x.grad, type(abs(Number(-3.0)))) == (7.5, -3.0, Number)


def test_a_subgradient_is_what_the_row_says() -> None:
    for function, number in ((microgpt.relu, 0.0), (microgpt.abs, 0.0), (microgpt.abs, -0.0)):
        x = Value(number)
        function(x).backward()
        assert x.grad == 0.0
    x = Value(0.0)
    microgpt.sqrt(x).backward()
    assert x.grad == math.inf


@pytest.mark.parametrize("kind", [float, Number, Value])
def test_maximum_and_minimum(kind: Any) -> None:
    numbers = [kind(number) for number in (2.0, -1.0, 7.5, 7.5, 3.0)]
    for best in (microgpt.maximum(*numbers), microgpt.maximum(numbers), microgpt.maximum(iter(numbers))):
        assert type(best) is kind
        assert getattr(best, "data", best) == 7.5
    assert getattr(least := microgpt.minimum(1, *numbers), "data", least) == -1.0
    assert microgpt.maximum(numbers[:1]) is numbers[0]
    assert math.isnan(microgpt.maximum(math.nan, 1.0))  # as max(nan, 1.0) does
    assert microgpt.maximum(1.0, math.nan) == 1.0
    for function in (microgpt.maximum, microgpt.minimum):
        with pytest.raises(ValueError, match="needs at least one value"):
            function([])
        with pytest.raises(ValueError, match="needs at least one value"):
            function()


def test_the_first_of_equal_ones_gets_the_gradient() -> None:
    for function, numbers, expected in (
        (microgpt.maximum, (1.0, 4.0, 4.0, 4.0), [0.0, 1.0, 0.0, 0.0]),
        (microgpt.minimum, (5.0, 4.0, -2.0, -2.0), [0.0, 0.0, 1.0, 0.0]),
        (microgpt.maximum, (-math.inf, -math.inf, -math.inf), [1.0, 0.0, 0.0]),
        (microgpt.maximum, (0.0, -0.0), [1.0, 0.0]),
        (microgpt.minimum, (5e-324, 0.0), [0.0, 1.0]),
    ):
        values = [Value(number) for number in numbers]
        function(values).backward()
        assert [value.grad for value in values] == expected


def test_powers_of_scalars() -> None:
    x, y = Value(1.7), Value(-2.3)
    (x**y).backward()
    assert (x.grad, y.grad) == (-2.3 * 1.7**-3.3, 1.7**-2.3 * math.log(1.7))
    y = Value(3.0)
    (2.0**y).backward()
    assert y.grad == 8.0 * math.log(2.0)
    assert [type(result) for result in (x ** Number(2.0), Number(2.0) ** x)] == [Value, Value]
    assert (type(Number(2.0) ** Number(3.0)), type(2 ** Number(3.0)), 2 ** Number(3.0)) == (Number, Number, 8.0)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[0] ** x[1] * x[2], lambda x: 2.0 ** x[0] + x[1] ** x[1], lambda x: x[0] ** constant_maximum(x),
        lambda x: constant_maximum(x) ** x[1] + 2 ** constant_maximum(x) * x[0],
        lambda x: constant_maximum(x) ** constant_maximum(x[1:]) * x[0], lambda x: x[0] ** constant_maximum([0.5, 2]),
        lambda x: maximum(x) * minimum(x) - maximum(x[0], 0.5), lambda x: minimum(1, *x, constant_maximum(x)) / 3,
        lambda x: maximum(constant_maximum(x), 2.0) * x[0], lambda x: maximum(x[0] * x[1], x[1] * x[2], 0).sqrt(),
        lambda x: maximum(3, 4) * x[0] + minimum([x[1]]) + maximum(constant_maximum([1, 2]), x[2]),
    ],
)  # fmt: skip
def test_one_language(function: Any) -> None:
    """What mixes kinds of scalars has the same bits eagerly and compiled."""
    for numbers in ([1.7, -2.3, 0.6], [0.0, 0.0, 1.0], [2.0, 2.0, 2.0], [math.inf, -1.0, math.nan], [0.0, -1.0, -0.0]):
        check_all(function, {"x": numbers})


@pytest.mark.parametrize("target", ["python", "c"])
def test_the_front_door(target: str, toolchain: Toolchain, tmp_path: Path) -> None:
    """Where the eager autograd carries out the trace, before the program may be used."""

    def function(x: Any, i: Any) -> Any:
        gated = [microgpt.sigmoid(a) * maximum(a, b, 0.25) ** b for a, b in pairwise(x)]
        return microgpt.select(gated, i) + minimum(gated).sqrt() - constant_maximum(gated) ** 0.5 * abs(x[0])

    compiled = microgpt.compile(function, [0.5] * 4, microgpt.index(3), target=target, cache=Cache.open(tmp_path))
    for numbers in ([1.5, 0.25, 2.0, 0.75], [0.0, 1.0, 1.0, 0.0], [-3.0, 0.5, math.inf, 1e-300]):
        values = [Value(number) for number in numbers]
        total = function(values, 1)
        total.backward()
        value, (gradient, _) = compiled(numbers, 1)
        assert all(map(same, [value, *gradient], [total.data, *(value.grad for value in values)])), numbers


def test_type_checkers_are_told_what_the_rows_say() -> None:
    names = sorted(_name(op) for op in CALLED)
    source = inspect.getsource(elementary)
    assert [line.split()[1].partition("(")[0] for line in source.splitlines() if line.endswith("-> Self: ...")] == names
    lines = inspect.getsource(functions).splitlines()
    assert [line.strip().removesuffix(": Function") for line in lines if line.endswith(": Function")] == names
    assert set(names) <= set(microgpt.__all__)


def test_a_compiler_is_probed_for_every_function_of_libm() -> None:
    assert {name for name in LIBM if name != "pow"} <= probe._RULES.keys()


def test_a_row_with_a_hole_is_refused() -> None:
    def row(**columns: Any) -> Op:
        rule: Any = lambda build, node, a: (build.one,)  # noqa: E731
        known = {"derivative": rule, "python": "f({a})", "c": "f({a})", "exact": "so", "doc": "f", "slope": "1"}
        return Op("f", (Type.REAL,), Type.REAL, math.sin, **{**known, **columns})

    row()
    for column in ("python", "c", "exact", "slope"):
        with pytest.raises(ValueError, match=column):
            row(**{column: ""})
    with pytest.raises(ValueError, match="derivative"):
        row(derivative=None)
