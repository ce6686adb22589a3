"""The eager autograd, used on its own."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest

from microgpt.compiler.functions import constant_maximum, select
from microgpt.runtime.value import Value


def test_the_example_of_micrograd() -> None:
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert g.data == pytest.approx(24.70408163265306, rel=1e-15)
    assert a.grad == pytest.approx(138.83381924198252, rel=1e-15)
    assert b.grad == pytest.approx(645.5772594752186, rel=1e-15)


@pytest.mark.parametrize(
    ("function", "value", "slope"),
    [
        (lambda x: x + 1, 4.0, 1.0),
        (lambda x: 1 + x, 4.0, 1.0),
        (lambda x: x - 1, 2.0, 1.0),
        (lambda x: 1 - x, -2.0, -1.0),
        (lambda x: x * 2, 6.0, 2.0),
        (lambda x: 2 * x, 6.0, 2.0),
        (lambda x: x / 4, 0.75, 0.25),
        (lambda x: 6 / x, 2.0, -6 / 9),
        (lambda x: x**3, 27.0, 27.0),
        (lambda x: x**0, 1.0, 0.0),
        (lambda x: -x, -3.0, -1.0),
        (lambda x: x.log(), math.log(3), 1 / 3),
        (lambda x: x.exp(), math.exp(3), math.exp(3)),
        (lambda x: x.relu(), 3.0, 1.0),
        (lambda x: (-x).relu(), 0.0, 0.0),
        (lambda x: x * x, 9.0, 6.0),
        (lambda x: sum([x, x, x]), 9.0, 3.0),
        (lambda x: x - constant_maximum([x, 2.0]), 0.0, 1.0),
        (lambda x: select([x, x * x], 1), 9.0, 6.0),
    ],
)
def test_value_and_slope(function: object, value: float, slope: float) -> None:
    x = Value(3.0)
    result = function(x)  # type: ignore[operator]
    result.backward()
    assert result.data == pytest.approx(value, rel=1e-15)
    assert x.grad == pytest.approx(slope, rel=1e-15)


def test_gradients_add_up_over_calls_and_paths() -> None:
    x = Value(2.0)
    shared = x * x
    (shared + shared * x).backward()
    assert x.grad == 2 * 2.0 + 3 * 4.0
    (x * 1.0).backward()
    assert x.grad == 17.0


@pytest.mark.parametrize("length", [100_000])
def test_a_deep_chain_needs_no_recursion(length: int) -> None:
    x = Value(1.0)
    result = x
    for _ in range(length):
        result = result + x
    result.backward()
    assert result.data == length + 1
    assert x.grad == length + 1


def test_relu_of_zero_and_of_nan_has_no_slope() -> None:
    for number in (0.0, -0.0, math.nan):
        x = Value(number)
        x.relu().backward()
        assert x.grad == 0.0


def test_what_python_cannot_compute_is_infinite_or_nan() -> None:
    zero, large = Value(0.0), Value(1000.0)
    assert (1 / zero).data == math.inf
    assert zero.log().data == -math.inf
    assert large.exp().data == math.inf
    assert math.isnan((Value(-1.0) ** 0.5).data)


def test_an_exponent_is_a_number_or_a_value() -> None:
    assert (Value(2.0) ** Value(3.0)).data == (2 ** Value(3.0)).data == 8.0
    with pytest.raises(TypeError):
        Value(2.0) ** "3"  # type: ignore[operator]  # what is tested


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda x: copy.deepcopy([x])])
def test_a_copy_that_would_lose_gradients_is_refused(duplicate: Callable[[Value], object]) -> None:
    with pytest.raises(TypeError, match="copy the lists that hold it"):
        duplicate(Value(1.0))
    assert copy.copy([Value(1.0)])[0].data == 1.0


def test_plus_changes_nothing() -> None:
    x = Value(2.0)
    assert +x is x


def test_repr_shows_value_and_gradient() -> None:
    assert repr(Value(1)) == "Value(data=1.0, grad=0.0)"
