"""Jacobians, Hessians and their products with vectors: the eager autograd's bits, another library's numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from helpers import skip_without_compiler

import microgpt
from microgpt import Value
from microgpt.runtime.storage.cache import Cache


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("jacobians"))


def close(found: Any, expected: Any, tolerance: float = 1e-12) -> None:
    """All within `tolerance` of the largest."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


def mixed(x: Any) -> Any:
    """Results that share work, are an argument, a number, the same thing twice, and do not depend on everything."""
    product = x[0] * x[1]
    return [product.exp(), product * x[2], x[1], 3.0, x[0] ** 2.5, product * x[2], x[2] - x[2]]


def test_a_row_is_the_gradient_of_a_result(cache: Cache, target: str) -> None:
    compiled = microgpt.jacobian(mixed, [1.0, 1.0, 1.0], value=True, target=target, cache=cache)
    x = [0.7, -1.25, 2.0]
    values, rows = compiled(x)
    for place in range(len(values)):
        scalars = [Value(number) for number in x]
        result = mixed(scalars)[place]
        result = result if isinstance(result, Value) else Value(result)
        result.backward()
        assert values[place] == result.data
        assert rows[place] == [scalar.grad for scalar in scalars]


class Split(NamedTuple):
    near: Any
    far: Any


def test_a_jacobian_has_the_structure_of_result_and_argument(cache: Cache, target: str) -> None:
    def function(point: Any, scale: Any, order: Any) -> Any:
        return {"sum": point["x"] + point["y"][0] * scale, "split": Split(scale**order, (point["y"][1] * 2.0,))}

    point = {"x": 1.0, "y": (2.0, 3.0), "name": "p"}
    compiled = microgpt.jacobian(function, point, 4.0, 2, wrt=("scale", "point"), target=target, cache=cache)
    nothing = {"x": 0.0, "y": (0.0, 0.0), "name": None}
    in_scale, in_point = compiled(point, 4.0, 2)
    assert in_scale == {"sum": 2.0, "split": Split(8.0, (0.0,))}
    assert in_point == {
        "sum": {"x": 1.0, "y": (4.0, 0.0), "name": None},
        "split": Split(nothing, ({"x": 0.0, "y": (0.0, 2.0), "name": None},)),
    }
    assert isinstance(in_point["split"], Split)
    assert microgpt.jacobian(lambda x: x * x, 1.0, target=target, cache=cache)(3.0) == 6.0


def test_the_jacobian_of_arrays_is_one_array(cache: Cache, target: str) -> None:
    def function(matrix: Any, vector: Any) -> Any:
        return [sum(a * microgpt.sin(b) for a, b in zip(row, vector, strict=True)) for row in matrix]

    matrix, vector = np.arange(6.0).reshape(2, 3), np.array([0.1, 0.2, 0.3])
    compiled = microgpt.jacobian(function, matrix, vector, value=True, target=target, cache=cache)
    value, (in_matrix, in_vector) = compiled(matrix, vector)
    assert isinstance(value, list)
    close(value, matrix @ np.sin(vector))
    for found, place in ((in_matrix, 0), (in_vector, 1)):
        assert isinstance(found, np.ndarray)
        expected = autograd.jacobian(lambda m, v: anp.dot(m, anp.sin(v)), place)(matrix, vector)
        close(found, expected)
    as_array = microgpt.jacobian(lambda x: np.array(function(matrix, x)), list(vector), value=True, cache=cache)
    value, found = as_array(list(vector))
    assert isinstance(value, np.ndarray)
    assert isinstance(found, np.ndarray)
    close(found, in_vector)


def test_results_chosen_by_an_index(cache: Cache, target: str) -> None:
    def function(table: Any, place: Any) -> Any:
        chosen = microgpt.select(table, place)
        return [chosen**2, chosen * table[1], microgpt.select([number.exp() for number in table], place)]

    compiled = microgpt.jacobian(function, [1.0, 2.0, 3.0], microgpt.index(3), wrt=0, target=target, cache=cache)
    for place in range(3):
        rows = compiled([0.5, 1.5, -0.5], place)
        for number, row in enumerate(rows):
            scalars = [Value(number) for number in (0.5, 1.5, -0.5)]
            function(scalars, place)[number].backward()
            assert row == [scalar.grad for scalar in scalars]


def softmax_loss(scores: Any, label: Any) -> Any:
    highest = microgpt.constant_maximum(scores)
    powers = [(score - highest).exp() for score in scores]
    return -(microgpt.select(powers, label) / sum(powers)).log()


@pytest.mark.parametrize("label", [0, 2])
def test_second_derivatives_behind_an_index(cache: Cache, target: str, label: int) -> None:
    example = ([0.0, 0.0, 0.0], microgpt.index(3))
    hessian = microgpt.hessian(softmax_loss, *example, wrt="scores", target=target, cache=cache)
    product = microgpt.hvp(softmax_loss, *example, wrt="scores", target=target, cache=cache)
    scores = [0.3, -1.2, 0.8]
    powers = np.exp(scores)
    p = powers / powers.sum()
    close(hessian(scores, label), np.diag(p) - np.outer(p, p))
    close(product(scores, label, [1.0, 2.0, -1.0]), (np.diag(p) - np.outer(p, p)) @ [1.0, 2.0, -1.0])


