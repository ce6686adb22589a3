"""An index chooses between values of several arrays: nothing outside an array is read through it.

C compilers assume so, and in JAX arrays do not lie side by side.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from helpers import skip_without_compiler

import microgpt
from microgpt import Value
from microgpt.runtime.storage.cache import Cache

MATRIX = [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("cache"))


def of_arguments(a: Any, b: Any, c: Any, number: Any) -> Any:
    chosen = microgpt.select([a, b, c], number)
    return chosen * chosen


def of_arguments_used_elsewhere(a: Any, b: Any, c: Any, number: Any) -> Any:
    return microgpt.select([a, b, c], number) ** 2 * a


def from_row_to_row(a: Any, b: Any, c: Any, matrix: Any, number: Any) -> Any:
    chosen = microgpt.select([matrix[0][2], matrix[0][3], matrix[1][0]], number)
    return chosen * chosen * microgpt.select([a, b, c], number)


def of_values(a: Any, b: Any, c: Any, matrix: Any, number: Any) -> Any:
    sums = [sum(row) * c for row in matrix]
    products = [row[0] * row[1] * b for row in matrix]
    return sum(
        microgpt.choose([x, y, a * x], number) * x for x, y in zip(sums, products, strict=True)
    ) * microgpt.choose([1.5, a], 1)


FUNCTIONS = [
    (of_arguments, ()),
    (of_arguments_used_elsewhere, ()),
    (from_row_to_row, (MATRIX,)),
    (of_values, (MATRIX,)),
]


def eagerly(function: Any, arguments: Sequence[Any], number: int) -> tuple[float, list[float]]:
    values: list[Value] = []

    def lifted(part: Any) -> Any:
        if isinstance(part, list):
            return list(map(lifted, part))
        values.append(Value(part))
        return values[-1]

    result = function(*map(lifted, arguments), number)
    result.backward()
    return result.data, [value.grad for value in values]


def flat(part: Any) -> list[float]:
    if part is None:
        return []
    return [part] if isinstance(part, float) else [number for each in part for number in flat(each)]


@pytest.mark.parametrize("target", ["c", "python"])
@pytest.mark.parametrize(("function", "further"), FUNCTIONS)
def test_the_bits_of_the_eager_autograd(function: Any, further: tuple[Any, ...], target: str, cache: Cache) -> None:
    skip_without_compiler(target)
    arguments = (1.25, 2.5, 3.75, *further)
    compiled = microgpt.compile(function, *arguments, microgpt.index(3), target=target, cache=cache)
    for number in range(3):
        value, gradient = compiled(*arguments, number)
        assert (value, flat(gradient)) == eagerly(function, arguments, number)


@pytest.mark.parametrize(("function", "further"), FUNCTIONS)
def test_no_array_is_left_by_an_index(function: Any, further: tuple[Any, ...], cache: Cache) -> None:
    skip_without_compiler()
    arguments = (1.25, 2.5, 3.75, *further)
    text = microgpt.compile(function, *arguments, microgpt.index(3), target="c", cache=cache).source
    extents = dict(re.findall(r"^ *double (\w+)\[(\d+)\];", text, re.MULTILINE))
    for name in re.findall(r"m->(\w+)\[[^\]]*\bix\[", text):
        assert int(extents[name]) >= 3, name
    assert "ix[" in text


def test_the_gradients_of_jax(cache: Cache) -> None:
    pytest.importorskip("jax")
    for function, further in FUNCTIONS:
        arguments = (1.25, 2.5, 3.75, *further)
        compiled = microgpt.compile(function, *arguments, microgpt.index(3), target="jax", cache=cache)
        for number in range(3):
            value, gradient = compiled(*arguments, number)
            expected, grads = eagerly(function, arguments, number)
            found = [float(x) for part in gradient if part is not None for x in part.ravel()]
            assert float(value) == pytest.approx(expected, rel=1e-5)
            assert found == pytest.approx(grads, rel=1e-5)
