"""Conditions, `where` and `choose`: eagerly, traced, in Python and in C the same bits; nothing comes from what is not
taken.
"""

from __future__ import annotations

import doctest
import math
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from differential.executions import same
from small_graphs import check_all, traced

import microgpt
from microgpt import Value, choose, constant_maximum, logical_and, logical_not, logical_or, select, where
from microgpt.compiler import conditions
from microgpt.compiler.errors import CompileError, TraceError
from microgpt.compiler.ir.graph import Tensor
from microgpt.compiler.ir.ops import OPS
from microgpt.compiler.number import Condition, ConstantCondition, Number
from microgpt.compiler.pipeline import compile_graph
from microgpt.compiler.trace import trace
from microgpt.compiler.tracing.traced_scalar import TracedCondition, TracedNumber, TracedScalar
from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.runtime.storage.cache import Cache

POINTS = (
    [1.7, -2.3, 0.6, 3.0], [0.0, 0.0, 1.0, -1.0], [-1.0, 2.0, -2.0, 0.5], [math.inf, -1.0, math.nan, 2.0],
    [0.0, -1.0, -0.0, math.inf], [5e-324, -1e-310, 1e308, -1e308], [-3.0, -2.0, -1.0, -0.5],
)  # fmt: skip

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "a logarithm that is not taken": lambda x: where(x[0] > 0, x[0].log(), 0.0),
    "a root": lambda x: where(x[0] > 0, x[0].sqrt(), -x[0]),
    "both hand to the same": lambda x: where(x[0] < x[1], x[2] * x[2], x[2].exp()) * x[3],
    "the same twice": lambda x: where(x[0] <= x[1], x[2], x[2]) + x[2],
    "nested in the first": lambda x: where(x[0] > 0, where(x[1] > 0, x[2].log(), x[2] ** -1), x[2].sqrt()),
    "nested in the second": lambda x: where(x[0] > 0, x[2].log(), where(x[1] > 0, x[2] ** -1, x[2].sqrt())),
    "a condition in itself": lambda x: where(x[0] > 0, where(x[0] > 0, x[1], x[2].log()), x[2]),
    "its negation in itself": lambda x: where(~(x[0] > 0), where(x[0] > 0, x[1].log(), x[1]), x[2].log()),
    "used inside and elsewhere": lambda x: _shared(x[0], x[1], x[2]),
    "a term of a long sum": lambda x: sum(where(a > b, a.log() * b, b / a) for a in x for b in x),
    "in a product": lambda x: where(x[0] != x[1], x[0] / (x[0] - x[1]), 1) * where(x[2] == x[3], x[2], x[3].log()),
    "joined conditions": lambda x: where((x[0] > 0) & (x[1] > 0) | ~(x[2] >= x[3]), (x[0] * x[1]).log(), x[2] / x[3]),
    "with bools": lambda x: where((x[0] > 0) & True | False, x[1].log(), where(True & (x[2] > 1), x[2], 1 / x[2])),
    "functions of conditions": lambda x: where(
        logical_or(logical_and(x[0] > 0, x[1] > 0, True), logical_not(x[2] > x[3])), x[0].log() * x[1], x[3] * x[2]
    ),
    "constants": lambda x: x[0] * where(x[1] > 0, 2, 0.5) + 49 / where(x[2] > 0, 49.0, 7),
    "constants as floats": lambda x: x[0] * (49 / where(x[1] > 0, constant_maximum(x), 49)),
    "known conditions": lambda x: where(True, x[0] * x[1], x[1].log()) + where(False, x[2].log(), x[2] * x[1]),
    "scalars as conditions": lambda x: where(x[0], 1 / x[0], 0.0) + where(constant_maximum(x) - 3, x[1], x[2]),
    "compared constants": lambda x: where(constant_maximum(x) > 1, x[0].log(), x[1].log()) * x[2],
    "a condition of computed values": lambda x: where(x[0] * x[1] > x[2].exp(), x[0] * x[1], x[2].exp()) * x[3],
    "twice the same condition": lambda x: _twice(x[0] > x[1], x),
    "chosen by a number": lambda x: choose([x[0].log(), x[1] * x[0], 3], 1) + choose([x[2] / x[0], x[1], x[3]], -1),
    "one alone": lambda x: choose([x[0] * x[1]], 0) * x[2],
}  # fmt: skip


