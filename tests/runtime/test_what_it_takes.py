"""What own functions are given and compute with: numbers and arrays of other libraries, containers; who shares them."""

from __future__ import annotations

import importlib
import math
import operator
import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgpt
from microgpt import Value
from microgpt.compiler.number import Number
from microgpt.runtime.storage.cache import Cache


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("takes"))


class Whole:
    def __index__(self) -> int:
        return 3


class Real:
    def __float__(self) -> float:
        return 2.5


NUMBERS = [
    True, 3, 2.5, np.float64(2), np.float32(0.5), np.float16(3), np.longdouble(2.5), np.int64(3), np.uint8(4),
    np.bool_(True), np.array(2.0), np.array(3), Fraction(1, 3), Decimal("1.25"), Whole(), Real(), Number(1.5),
]  # fmt: skip
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


def every_operator(x: Any, number: Any) -> list[Any]:
    """Every operator with the number on both sides."""
    return [result for each in OPERATORS for result in (each(x, number), each(number, x))]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: type(number).__name__)
def test_every_number_is_one_on_both_sides_of_every_operator(cache: Cache, number: Any) -> None:
    plain = float(number) if hasattr(number, "__float__") else float(operator.index(number))
    eager, others = every_operator(Value(1.5), number), every_operator(Value(1.5), plain)
    assert {type(result) for result in eager} == {Value}
    assert [result.data for result in eager] == [result.data for result in others]
    if not isinstance(number, Number):
        constants = every_operator(Number(1.5), number)
        assert {type(result) for result in constants} == {Number}
        assert constants == every_operator(Number(1.5), plain)
    values, slopes = microgpt.jacobian(
        lambda x: every_operator(x, number), 1.5, value=True, target="python", cache=cache
    )(1.5)
    for result, value, slope in zip(every_operator(x := Value(1.5), number), values, slopes, strict=True):
        x.grad = 0.0
        result.backward()
        assert (value, slope) == (result.data, x.grad)


VECTOR, MATRIX = np.array([1.0, 2.0]), np.arange(4.0).reshape(2, 2)


def with_arrays(x: Any) -> Any:
    """Operators and functions of NumPy on arrays of scalars, and on scalars beside arrays of numbers."""
    scalars = np.array(x)
    results = [
        VECTOR * x[0], x[0] * VECTOR, VECTOR + x[0], x[0] - VECTOR, VECTOR - x[0], VECTOR / x[0], x[0] / VECTOR,
        x[0] ** VECTOR, VECTOR ** x[0], np.exp(scalars), MATRIX @ scalars, scalars @ MATRIX, np.dot(VECTOR, scalars),
        scalars.sum(), scalars.mean(), np.exp(x[0]), np.sqrt(x[1]), np.abs(x[0]), np.tanh(scalars),
        np.linalg.norm(scalars), np.multiply(2.0, x[0]), np.square(scalars), np.outer(scalars, scalars),
        np.negative(x[0]), np.sum(x), np.array([1], dtype=np.longdouble) * x[0],
    ]  # fmt: skip
    return sum(np.asarray(result).sum() * (place + 1) for place, result in enumerate(results))


def compared(x: Any, number: Any) -> list[Any]:
    """Every comparison with the number on both sides."""
    each = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)
    return [microgpt.where(result, x, 0.0) for op in each for result in (op(x, number), op(number, x))]


@pytest.mark.parametrize("number", [np.float64(1.5), np.float32(0.5), np.int64(2), np.array(1.5), Fraction(3, 2)])
def test_every_number_is_compared_on_both_sides(cache: Cache, number: Any) -> None:
    eager = [value.data for value in compared(Value(1.5), number)]
    assert eager == [value.data for value in compared(Value(1.5), float(number))]
    assert (
        microgpt.compile(lambda x: compared(x, number), 1.5, gradient=False, target="python", cache=cache)(1.5) == eager
    )


