"""Derivatives of own functions: in some arguments, with auxiliary results, alone; the bits of the eager autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import microgpt
from microgpt import Value
from microgpt.runtime.storage.cache import Cache


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("derivatives"))


def lifted(tree: Any) -> Any:
    """With a Value for every float."""
    if isinstance(tree, float):
        return Value(tree)
    return [lifted(part) for part in tree] if isinstance(tree, list) else tree


def grads(tree: Any) -> Any:
    """The gradients of Values, in their structure."""
    return [grads(part) for part in tree] if isinstance(tree, list) else tree.grad


def regression(weights: Any, rows: Any, labels: Any) -> Any:
    guesses = [microgpt.tanh(sum(w * x for w, x in zip(weights, row, strict=True))) for row in rows]
    errors = [guess - label for guess, label in zip(guesses, labels, strict=True)]
    return sum(error**2 for error in errors) / len(errors), {"guesses": guesses, "worst": microgpt.maximum(*errors)}


WEIGHTS, ROWS, LABELS = [0.3, -0.7], [[1.0, 2.0], [0.5, -1.5], [3.0, 0.25]], [0.5, 0.25, 1.0]


def loss(weights: Any, rows: Any, labels: Any) -> Any:
    return regression(weights, rows, labels)[0]


@pytest.mark.parametrize(
    ("wrt", "places"),
    [
        ("weights", (0,)),
        (0, (0,)),
        (["weights"], (0,)),
        (("labels", "weights"), (2, 0)),
        ((-1, 1), (2, 1)),
        (range(3), (0, 1, 2)),
        (None, (0, 1, 2)),
    ],
)
def test_a_gradient_in_some_arguments_is_that_in_all(cache: Cache, target: str, wrt: Any, places: Any) -> None:
    compiled = microgpt.compile(loss, WEIGHTS, ROWS, LABELS, wrt=wrt, target=target, cache=cache)
    weights, rows, labels = [0.1, 0.9], [[0.5, 2.5], [1.5, -1.0], [2.0, 0.125]], [1.0, -0.25, 0.75]
    values = [lifted(argument) for argument in (weights, rows, labels)]
    result = loss(*values)
    result.backward()
    value, gradient = compiled(weights, rows, labels)
    expected = tuple(grads(values[place]) for place in places)
    assert value == result.data
    assert gradient == (expected[0] if isinstance(wrt, str | int) else expected)


def test_data_cost_no_gradient(cache: Cache) -> None:
    alone = microgpt.compile(loss, WEIGHTS, ROWS, LABELS, wrt="weights", cache=cache).ir
    everything = microgpt.compile(loss, WEIGHTS, ROWS, LABELS, cache=cache).ir
    assert [len(output.nodes) for output in alone.outputs] == [1, 2]
    assert alone.arguments() == {"parameters": (0, 2), "data": (2, 9)}
    assert everything.arguments() == {"parameters": (0, 11)}
    # The gradients in the labels are those of the errors, which are there; in the rows, each costs a product.
    assert len(everything) - len(alone) >= 6


def test_an_auxiliary_result_comes_beside_the_value(cache: Cache, target: str) -> None:
    compiled = microgpt.compile(
        regression, WEIGHTS, ROWS, LABELS, wrt="weights", has_aux=True, target=target, cache=cache
    )
    weights = lifted([0.1, 0.9])
    expected, aux = regression(weights, ROWS, LABELS)
    expected.backward()
    (value, found), gradient = compiled([0.1, 0.9], ROWS, LABELS)
    assert (value, gradient) == (expected.data, grads(weights))
    assert found == {"guesses": [guess.data for guess in aux["guesses"]], "worst": aux["worst"].data}


class Pair(NamedTuple):
    first: Any
    second: Any


def everything(x: Any, y: Any) -> Any:
    """Results that are an argument, plain numbers, one another, and in every structure."""
    product = x[0] * y
    return {"sum": x[0] + x[1], "pair": Pair(product, (product, x[1])), "plain": [1.0, 2, y]}


def test_the_value_alone_has_the_structure_of_the_result(cache: Cache, target: str) -> None:
    compiled = microgpt.compile(everything, [1.0, 2.0], 3.0, gradient=False, target=target, cache=cache)
    assert compiled.ir.outputs[0].name == "value"
    assert len(compiled.ir.outputs) == 1
    found = compiled([4.0, 0.5], -2.0)
    assert found == everything([4.0, 0.5], -2.0)
    assert isinstance(found["pair"], Pair)
    alone = microgpt.compile(lambda x: (x * 2.0, {"x": x}), 1.0, gradient=False, has_aux=True, cache=cache)
    assert alone(4.0) == (8.0, {"x": 4.0})


@pytest.mark.parametrize("function", [lambda x: 7.0, lambda x: x, lambda x: x * 0.0 + 1])
def test_results_that_are_a_number_or_an_argument(cache: Cache, target: str, function: Callable[[Any], Any]) -> None:
    def both(x: Any) -> Any:
        return function(x), [function(x), x, 3]

    (value, aux), slope = microgpt.compile(both, 1.0, has_aux=True, target=target, cache=cache)(5.0)
    x = Value(5.0)
    result = function(x)
    if isinstance(result, Value):
        result.backward()
    expected = getattr(result, "data", result)
    assert (value, aux, slope) == (expected, [expected, 5.0, 3.0], x.grad)


def test_an_auxiliary_result_may_hold_what_is_no_number(cache: Cache) -> None:
    (value, aux), _ = microgpt.compile(lambda x: (x, {"name": "x", "none": None, "ok": True}), 1.0, has_aux=True)(2.0)
    assert (value, aux) == (2.0, {"name": "x", "none": None, "ok": True})


@pytest.mark.parametrize(
    ("wrt", "error", "message"),
    [
        ("weight", ValueError, "wrt must be 'weights', 'rows' or 'labels', not 'weight'; did you mean 'weights'"),
        (3, ValueError, "wrt is position 3, but the arguments are weights, rows, labels"),
        ((), ValueError, "wrt must name at least one argument, and each once"),
        ((0, "weights"), ValueError, "wrt must name at least one argument, and each once"),
        (1.5, TypeError, "wrt must be the name or position of an argument, or a sequence of these, not 1.5"),
        ([None], TypeError, "wrt must be the name or position of an argument, or a sequence of these, not None"),
        (True, TypeError, "wrt must be the name or position"),
    ],
)
def test_what_wrt_may_be(cache: Cache, wrt: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        microgpt.compile(loss, WEIGHTS, ROWS, LABELS, wrt=wrt, cache=cache)


def test_wrt_of_a_single_argument() -> None:
    with pytest.raises(ValueError, match="wrt must be 'x', not 'y'"):
        microgpt.compile(lambda x: x * x, 1.0, wrt="y")


def test_an_argument_without_floats_is_not_differentiated_in(cache: Cache) -> None:
    with pytest.raises(TypeError, match="wrt has n, which has no float in the example"):
        microgpt.compile(lambda x, n: x * n, 1.0, 3, wrt="n", cache=cache)
    with pytest.raises(ValueError, match="gradient=False asks for the value alone"):
        microgpt.compile(lambda x, n: x * n, 1.0, 3, wrt="x", gradient=False, cache=cache)


@pytest.mark.parametrize(
    ("function", "has_aux", "message"),
    [
        (lambda x: [x, x], False, r"returned a list of 2, and a gradient is taken of one number: use .*jacobian"),
        (lambda x: (x, x, x), True, "returned a tuple of 3; with has_aux=True it returns a pair"),
        (lambda x: x, True, "returned a value of type TracedScalar; with has_aux=True it returns a pair"),
        (lambda x: (x, [x, {1}]), True, "returned: set is not a scalar"),
        (lambda x: "x", False, "returned: str is not a scalar"),
    ],
)
def test_a_result_that_does_not_fit_names_the_function(
    cache: Cache, function: Any, has_aux: bool, message: str
) -> None:
    with pytest.raises(microgpt.TraceError, match=rf"^test_derivatives\.py:\d+: .*{message}"):
        microgpt.compile(function, 1.0, has_aux=has_aux, cache=cache)


def test_a_structure_that_changes_is_refused(cache: Cache) -> None:
    lengths = iter((1, 2))
    with pytest.raises(microgpt.TraceError, match=r"test_derivatives\.py:\d+: .* returned a different structure each"):
        microgpt.compile(lambda x: (x, "a" * next(lengths)), 1.0, has_aux=True, cache=cache)