def _shared(x: Any, y: Any, z: Any) -> Any:
    root = y.sqrt()
    return where(x > 0, root * z, z) + where(z > x, root.log(), x * z) + root * where(x > z, z, 1)


def _twice(condition: Any, x: Any) -> Any:
    low, high = where(condition, x[0], x[1]), where(condition, x[1], x[0])
    return low.log() * where(condition, x[2].log(), x[3] / x[2]) - high / low


def _deep(x: Any) -> Any:
    y = x[0]
    for step in range(40):
        y = where(y * x[1] > x[step % 4], (y * 0.5).log() + x[2], y * x[3] - y)
    return y


def _chain(x: Any) -> Any:
    y = x[3]
    for step in range(24):
        y = where(x[step % 4] * step > x[(step + 1) % 4], x[2].log() + step, y)
    return y * x[1]


FUNCTIONS |= {"deep": _deep, "a chain of regions": _chain}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_language(name: str) -> None:
    for numbers in POINTS:
        check_all(FUNCTIONS[name], {"x": numbers})


INDEXED: dict[str, Callable[[Any, Any], Any]] = {
    "values that are not alike": lambda x, i: choose([x[0].log(), x[1] * x[2], 1 / x[0]], i[0]) * x[1],
    "more values than can be chosen": lambda x, i: choose([x[0].log(), x[1] * x[2], x[3], x[0].sqrt()], i[0]) + x[0],
    "the same value": lambda x, i: choose([x[0], x[0], x[1]], i[0]) * choose([x[0], x[2].log(), x[0]], i[1]),
    "all of one": lambda x, i: choose([x[0] * x[1], x[0] + x[1], x[0] - x[1]], i[0]) * choose([x[0]] * 3, i[1]),
    "numbers": lambda x, i: 49 / choose([49, 7.0, constant_maximum(x)], i[0]) * x[0],
    "a choice in a choice": lambda x, i: choose([x[0], choose([x[1].log(), x[2], x[3]], i[1]), x[2].log()], i[0]),
    "in a branch": lambda x, i: where(x[0] > 0, choose([x[1].log(), x[2], 2], i[0]), choose([x[1], x[2], 2], i[1])),
    "a branch in it": lambda x, i: choose([where(x[0] > 0, x[1].log(), x[2]), x[1], x[2].log()], i[0]) + x[1],
    "a select in a branch": lambda x, i: where(x[3] > 0, select([a * x[1] for a in x[:3]], i[0]).log(), x[0]),
    "a branch for all of a select": lambda x, i: _selected(x[3] > 0, x, i[0]) * x[0],
    "a gather in a branch": lambda x, i: where(x[3] > 0, select(x[:3], i[0]).log(), select(x[:3], i[1])),
    "a gather beside its inputs": lambda x, i: where(x[3] > 0, select(x[:3], i[0]).log(), x[0] * x[1]) + x[1],
    "a loss in a branch": lambda x, i: where(x[3] > 0, _cross_entropy(x, i), 0.0) + x[0],
    "a loss beside a branch": lambda x, i: _cross_entropy(x, i) + where(x[3] > 0, x[0].log(), x[1]),
    "a select of what a branch has": lambda x, i: _of_a_branch([a.sqrt() for a in x[:3]], x, i[0]),
    "a select of unlike values of a branch": lambda x, i: _of_a_branch([x[1].exp(), x[2].sqrt(), x[1] * 3], x, i[0]),
    "a select of what a choice has": lambda x, i: _of_a_choice([a.sqrt() for a in x[:3]], x, i),
    "a select in a choice by its index": lambda x, i: choose(
        [_cross_entropy(x, i), select([a * x[1] for a in x[:3]], i[0]).log(), x[2]], i[0]
    ),
    "an index that is compared": lambda x, i: where(i[0] == 1, x[0].log(), x[1]) + where(i[1] != 0, x[0], x[1].log()),
    "an index that cannot be so": lambda x, i: where(i[0] == 7, x[0].log(), x[1]),
}  # fmt: skip


