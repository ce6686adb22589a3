"""Functions as people write them: compiled to C and to Python, they have the bits of the eager autograd."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from helpers import skip_without_compiler

import microgpt
from microgpt.compiler.functions import constant_maximum, select
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.value import Value

SIZE = 24
_random = Random(1)
DATA = [_random.uniform(0.1, 3.0) for _ in range(2 * SIZE)]
START = [_random.gauss(0.0, 1.0) for _ in range(SIZE)]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("functions"))


def eager(function: Callable[..., Any], x: list[float], *others: Any) -> tuple[float, list[float]]:
    scalars = [Value(number) for number in x]
    result = function(scalars, *others)
    result.backward()
    return result.data, [scalar.grad for scalar in scalars]


def squares(values: list[Any]) -> Any:
    return sum(value * value for value in values)


def causal_convolution(x: list[Any]) -> Any:
    """Each sum has a term more than the last, and walks the other way through the data."""
    return squares([sum(x[j] * DATA[i - j] for j in range(i + 1)) for i in range(SIZE)])


def shrinking_convolution(x: list[Any]) -> Any:
    return squares([sum(x[j] * DATA[i + j] for j in range(SIZE - i)) for i in reversed(range(SIZE))])


def choices_from_data(x: list[Any], index: Any) -> Any:
    return squares([value * select(DATA[3 * place : 3 * place + 3], index) for place, value in enumerate(x)])


def zeros_behind_equal_data(x: list[Any]) -> Any:
    """Which GCC 12 broadcast as if there were none."""
    data = [*DATA[:8], *[1.25] * 6, 0.0, 0.0, 3.0, 4.0]
    return squares([value * number for value, number in zip(x, data, strict=False)])


def sums_beside_differences(x: list[Any]) -> Any:
    """Which GCC 12 contracted."""
    pairs = [(a * b - c, d * e + f) for a, b, c, d, e, f in zip(*[iter(x)] * 6, strict=True)]
    return squares([number for pair in pairs for number in pair])


def wavefront(x: list[Any]) -> Any:
    row = x[:8]
    for number in DATA[:5]:
        for place in range(1, len(row)):
            row[place] = row[place] * 0.5 + row[place - 1] * number
    return squares(row)


def softmax_of_triangle(x: list[Any]) -> Any:
    sums = [sum(x[j] * x[i - j] for j in range(i + 1)) for i in range(9)]
    highest = constant_maximum(sums)
    powers = [(total - highest).exp() for total in sums]
    return squares([power / sum(powers) for power in powers])


@pytest.mark.parametrize("target", ["c", "python"])
@pytest.mark.parametrize(
    "function",
    [
        causal_convolution,
        shrinking_convolution,
        choices_from_data,
        zeros_behind_equal_data,
        sums_beside_differences,
        wavefront,
        softmax_of_triangle,
    ],
)
def test_a_compiled_function_has_the_bits_of_the_eager_autograd(
    function: Callable[..., Any], target: str, cache: Cache
) -> None:
    skip_without_compiler(target)
    x, others = START, []
    if function is choices_from_data:
        x, others = START[: 2 * SIZE // 3], [microgpt.index(3)]
    compiled = microgpt.compile(function, x, *others, target=target, cache=cache)
    for number in range(3):
        random = Random(number)
        given = [random.gauss(0.0, 1.0) for _ in x], *[number for _ in others]
        value, gradient = compiled(*given)
        assert (value, gradient[0] if others else gradient) == eager(function, *given)
