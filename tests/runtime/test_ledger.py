"""What a function computes at the sizes asked for is what its loops compute, also where no trial's numbers show it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import skip_without_compiler

import microgpt
from microgpt import Value
from microgpt.runtime.storage.cache import Cache
from microgpt.seeing_sizes import SizedFunction

MANY = 50


@pytest.fixture(scope="module", autouse=True)
def with_compiler() -> None:
    skip_without_compiler()


def constant(x: Any) -> Any:
    factor = 3.0 if len(x) < MANY else 5.0
    return sum(microgpt.where(v > 10.0, v * factor, v * v) for v in x)


def least(x: Any) -> Any:
    return sum(microgpt.where(v > 10.0, v * min(len(x), MANY), v * v) for v in x)


def also_elsewhere(x: Any) -> Any:
    """The constant that the loops have there is another one's, too."""
    return sum(microgpt.where(v > 10.0, v * min(len(x), MANY), v * len(x)) for v in x)


def table(x: Any) -> Any:
    return sum(microgpt.where(v > min(i, MANY - 1) + 5, v * v, v * 0.5) for i, v in enumerate(x))


def more_operations(x: Any) -> Any:
    return sum(microgpt.where(v > 10.0, v * 3.0 if len(x) < MANY else v * 3.0 * v, v * v) for v in x)


def other_operations(x: Any) -> Any:
    return sum(microgpt.where(v > 10.0, v * v if len(x) < MANY else v + v, v * v) for v in x)


def exponent(x: Any) -> Any:
    return sum(microgpt.where(v > 10.0, v ** (2 if len(x) < MANY else 3), v * 0.5) for v in x)


def rounded_away(x: Any) -> Any:
    """Only infinities and large numbers show what is added."""
    return sum(v * 1e30 + 1e30 for v in x) + min(len(x), MANY)


@pytest.mark.parametrize(
    "function",
    [constant, least, also_elsewhere, table, more_operations, other_operations, exponent, rounded_away],
)
def test_what_no_number_of_the_trial_shows(function: Callable[[Any], Any], tmp_path: Path) -> None:
    family = microgpt.compile_sized(function, lambda n: [0.0] * n, cache=Cache.open(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(family(n=MANY - 2), SizedFunction)
    n = MANY + 20
    with pytest.warns(UserWarning, match=rf"at n={n} .*: here it has .* its loops at small sizes"):
        compiled = family(n=n)
    numbers = [-1.0 if function is rounded_away else 1.0 * place for place in range(n)]
    values = [*map(Value, numbers)]
    result = function(values)
    result.backward()
    assert compiled(numbers) == (result.data, [value.grad for value in values])


def test_a_product_of_constants_whose_order_the_samples_do_not_tell(tmp_path: Path) -> None:
    """Its gradient is a product of three constants, which rounds alike in every order at all small sizes; not here."""

    def loss(x: Any) -> Any:
        n = len(x)
        return sum(x) * (0.3 / n) * (0.3 * n) * (0.7 / (n + 1))

    family = microgpt.compile_sized(loss, lambda n: [0.0] * n, cache=Cache.open(tmp_path))
    assert isinstance(family(n=330), SizedFunction)
    n = 336
    first, second, third = 0.3 / n, 0.3 * n, 0.7 / (n + 1)
    assert third * second * first != first * second * third
    with pytest.warns(UserWarning, match=r"at n=336 .*: its loops at small sizes do not tell whether a"):
        compiled = family(n=n)
    assert compiled([1.0] * n)[1] == [third * second * first] * n


@pytest.mark.parametrize("exponent", [1, 3])
def test_a_product_of_constants_that_is_one_at_small_sizes(exponent: int, tmp_path: Path) -> None:
    """The gradient is multiplied with 2/n times n/2, which is one wherever the loops were learned."""

    def loss(x: Any) -> Any:
        return sum(v**exponent for v in x) * (len(x) * 0.5) * (2.0 / len(x))

    family = microgpt.compile_sized(loss, lambda n: [0.0] * n, cache=Cache.open(tmp_path))
    assert isinstance(family(n=320), SizedFunction)
    n = 322
    assert 2.0 / n * (n * 0.5) != 1.0
    with pytest.warns(UserWarning, match=r"at n=322 .*: its loops at small sizes do not tell whether a constant is"):
        compiled = family(n=n)
    values = [Value(0.1 * place) for place in range(n)]
    loss(values).backward()
    assert compiled([value.data for value in values])[1] == [value.grad for value in values]


def test_constants_that_are_not_multiplied(tmp_path: Path) -> None:
    """2/n and n/2 are both there, and nothing is multiplied with both."""

    def loss(x: Any, y: Any) -> Any:
        return sum(v**3 for v in x) * (len(x) * 0.5) + sum(v**3 for v in y) * (2.0 / len(x))

    family = microgpt.compile_sized(loss, lambda n: ([0.0] * n, [0.0] * n), cache=Cache.open(tmp_path))
    assert isinstance(family(n=322), SizedFunction)


def test_a_function_that_takes_numbers_alone(tmp_path: Path) -> None:
    """It looks at what it is given; nothing is entered, and nothing compared."""

    def loss(x: Any) -> Any:
        if any(type(v).__name__ == "Entered" for v in x):
            raise TypeError
        return sum(v * v for v in x)

    family = microgpt.compile_sized(loss, lambda n: [0.0] * n, cache=Cache.open(tmp_path))
    compiled = family(n=30)
    assert isinstance(compiled, SizedFunction)
    assert compiled([2.0] * 30)[0] == 120.0