def _selected(condition: Any, x: Any, index: Any) -> Any:
    return select([where(condition, a.log(), x[3]) for a in x[:3]], index)


def _both(x: Any, i: Any) -> Any:
    y = [x[0].log(), x[1] * x[2], 1 / x[0]]
    return choose(y, i[0]) * y[1] + choose(y, i[1]) * choose([y[2], y[0], y[1]], i[0])


def _of_a_branch(y: Any, x: Any, index: Any) -> Any:
    """What is not chosen receives nothing where the branch is not taken either."""
    return where(x[3] < 0, sum(y), x[0]) + select(y, index) * x[3]


def _of_a_choice(y: Any, x: Any, i: Any) -> Any:
    powers = [(root - x[3]).exp() for root in y]
    return (
        choose([sum(powers), x[0], powers[1]], i[1]) * 3
        + where(x[3] < 1, powers[0] + powers[2], 1)
        + select(powers, i[0])
    )


def _cross_entropy(x: Any, i: Any) -> Any:
    scores = [a * x[1] for a in x[:3]]
    powers = [(score - constant_maximum(scores)).exp() for score in scores]
    total = sum(powers)
    return -select([power / total for power in powers], i[0]).log()


INDEXED["values with other uses"] = _both


@pytest.mark.parametrize("name", INDEXED)
def test_one_language_with_an_index(name: str) -> None:
    for numbers in POINTS:
        for first in range(3):
            check_all(INDEXED[name], {"x": numbers}, limits={"i": 3}, i=[first, 2 - first])


@pytest.mark.parametrize("target", ["python", "c"])
def test_the_front_door(target: str, toolchain: Toolchain, tmp_path: Path) -> None:
    def function(x: Any, i: Any) -> Any:
        taken = [where(a > 0, a.log(), -a) for a in x]
        lanes = [where((a < b) & (b < 2) | (a == 3), a / b, b - a) for a, b in zip(x, taken, strict=True)]
        return choose([sum(taken), sum(lanes), taken[0] * lanes[1], x[0]], i) + taken[1] * lanes[0]

    compiled = microgpt.compile(function, [0.5] * 37, microgpt.index(4), target=target, cache=Cache.open(tmp_path))
    for number in range(4):
        numbers = [math.sin(number + place) * 3 for place in range(37)]
        numbers[number] = (0.0, -0.0, math.inf, math.nan)[number]
        values = [Value(x) for x in numbers]
        total = function(values, number)
        total.backward()
        value, (gradient, _) = compiled(numbers, number)
        assert all(map(same, [value, *gradient], [total.data, *(value.grad for value in values)])), number


def test_vectors_have_masks(toolchain: Toolchain, tmp_path: Path) -> None:
    def function(x: Any) -> Any:
        halves = [where(logical_not(a > b) | (a == 0.5), a - b, a * b) for a, b in zip(x[:32], x[32:], strict=True)]
        return sum(half * half for half in halves)

    compiled = microgpt.compile(function, [0.5] * 64, target="c", cache=Cache.open(tmp_path))
    assert "blend" in compiled.source.split("kernel0", 1)[1]
    numbers = [math.sin(place * 1.7) for place in range(64)]
    values = [Value(x) for x in numbers]
    total = function(values)
    total.backward()
    assert compiled(numbers) == (total.data, [value.grad for value in values])


