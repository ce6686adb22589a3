"""Plain numbers and constants among scalars: the same bits, or the same refusal, eagerly and compiled."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from small_graphs import check_all, traced

from microgpt.compiler.errors import TraceError
from microgpt.compiler.functions import constant_maximum, maximum, minimum, select
from microgpt.compiler.ir.ops import OPS
from microgpt.compiler.number import Number
from microgpt.compiler.tracing.traced_scalar import TracedNumber, TracedScalar
from microgpt.runtime.value import Value

DUNDERS = {
    f"__{side}{name}__" for name in ("add", "sub", "mul", "truediv", "pow", "neg", "pos") for side in ("", "r")
}  # fmt: skip
NUMBERS = [0.0, -0.0, 1.0, -1.0, 3.0, 49.0, 0.1, -2.5, math.inf, -math.inf, math.nan, 5e-324, 1e308, -1e-310]


class Double:
    """What NumPy and others have instead of a float."""

    def __float__(self) -> float:
        return 0.3


PLAIN = [
    3, True, 2**53 + 1, -(2**60) - 1, 10**300, 0.1, -0.0, math.nan, 1e308, Fraction(1, 3), Decimal("0.1"),
    np.float64(0.7), np.float32(0.7), np.int64(5), Double(),
]  # fmt: skip
OPERATORS: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b,
    lambda a, b: b + a, lambda a, b: b - a, lambda a, b: b * a, lambda a, b: b / a,
]  # fmt: skip


def test_a_division_by_a_maximum_is_one_division() -> None:
    def function(x: Any) -> Any:
        return x[0] * (49 / constant_maximum([x[0], 1.0]))

    check_all(function, {"x": [49.0]})
    assert function([Value(49.0)]).data == 49.0
    assert [OPS[op].name for op in traced(function, 1).op].count("div") == 1


@pytest.mark.parametrize("operator", OPERATORS)
def test_scalars_and_constants_mix(operator: Callable[[Any, Any], Any]) -> None:
    def function(x: Any, i: Any) -> Any:
        largest = constant_maximum([x[1]])
        chosen = select(NUMBERS, i[0])
        mixed = operator(largest, chosen)
        return operator(x[0], mixed) + operator(chosen, x[1]) * 0.5

    for a in (1.7, 0.0, math.inf):
        for place in range(len(NUMBERS)):
            check_all(function, {"x": [a, -3.3]}, limits={"i": len(NUMBERS)}, i=[place])


@pytest.mark.parametrize("plain", PLAIN, ids=lambda plain: f"{type(plain).__name__}")
@pytest.mark.parametrize("operator", OPERATORS)
def test_what_counts_as_a_number(operator: Callable[[Any, Any], Any], plain: Any) -> None:
    check_all(lambda x: operator(x[0], plain) + operator(constant_maximum(x), plain), {"x": [1.7, 2.9]})


EXPONENTS = [
    0, 0.0, -0.0, 1, True, 2, -1, 0.5, -2.5, 2**53 + 1, -(2**53) - 1, 1e300, -1e300, math.inf, Fraction(1, 3), Double(),
]  # fmt: skip


@pytest.mark.parametrize("exponent", EXPONENTS, ids=lambda exponent: type(exponent).__name__)
def test_powers_of_scalars_and_of_constants(exponent: Any) -> None:
    for base in NUMBERS:
        check_all(lambda x: x[0] ** exponent + (constant_maximum(x) - 1) ** exponent, {"x": [base]})


@pytest.mark.parametrize("number", NUMBERS)
def test_the_slope_of_a_power_of_zero_is_zero(number: float) -> None:
    x = Value(number)
    (x**0).backward()
    assert x.grad == 0.0
    check_all(lambda x: x[0] ** 0 * 3.0, {"x": [number]})


@pytest.mark.parametrize(
    "function", [lambda c: c.exp(), lambda c: c.log(), lambda c: c.relu(), lambda c: -c, lambda c: +c]
)
def test_constants_have_the_functions_of_scalars(function: Callable[[Any], Any]) -> None:
    for number in NUMBERS:
        check_all(lambda x: x[0] * function(constant_maximum(x)) - 1 / function(constant_maximum(x)), {"x": [number]})


def test_a_choice_among_numbers_and_scalars_is_a_scalar_whatever_is_chosen() -> None:
    def function(x: Any, i: Any) -> Any:
        row = select([[x[0], 49, 1.0], [49, 7, x[1]]], i[0])
        return 49 / row[0] + 49 / row[1] + row[2] / 3

    for place in (0, 1):
        check_all(function, {"x": [3.0, 0.7]}, limits={"i": 2}, i=[place])
        (first, second, third) = select([[Value(3.0), 49, 1.0], [49, 7, Value(0.7)]], place)
        assert (type(first), type(second), type(third)) == (Value, Number, Value)
    # An index that is fixed while tracing.
    check_all(
        lambda x: 49 / select([x[0], 49, constant_maximum(x)], 1) + 49 / select([x[0], 49, constant_maximum(x)], 2),
        {"x": [49.0]},
    )


def test_sums_of_constants_run_from_the_left_on_every_python() -> None:
    def function(x: Any) -> Any:
        values = [constant_maximum([value]) for value in x]
        return x[0] * sum(values) + sum([values[0], 1e16, 1.0, -1e16])

    check_all(function, {"x": [1e16, 1.0, -1e16, 1.0, 1.0]})
    tenth = constant_maximum([Value(0.1)])
    total = 0.0
    for _ in range(10):
        total += 0.1
    assert sum([tenth] * 10) == total != 1.0


def test_a_constant_is_a_float() -> None:
    constant = constant_maximum([Value(2.0), 1])
    assert isinstance(constant, float)
    assert (constant, repr(constant), f"{constant:.2f}", math.sqrt(constant)) == (2.0, "2.0", "2.00", math.sqrt(2.0))
    assert [type(constant_maximum([1, 2])), type(select([1, 2], 0)), type(constant**-1)] == [Number, Number, Number]
    assert 1 / Number(0.0) == math.inf
    assert math.isnan(Number(-8.0) ** 0.5)
    assert select(["a", "b"], 1) == "b"


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x - None, lambda x: x + "1", lambda x: x / "1", lambda x: x**"1", lambda x: x**None,
        lambda x: "1" ** x, lambda x: x * 1j, lambda x: x * [1.0], lambda x: maximum(x, "1"), lambda x: minimum("1", x),
        lambda x: constant_maximum([x]) - None, lambda x: constant_maximum([x]) + "1",
        lambda x: "1" ** constant_maximum([x]), lambda x: constant_maximum([x]) ** "1",
        lambda x: constant_maximum([x, "1"]),
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused_alike(function: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError):
        function(Value(2.0))
    with pytest.raises(TraceError, match=r"^test_number\.py:"):
        traced(lambda x: function(x[0]))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, n: x + n, lambda x, n: n - x, lambda x, n: x - n, lambda x, n: x / n, lambda x, n: n / x,
        lambda x, n: x**n, lambda x, n: constant_maximum([x, n]), lambda x, n: constant_maximum([x]) / n,
        lambda x, n: n / constant_maximum([x]),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "number", [math.factorial(171), -(10**5000), Fraction(10**400)], ids=["factorial", "digits", "fraction"]
)
def test_what_is_beyond_every_double_is_refused_alike(function: Callable[[Any, Any], Any], number: Any) -> None:
    with pytest.raises(OverflowError):
        function(Value(2.0), number)
    with pytest.raises(TraceError, match=r"^test_number\.py:\d+: this (int|Fraction) is too large for a double"):
        traced(lambda x: function(x[0], number))


@pytest.mark.parametrize("text", ["3", b"3", None, [3.0], 1j, Value(3.0)])
def test_a_value_is_made_of_a_number(text: Any) -> None:
    with pytest.raises(TypeError, match="is not a number"):
        Value(text)


def test_the_four_types_have_the_same_operations() -> None:
    def operations(kind: type) -> set[str]:
        names = {name for base in kind.__mro__[:-1] if base.__module__.startswith("microgpt.") for name in vars(base)}
        return {name for name in names if callable(getattr(kind, name)) and not name.startswith("_")} | names & DUNDERS

    eager, constant = operations(Value), operations(Number)
    assert operations(TracedScalar) == eager - {"backward"}
    assert operations(TracedNumber) == constant | {"constant_maximum"}
    assert eager - constant == {"backward", "constant", "constant_maximum"}
    assert constant <= eager
