"""Total arithmetic against the C library: the same bits wherever C has an answer, and C always has one."""

from __future__ import annotations

import ctypes
import ctypes.util
import itertools
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgpt.compiler import arithmetic
from microgpt.compiler.ir.ops import LIBM

SPECIAL = [
    0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, 2.5, -1.5, math.inf, -math.inf, math.nan, 5e-324, -5e-324,
    2.2250738585072014e-308, 1e-310, 1.7976931348623157e308, -1.7976931348623157e308, 709.782712893384,
    709.7827128933841, 710.0, -745.1332191019411, -745.1332191019412, -746.0, 1e16, -1e16, 9007199254740993.0, 1 / 3,
    math.pi,
]  # fmt: skip


def _libm() -> ctypes.CDLL:
    name = ctypes.util.find_library("m")
    if name is None:
        pytest.skip("there is no C library to compare to")
    return ctypes.CDLL(name)


def _function(name: str, arity: int) -> Callable[..., float]:
    function = getattr(_libm(), name)
    function.restype = ctypes.c_double
    function.argtypes = [ctypes.c_double] * arity
    return function  # type: ignore[no-any-return]


def same_with_sign(a: float, b: float) -> bool:
    return (a != a and b != b) or (a == b and math.copysign(1, a) == math.copysign(1, b))


FUNCTIONS: list[tuple[str, Callable[[float], float]]] = [
    ("exp", arithmetic.exponential), ("log", arithmetic.logarithm), ("sqrt", arithmetic.square_root),
    ("sin", arithmetic.sine), ("cos", arithmetic.cosine), ("tanh", arithmetic.tanh), ("atan", arithmetic.atan),
    ("sinh", arithmetic.hyperbolic_sine), ("cosh", arithmetic.hyperbolic_cosine),
    ("erf", arithmetic.erf), ("log1p", arithmetic.logarithm_of_1_plus), ("expm1", arithmetic.exponential_minus_1),
]  # fmt: skip


def test_every_function_of_libm_is_compared() -> None:
    assert LIBM.keys() - {"pow"} <= {name for name, _ in FUNCTIONS}


@pytest.mark.parametrize(("name", "ours"), FUNCTIONS)
def test_functions_of_special_numbers(name: str, ours: Callable[[float], float]) -> None:
    theirs = _function(name, 1)
    for x in SPECIAL:
        assert same_with_sign(ours(x), theirs(x)), x


def test_pow_of_special_numbers() -> None:
    theirs = _function("pow", 2)
    for base, exponent in itertools.product(SPECIAL, SPECIAL):
        assert same_with_sign(arithmetic.power(base, exponent), theirs(base, exponent)), (base, exponent)


def test_integer_exponents_are_numbers_as_well() -> None:
    for base, exponent in itertools.product(SPECIAL, (-3, -2, -1, 0, 1, 2, 3)):
        assert same_with_sign(arithmetic.power(base, exponent), arithmetic.power(base, float(exponent)))


@given(st.floats(), st.floats())
def test_pow_of_any_numbers(base: float, exponent: float) -> None:
    assert same_with_sign(arithmetic.power(base, exponent), _function("pow", 2)(base, exponent))


@pytest.mark.parametrize(("name", "ours"), FUNCTIONS)
@given(x=st.floats())
def test_functions_of_any_number(name: str, ours: Callable[[float], float], x: float) -> None:
    assert same_with_sign(ours(x), _function(name, 1)(x))


@given(st.floats(allow_nan=False))
def test_the_formulas_are_what_they_are_called(x: float) -> None:
    assert 0.0 <= arithmetic.sigmoid(x) <= 1.0
    assert arithmetic.sigmoid(x) == pytest.approx(1.0 / (1.0 + arithmetic.exponential(-x)), rel=1e-14, abs=1e-307)
    assert arithmetic.softplus(x) >= max(0.0, x)
    if -700.0 < x < 700.0:
        assert arithmetic.softplus(x) == pytest.approx(math.log1p(math.exp(x)), rel=1e-14)


def test_division_is_that_of_ieee_754() -> None:
    for a, b in itertools.product(SPECIAL, SPECIAL):
        found = arithmetic.divide(a, b)
        if b != 0.0:
            assert same_with_sign(found, a / b)
        elif a == 0.0 or a != a:
            assert found != found
        else:
            assert math.isinf(found)
            assert math.copysign(1, found) == math.copysign(1, a) * math.copysign(1, b)


def test_choices_are_those_of_python() -> None:
    for a, b in itertools.product(SPECIAL, SPECIAL):
        assert same_with_sign(arithmetic.larger(a, b), max(a, b))
    for x in SPECIAL:
        assert arithmetic.rectify(x) == (x if x > 0 else 0.0)
        assert arithmetic.step(x) == (1.0 if x > 0 else 0.0)