def test_what_is_not_taken_hands_nothing_on() -> None:
    for x, expected in ((Value(-1.0), 0.0), (Value(0.0), 0.0), (Value(2.0), 0.5)):
        where(x > 0, x.log(), 0.0).backward()
        assert x.grad == expected
    x, y = Value(-4.0), Value(0.0)
    where(x > 0, x.sqrt() / y, -x).backward()
    assert (x.grad, y.grad) == (-1.0, 0.0)


def test_both_children_are_visited_in_order() -> None:
    x, y = Value(1.0), Value(2.0)
    result = where(x > y, x * 3, y * 4)
    assert [operand.data for operand in result._operands] == [3.0, 8.0]
    assert result._local_grads == (None, 1.0)
    graph = traced(lambda x: where(x[0] > x[1], x[0] * 3, x[1] * 4))
    assert OPS[graph.op[graph.outputs[0].nodes[0]]].name == "branch"


def test_masks_are_those_of_a_region() -> None:
    """All of a branch hangs on one condition, so gradients are masked where they leave it, and only there."""

    def function(x: Any) -> Any:
        y = x[0]
        for _ in range(10):
            y = (y * x[1]).sin() + y
        return where(x[0] > x[1], y, 0.0)

    graph = compile_graph(lambda: traced(function), "x", check=True)
    masks = [op for op in graph.op if OPS[op].name in ("where", "unless")]
    assert len(masks) == 2


def test_a_condition_that_is_known_leaves_nothing() -> None:
    graph = compile_graph(lambda: traced(lambda x: where(True, x[0] * x[1], x[2].log())), "x", check=True)
    # The constant is the gradient in the other one, zero.
    assert {OPS[op].name for op in graph.op} == {"const", "input", "mul"}


def test_plain_numbers_give_plain_numbers() -> None:
    assert (type(where(1.5 > 1, 2, 3.0)), where(1.5 > 1, 2, 3.0)) == (float, 2.0)
    assert (where(0.0, 1, 2), where(math.nan, 1, 2), type(2.0 < 3.0)) == (2.0, 1.0, bool)
    assert [type(each) for each in (where(Value(1.0) > 2, 1, 2), where(True, Number(1.0), 2))] == [Number, Number]
    assert (type(choose([1, 2.5], 1)), choose([1, 2.5], -1)) == (Number, 2.5)
    assert logical_not(True) is False
    assert (logical_and(True, False), logical_or(False, True)) == (False, True)
    assert (logical_and(), logical_or()) == (True, False)


def test_kinds() -> None:
    seen: list[type] = []

    def function(arguments: Any, indices: Any) -> Any:
        x, i = arguments["x"], indices["i"][0]
        results = [
            where(x[0] > 0, x[0], 1), where(x[0] > 0, 2, 1), where(constant_maximum(x) > 0, constant_maximum(x), 1),
            where(True, x[0], 1), choose([1, 2], i), choose([1, x[0]], i), choose([x[0], 2], 1),
        ]  # fmt: skip
        seen.extend(type(result) for result in results)
        return {"out": results}

    from microgpt.compiler.ir.graph import IndexTensor

    trace(function, "kinds", (Tensor("x", "x", 0, (2,)),), (IndexTensor("i", 0, 1, 2),))
    numbers = [TracedScalar, TracedNumber, TracedNumber, TracedScalar, TracedNumber, TracedScalar, TracedScalar]
    assert seen == numbers


COMPARISONS = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)


@pytest.mark.parametrize("compare", COMPARISONS)
def test_comparisons(compare: Any) -> None:
    for a in (1.0, 2.0, 0.0, -0.0, math.nan, math.inf):
        for b in (1.0, 2.0, 0.0, math.nan):
            pairs = (Value(a), Value(b)), (Value(a), b), (a, Value(b)), (Value(a), Number(b)), (Number(a), Value(b))
            for x, y in pairs:
                condition = compare(x, y)
                assert type(condition) is Condition
                assert condition.holds is compare(a, b), (a, b)
            constant = compare(Number(a), b)
            assert type(constant) is ConstantCondition
            assert bool(constant) is compare(a, b)