def test_arrays_meet_scalars_element_by_element(cache: Cache) -> None:
    scalars = [Value(0.5), Value(1.5)]
    assert [each.data for each in scalars[0] * VECTOR] == [each.data for each in VECTOR * scalars[0]] == [0.5, 1.0]
    result = with_arrays(scalars)
    assert type(result) is Value
    result.backward()
    assert result.data == pytest.approx(with_arrays([0.5, 1.5]), rel=1e-14)
    compiled = microgpt.compile(with_arrays, [0.5, 1.5], target="python", cache=cache)
    assert compiled([0.5, 1.5]) == (result.data, [scalar.grad for scalar in scalars])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: microgpt.maximum(x, VECTOR), "ndarray is not a scalar; use its elements one by one"),
        (lambda x: max(VECTOR[0], x), "traced values were compared"),
        (lambda x: np.maximum(VECTOR, x), r"traced values were compared.*maximum\(\)"),
        (lambda x: np.cbrt(x) + 1, "has no callable cbrt method"),
        (lambda x: np.array([x], dtype=float), "read as a plain number"),
        (lambda x: np.complex128(1j) * x, "complex is not a scalar"),
    ],
)
def test_what_numpy_cannot_do_names_the_line(cache: Cache, function: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(microgpt.TraceError, match=rf"^test_what_it_takes\.py:\d+: .*{message}"):
        microgpt.compile(function, 1.0, target="python", cache=cache)


@dataclass(frozen=True)
class Layer:
    weights: list[Any]
    bias: Any
    name: str = "layer"

    def __post_init__(self) -> None:
        if self.bias < -100:  # numbers that the trace does not know
            raise ValueError("bias")

    def apply(self, inputs: list[Any]) -> Any:
        return sum(w * x for w, x in zip(self.weights, inputs, strict=True)) + self.bias


def test_containers_are_kept(cache: Cache) -> None:
    def function(layer: Layer, ordered: Any, default: Any) -> Any:
        assert isinstance(layer, Layer)
        assert isinstance(ordered, OrderedDict)
        return layer.apply([ordered["x"], default["y"]]) * (default["none"] + 2.0), (layer, ordered, default)

    example = Layer([1.0, 2.0], 3.0), OrderedDict(x=1.0, n=3), defaultdict(float, y=2.0, none=0.0)
    (value, aux), gradient = microgpt.compile(function, *example, has_aux=True, target="python", cache=cache)(*example)
    assert value == 16.0
    assert [type(each) for each in gradient] == [Layer, OrderedDict, defaultdict]
    assert gradient == (Layer([2.0, 4.0], 2.0, None), {"x": 2.0, "n": None}, {"y": 4.0, "none": 8.0})  # type: ignore[arg-type]
    assert gradient[2]["z"] == 0.0
    assert aux[0] == example[0]
    assert aux[2] == example[2]


def test_parts_of_a_dataclass_are_named(cache: Cache) -> None:
    compiled = microgpt.compile(
        lambda layer: layer.apply([1.0, 2.0]), Layer([1.0, 2.0], 3.0), target="python", cache=cache
    )
    with pytest.raises(TypeError, match=r"layer\.weights\[1\] must be a number, not 'x'"):
        compiled(Layer([1.0, "x"], 3.0))
    with pytest.raises(TypeError, match="layer must be a Layer, as in the example, not dict"):
        compiled({"weights": [1.0, 2.0], "bias": 3.0, "name": "layer"})
    with pytest.raises(TypeError, match=r"layer\.name was 'layer' in the example and is fixed"):
        compiled(Layer([1.0, 2.0], 3.0, "other"))


@pytest.mark.parametrize("number", [Fraction(1, 2), Decimal("0.5"), np.float32(0.5), np.float16(0.5), np.array(0.5)])
def test_numbers_that_vary(cache: Cache, number: Any) -> None:
    compiled = microgpt.compile(lambda x, y: x * y[0], number, [number], target="python", cache=cache)
    for given in (number, 0.5, Fraction(1, 2), np.float64(0.5)):
        assert compiled(given, [given]) == (0.25, (0.5, [0.5]))


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.intp, int, Whole])
def test_labels_of_numpy(cache: Cache, kind: Any) -> None:
    compiled = microgpt.compile(
        lambda xs, labels: sum(microgpt.select(xs, label) for label in labels),
        [1.0, 2.0, 3.0, 4.0],
        [microgpt.index(4 if kind is Whole else kind(4))] * 2,
        wrt="xs",
        target="python",
        cache=cache,
    )
    labels: Any = [Whole(), Whole()] if kind is Whole else [kind(3), kind(3)]
    assert compiled([1.0, 2.0, 3.0, 4.0], labels) == (8.0, [0.0, 0.0, 0.0, 2.0])
    if kind is not Whole:
        assert compiled([1.0, 2.0, 3.0, 4.0], np.array([0, 1], dtype=kind)) == (3.0, [1.0, 1.0, 0.0, 0.0])
        with pytest.raises(IndexError, match=r"labels\[0\] is 4"):
            compiled([1.0, 2.0, 3.0, 4.0], np.array([4, 1], dtype=kind))
    with pytest.raises(TypeError, match=r"labels\[1\] must be a whole number, not 1\.0"):
        compiled([1.0, 2.0, 3.0, 4.0], [0, 1.0])