def second_derivatives_of_everything(x: Any) -> Any:
    a, b, c = x
    smooth = microgpt.tanh(a) * microgpt.erf(b) + microgpt.sigmoid(c * a) * microgpt.softplus(b) + (a * a + 1).log()
    roots = microgpt.sqrt(a * a + b * b) + microgpt.atan(c) / (b * b + 2) + microgpt.log1p(c * c) + microgpt.expm1(a)
    corners = microgpt.maximum(a, b, c) ** 3 + microgpt.minimum(a * b, c) + microgpt.relu(a - c) ** 2 + abs(b) * c
    return smooth * roots + corners + (b * b + 0.5) ** a


def the_same_by_autograd(x: Any) -> Any:
    from autograd.scipy.special import erf, expit

    a, b, c = x
    smooth = anp.tanh(a) * erf(b) + expit(c * a) * anp.logaddexp(0.0, b) + anp.log(a * a + 1)
    roots = anp.sqrt(a * a + b * b) + anp.arctan(c) / (b * b + 2) + anp.log1p(c * c) + anp.expm1(a)
    corners = anp.maximum(anp.maximum(a, b), c) ** 3 + anp.minimum(a * b, c) + anp.maximum(a - c, 0.0) ** 2
    return smooth * roots + corners + anp.abs(b) * c + (b * b + 0.5) ** a


def test_second_derivatives_of_every_function(cache: Cache, target: str) -> None:
    pytest.importorskip("scipy", reason="scipy is not installed")
    function, example = second_derivatives_of_everything, [1.0, 1.0, 1.0]
    hessian = microgpt.hessian(function, example, value=True, target=target, cache=cache)
    product = microgpt.hvp(function, example, value=True, target=target, cache=cache)
    for x in ([0.5, -1.25, 0.75], [1.5, 0.25, -0.5], [-0.75, 0.5, 1.25]):
        value, found = hessian(x)
        assert value == function([Value(number) for number in x]).data
        expected = autograd.hessian(the_same_by_autograd)(np.array(x))
        close(found, expected)
        vector = [0.5, -2.0, 1.0]
        assert product(x, vector)[0] == value
        close(product(x, vector)[1], expected @ vector)


def test_a_hessian_has_the_structure_of_two_arguments(cache: Cache, target: str) -> None:
    def function(point: Any, scale: Any) -> Any:
        return point["x"] ** 2 * scale**3, [point["x"]]

    example = {"x": 1.0, "n": 7}, 1.0
    hessian = microgpt.hessian(function, *example, has_aux=True, target=target, cache=cache)
    (((xx, xs), (sx, ss)), aux) = hessian({"x": 2.0, "n": 7}, 5.0)
    assert aux == [2.0]
    assert xx == {"x": {"x": 250.0, "n": None}, "n": None}
    assert (xs, sx, ss) == ({"x": 300.0, "n": None}, {"x": 300.0, "n": None}, 120.0)
    product = microgpt.hvp(function, *example, has_aux=True, value=True, target=target, cache=cache)
    (value, aux), (in_point, in_scale) = product({"x": 2.0, "n": 7}, 5.0, ({"x": 1.0, "n": None}, -1.0))
    assert (value, aux, in_point, in_scale) == (500.0, [2.0], {"x": -50.0, "n": None}, 180.0)
    assert microgpt.hessian(lambda x: x**3, 1.0, wrt=(0,), target=target, cache=cache)(2.0) == ((12.0,),)


@pytest.mark.parametrize("function", [lambda x: 7.0, lambda x: x[1], lambda x: x[0] * 3.0 + x[1]])
def test_where_second_derivatives_are_zero(cache: Cache, target: str, function: Callable[[Any], Any]) -> None:
    x = [1.0, 2.0]
    assert microgpt.hessian(function, x, target=target, cache=cache)(x) == [[0.0, 0.0], [0.0, 0.0]]
    assert microgpt.hvp(function, x, target=target, cache=cache)(x, [3.0, 4.0]) == [0.0, 0.0]


def energy(positions: Any, masses: Any) -> Any:
    total = 0
    for i, here in enumerate(positions):
        for j, there in enumerate(positions[:i]):
            square = sum((p - q) ** 2 for p, q in zip(here, there, strict=True))
            total = total - masses[i] * masses[j] * (square + 1e-4) ** -0.5
    return total