def test_conditions_are_no_bools() -> None:
    x = Value(1.0)
    for condition in (x > 0, (x > 0) & (x < 3), ~(x > 0), (x > 0) | True, False & (x == 1)):
        with pytest.raises(TypeError, match=r"write where\(condition, a, b\)"):
            bool(condition)
    with pytest.raises(TypeError, match="unsupported operand"):
        _ = (x > 0) & 1.5
    with pytest.raises(TypeError, match="NoneType is not a number"):
        _ = x == None  # noqa: E711
    for wrong in ("a", None, 2, [True]):
        with pytest.raises(TypeError, match="a condition is a comparison"):
            where(wrong, x, x)
    with pytest.raises(TypeError, match=r"write logical_not\(\)"):
        where(-2, x, x)  # what ~True is, about which Python 3.12 warns
    with pytest.raises(TypeError, match="str is not a number"):
        where(x > 0, x, "b")
    with pytest.raises(TypeError, match="str is not a number"):
        where(True, 1.0, "b")
    with pytest.raises(IndexError):
        choose([x, x], 2)
    with pytest.raises(TypeError):
        choose([x, x], 0.0)
    assert repr(x > 0) == "Condition(True)"
    assert len({x, Value(1.0), x}) == 2  # by identity, as ever


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (lambda x, i: 1.0 if x[0] > 0 else x[1], r"write where\(condition, a, b\)"),
        (lambda x, i: x[0] if x[0] > 0 and x[1] > 0 else x[1], r"&, \| and ~ for and, or and not"),
        (lambda x, i: x[0] if x[0] else x[1], r"write where\(condition, a, b\)"),
        (lambda x, i: max(x), r"write where\(condition, a, b\)"),
        (lambda x, i: x[0] * (x[1] > 0), "a condition is no number"),
        (lambda x, i: where("yes", x[0], x[1]), "a condition is a comparison"),
        (lambda x, i: where(x[0] < "a", x[0], x[1]), "str is not a scalar"),
        (lambda x, i: where(x[0] > 0, x[0], "b"), "str is not a scalar"),
        (lambda x, i: where(i[0] < 2, x[0], x[1]), "an index was compared"),
        (lambda x, i: where(i[0] == 1.5, x[0], x[1]), "an index was compared with float"),
        (lambda x, i: choose(x[:2], i[0]), "there are only 2 values to choose from"),
        (lambda x, i: (x[0] > 0).log(), "a condition is no number"),
    ],
)
def test_refusals_name_the_line(function: Any, problem: str) -> None:
    with pytest.raises((TraceError, TypeError), match=problem) as caught:
        traced(function, i=(1, 3))
    if isinstance(caught.value, TraceError):
        assert "test_where.py" in str(caught.value)


def test_a_select_that_has_no_order_says_to_write_choose() -> None:
    def function(x: Any, i: Any) -> Any:
        return select([x[0].log(), x[1] * x[2], x[0]], i[0]) * x[1]

    with pytest.raises(CompileError, match=r"write choose\(values, index\)"):
        compile_graph(lambda: traced(function, i=(1, 3)), "x")


def test_examples_of_the_documentation() -> None:
    results = doctest.testmod(conditions, extraglobs={"Value": Value})
    assert results.attempted >= 6
    assert results.failed == 0


def test_conditions_of_two_traces_do_not_mix() -> None:
    kept: list[Any] = []

    def first(x: Any) -> Any:
        kept.append(x[0] > 0)
        return x[0]

    traced(first)
    assert type(kept[0]) is TracedCondition
    with pytest.raises(TraceError, match="another trace"):
        traced(lambda x: where(kept[0], x[0], x[1]))