@pytest.mark.parametrize("kind", [">f8", "f4", "f2", "i4"])
def test_arrays_of_every_kind(cache: Cache, kind: str) -> None:
    example = np.arange(6.0).reshape(2, 3)
    compiled = microgpt.compile(lambda m: sum(x * x for row in m for x in row), example, target="python", cache=cache)
    for given in (example.astype(kind), np.asfortranarray(example), example[::-1][::-1], example.tolist()):
        value, slopes = compiled(given)
        assert value == 55.0
        assert (slopes == 2 * example).all()


def rosenbrock(x: Any) -> Any:
    return sum(100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in pairwise(x))


def test_scipy_minimizes(cache: Cache) -> None:
    optimize = pytest.importorskip("scipy.optimize", reason="scipy is not installed")
    start = np.array([1.3, 0.7, 0.8, 1.9])
    found = optimize.minimize(microgpt.compile(rosenbrock, start, target="python", cache=cache), start, jac=True)
    assert found.success
    assert np.abs(found.x - 1).max() < 1e-4
    both = microgpt.compile(rosenbrock, start, target="python", cache=cache)
    hessian, product = (
        microgpt.hessian(rosenbrock, start, target="python", cache=cache),
        microgpt.hvp(rosenbrock, start, target="python", cache=cache),
    )
    assert both(start)[1].shape == (4,)
    for more in ({"method": "trust-exact", "hess": hessian}, {"method": "Newton-CG", "hessp": product}):
        found = optimize.minimize(both, start, jac=True, **more)
        assert np.abs(found.x - 1).max() < 1e-4


def residuals(curve: Any) -> Any:
    return [curve[0] * microgpt.exp(-curve[1] * t) - 2.0 * math.exp(-0.5 * t) for t in (0.0, 1.0, 2.0, 3.0)]


def test_scipy_fits_by_least_squares(cache: Cache) -> None:
    optimize = pytest.importorskip("scipy.optimize", reason="scipy is not installed")
    start = np.array([1.0, 1.0])
    values = microgpt.compile(residuals, start, gradient=False, target="python", cache=cache)
    found = optimize.least_squares(values, start, jac=microgpt.jacobian(residuals, start, target="python", cache=cache))
    assert np.abs(found.x - [2.0, 0.5]).max() < 1e-8


def squares(xs: Any) -> Any:
    return sum(x * x for x in xs)


SQUARES = """
def squares(xs):
    return sum(x * x for x in xs)


def call(function, xs):
    return function(xs)
"""


def test_compiled_functions_go_to_other_processes(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In a module that other processes find, too.
    (tmp_path / "some_squares.py").write_text(SQUARES)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("some_squares")
    compiled = microgpt.compile(module.squares, [1.0, 2.0], cache=cache)
    again = pickle.loads(pickle.dumps(compiled))
    assert again is not compiled
    assert again.path == compiled.path  # from the cache
    assert again([3.0, 4.0]) == compiled([3.0, 4.0]) == (25.0, [6.0, 8.0])
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(module.call, [compiled] * 2, [[3.0, 4.0], [1.0, 0.0]]))
    assert found == [(25.0, [6.0, 8.0]), (1.0, [2.0, 0.0])]
    product = pickle.loads(pickle.dumps(microgpt.hvp(squares, np.array([1.0, 2.0]), cache=cache)))
    assert product(np.array([1.0, 2.0]), np.array([1.0, -1.0])).tolist() == [2.0, -2.0]


def cubes(xs: Any) -> Any:
    return sum(x * x * x for x in xs)


def test_what_was_given_the_name_of_its_function_is_pickled_by_name(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = microgpt.compile(cubes, [1.0], target="python", cache=cache)
    monkeypatch.setitem(globals(), "cubes", compiled)
    assert pickle.loads(pickle.dumps(compiled)) is compiled


def test_what_no_other_process_finds_is_not_pickled(cache: Cache) -> None:
    def inner(x: Any) -> Any:
        return x * x

    for function in (inner, lambda x: x * x):
        compiled = microgpt.compile(function, 1.0, target="python", cache=cache)
        with pytest.raises(TypeError, match=r"cannot be pickled: .* define it at the top level of a module"):
            pickle.dumps(compiled)


def test_many_threads(cache: Cache) -> None:
    compiled = microgpt.jacobian(lambda xs, scale: [x * x * scale for x in xs], [0.0] * 50, 1.0, wrt=0, cache=cache)

    def run(seed: int) -> bool:
        xs, good = [float(seed + place) for place in range(50)], True
        for _ in range(20):
            with pytest.raises(TypeError):
                compiled([*xs[:-1], "x"], 1.0)
            rows = compiled(xs, 2.0)
            good &= all(row[place] == 4.0 * xs[place] for place, row in enumerate(rows))
        return good

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(16)))
