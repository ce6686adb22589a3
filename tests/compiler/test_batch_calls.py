"""Calls of libm's functions that stand alone are computed in batches, with the bits of one call after the other."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from loop_texts import program_of

import microgpt
from microgpt.compiler.kernels.batch_calls import ROOM
from microgpt.compiler.pipeline import compile_c
from microgpt.runtime.value import Value

Function = Callable[[list[Any]], Any]


def add_up(terms: Any) -> Any:
    total: Any = 0
    for term in terms:
        total = total + term
    return total


def triangle(x: list[Any]) -> Any:
    return add_up((x[i] * x[i] + x[j] * x[j]) ** -0.5 * (i + 2 * j + 1) for i in range(30) for j in range(i))


def powers(x: list[Any]) -> Any:
    return add_up((a + 1.5) ** 4 * c + (b + 0.5) ** -1 for a, b, c in zip(x[::3], x[1::3], x[2::3], strict=False))


def long_sum(x: list[Any]) -> Any:
    return add_up(((b - a) ** 2) * 100 + (1 - a) ** 0.5 for a, b in pairwise(x))


def two_functions(x: list[Any]) -> Any:
    return add_up((a * 0.5).exp() + (b + 1.0).log() * c for a, b, c in zip(x[::3], x[1::3], x[2::3], strict=False))


def irregular(x: list[Any]) -> Any:
    random = Random("irregular")
    return add_up((a + 1.5).log() if random.random() < 0.5 else a * 0.75 for a in x)


def nested(x: list[Any]) -> Any:
    return add_up((1.0 + (a * b).exp()).log() for a, b in zip(x[::2], x[1::2], strict=False))


def of_sums(x: list[Any]) -> Any:
    return add_up(add_up(x[i + j] * x[j] for j in range(i)).exp() * x[i] for i in range(1, 20))


FUNCTIONS: dict[str, tuple[Function, int, set[str]]] = {
    "triangle": (triangle, 30, {"inverse_roots", "inverse_root_cubes"}),
    "powers": (powers, 90, {"inverses", "inverse_squares", "powers"}),
    "long sum": (long_sum, 2 * ROOM + 77, {"squares", "roots", "inverse_roots"}),
    "two functions": (two_functions, 300, {"exponentials", "logarithms"}),
    "irregular": (irregular, 200, {"logarithms"}),
    "nested": (nested, 120, {"exponentials", "logarithms"}),
    "of sums": (of_sums, 40, set()),
}


def eager(function: Function, numbers: list[float]) -> tuple[float, list[float]]:
    values = [Value(number) for number in numbers]
    result = function(values)
    result.backward()
    return result.data, [value.grad for value in values]


def bits(result: tuple[float, list[float]]) -> list[str]:
    return ["nan" if math.isnan(number) else (number + 0.0).hex() for number in (result[0], *result[1])]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_batches_have_the_bits_of_single_calls(name: str, compiles: bool) -> None:
    if not compiles:
        pytest.skip("not checked: there is no C compiler")
    function, size, batched = FUNCTIONS[name]
    random = Random(name)
    numbers = [random.uniform(0.05, 0.95) for _ in range(size)]
    compiled = microgpt.compile(function, numbers, target="c")
    kernels = compiled.source[compiled.source.index("The memory.") :]
    assert set(re.findall(r"(\w+)\(b\d, p\d+ - b\d", kernels)) == batched
    special = [0.0, 1.0, -1.0, 5e-324, 1e-310, 1e300, math.inf, math.nan, 709.9, -745.2, 1.0 - 2.0**-53]
    for place, number in enumerate([None, *special]):
        if number is not None:
            numbers[7 * place % size] = number
        assert bits(compiled(numbers)) == bits(eager(function, numbers)), number


def test_blocks_of_a_long_loop_leave_room(compiles: bool) -> None:
    """A term with two squares, and more terms than half of the buffer has room for."""
    if not compiles:
        pytest.skip("not checked: there is no C compiler")
    source = microgpt.compile(long_sum, [0.5] * (2 * ROOM), target="c").source
    assert re.search(rf"for \(long start = \d+; start < \d+; start \+= {ROOM // 2}\)", source)
    assert f"double b0[{ROOM} + VECTOR]" in source


def test_calls_of_all_turns_are_one_batch(compiles: bool) -> None:
    """Also where one kernel is for several numbers of turns: an attention's weights at once, not a head at a time."""
    if not compiles:
        pytest.skip("not checked: there is no C compiler")
    programs = [
        program_of(f"""
            program f{turns}
            array x[400] value double
            array y[400] value double
            nest
                for i < {turns}
                for j < i+2
                y[20*i+j] = exp(x[20*i+j])
        """)
        for turns in (5, 9, 11)
    ]
    text = compile_c([program for program, _ in programs], ["f", "g", "h"], programs[0][1], 4).text
    assert text.count("exponentials(") == 1
    [call] = [line for line in text.splitlines() if "exponentials(" in line]
    assert call.startswith("    exponentials("), "in no loop"