@pytest.mark.parametrize(
    ("target", "count"), [("c", 5), ("python", 5), pytest.param("c", 20, marks=pytest.mark.slow)], indirect=["target"]
)
def test_the_hessian_of_bodies(cache: Cache, target: str, count: int) -> None:
    random = Random(5)
    positions = np.array([[random.uniform(-1, 1) for _ in range(3)] for _ in range(count)])
    masses = [random.uniform(0.5, 2) for _ in range(count)]

    def by_autograd(places: Any) -> Any:
        i, j = np.tril_indices(count, -1)
        squares = anp.sum((places[i] - places[j]) ** 2, axis=1)
        return -anp.sum(np.array(masses)[i] * np.array(masses)[j] * (squares + 1e-4) ** -0.5)

    expected = autograd.hessian(by_autograd)(positions)
    found = microgpt.hessian(energy, positions, masses, wrt="positions", target=target, cache=cache)(positions, masses)
    assert found.shape == (count, 3, count, 3)
    close(found, expected)
    vector = np.array([[random.gauss(0, 1) for _ in range(3)] for _ in range(count)])
    product = microgpt.hvp(energy, positions, masses, wrt="positions", target=target, cache=cache)
    close(product(positions, masses, vector), np.tensordot(expected, vector, 2))


def price(spot: Any, strike: Any, years: Any, rate: Any, volatility: Any) -> Any:
    """A call option, after Black and Scholes (1973)."""
    spread = volatility * microgpt.sqrt(years)
    d = (microgpt.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / spread

    def normal(x: Any) -> Any:
        return 0.5 * (1 + microgpt.erf(x / math.sqrt(2)))

    return spot * normal(d) - strike * microgpt.exp(-rate * years) * normal(d - spread)


def test_the_gamma_of_an_option(cache: Cache, target: str) -> None:
    pytest.importorskip("scipy", reason="scipy is not installed")
    from autograd.scipy.stats import norm

    def by_autograd(spot: Any, strike: Any, years: Any, rate: Any, volatility: Any) -> Any:
        spread = volatility * anp.sqrt(years)
        d = (anp.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / spread
        return spot * norm.cdf(d) - strike * anp.exp(-rate * years) * norm.cdf(d - spread)

    option = (100.0, 105.0, 0.5, 0.02, 0.25)
    gamma = microgpt.hessian(price, *option, wrt="spot", target=target, cache=cache)
    for spot in (60.0, 100.0, 150.0):
        spread = 0.25 * math.sqrt(0.5)
        d = (math.log(spot / 105.0) + (0.02 + 0.5 * 0.25**2) * 0.5) / spread
        formula = math.exp(-d * d / 2) / math.sqrt(2 * math.pi) / (spot * spread)
        found = gamma(spot, *option[1:])
        assert found == pytest.approx(formula, rel=1e-12)
        assert found == pytest.approx(autograd.grad(autograd.grad(by_autograd))(spot, *option[1:]), rel=1e-12)


def curve_residuals(curve: Any, times: Any, values: Any) -> Any:
    a, b, c, d, e = curve
    pairs = zip(times, values, strict=True)
    return [a * microgpt.exp(-b * t) + c * microgpt.exp(-d * t) + e - y for t, y in pairs]


def test_gauss_newton_fits_a_curve(cache: Cache) -> None:
    times = np.linspace(0.0, 5.0, 50)
    truth = np.array([2.5, 1.3, 1.1, 0.2, 0.5])
    values = truth[0] * np.exp(-truth[1] * times) + truth[2] * np.exp(-truth[3] * times) + truth[4]
    curve = np.array([2.4, 1.2, 1.2, 0.25, 0.4])
    step = microgpt.jacobian(curve_residuals, curve, times, values, wrt="curve", value=True, cache=cache)
    for _ in range(20):
        residuals, slopes = step(curve, times, values)
        assert slopes.shape == (50, 5)
        curve = curve - np.linalg.lstsq(slopes, np.array(residuals), rcond=None)[0]
    close(curve, truth, 1e-8)


def test_what_is_refused(cache: Cache) -> None:
    for make in (microgpt.hessian, microgpt.hvp):
        with pytest.raises(
            microgpt.TraceError, match=r"^test_jacobians\.py:\d+: .*returned a list of 7, and a Hessian"
        ):
            make(mixed, [1.0, 1.0, 1.0], cache=cache)
    with pytest.raises(microgpt.TraceError, match=r"^test_jacobians\.py:\d+: .*returned no number"):
        microgpt.jacobian(lambda x: [], [1.0], cache=cache)
    with pytest.raises(TypeError, match="compiled for 2 arguments \\(x, vector\\), called with 1"):
        microgpt.hvp(lambda x: x**3, 1.0, cache=cache)(2.0)
    with pytest.raises(TypeError, match="value must be True or False"):
        microgpt.jacobian(mixed, [1.0, 1.0, 1.0], value=1, cache=cache)  # type: ignore[arg-type]


def test_both_targets_have_the_same_bits(cache: Cache) -> None:
    skip_without_compiler()
    random, function, example = Random(3), second_derivatives_of_everything, [1.0, 1.0, 1.0]
    for make, more in ((microgpt.hessian, 0), (microgpt.hvp, 1)):
        compiled = [make(function, example, target=target, cache=cache) for target in ("c", "python")]
        for _ in range(20):
            arguments = [[random.gauss(0, 1) for _ in range(3)] for _ in range(1 + more)]
            assert compiled[0](*arguments) == compiled[1](*arguments)
