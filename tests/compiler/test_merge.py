"""Programs that differ in numbers alone share a routine, and a few of a series say what the others are."""

from __future__ import annotations

import pytest

from microgpt.compiler.kernels.expressions import Name, Place, Sum
from microgpt.compiler.kernels.kernel_ir import Argument, Invocation, Parameter
from microgpt.compiler.kernels.merge import Series, merge
from microgpt.compiler.loops.loop_ir import Array
from microgpt.compiler.loops.place import NotRegularError

MATRIX = Array("matrix", (9, 4))


def call(kernel: int, *arguments: Argument) -> Invocation:
    return Invocation(kernel, arguments, 1, ("matrix",))


def place(row: int) -> Place:
    return Place(MATRIX, (Sum(row), Sum(1)))


def program(number: int) -> tuple[Invocation, ...]:
    """Its numbers are of degree zero, one and two."""
    third = (1 / number).hex()
    return call(0, number * (number + 1) // 2, 5, place(number)), call(1, third, place(number), number)


def series(*made: int) -> Series:
    return Series({number: f"length{number}" for number in range(1, 9)}, made, lambda _: (), lambda _, n: (1 / n).hex())


def test_what_programs_differ_in_are_parameters_and_equal_numbers_are_one():
    other = (call(7),)
    (shared, alone), routed = merge([program(2), other, program(3)])
    assert shared.parameters == (Parameter("n0", "whole"), Parameter("n1", "whole"), Parameter("c0", "number"))
    row = Place(MATRIX, (Sum(0, ((1, "n1"),)), Sum(1)))
    assert shared.calls == (call(0, Name("n0"), 5, row), call(1, Name("c0"), row, Name("n1")))
    assert alone.calls == other
    assert not alone.parameters
    assert [each.routine for each in routed] == [0, 1, 0]
    assert [each.values for each in routed] == [(3, 2, (0.5).hex()), (), (6, 3, (1 / 3).hex())]


def test_other_kernels_arrays_and_nests_are_other_routines():
    one = call(0, 1)
    others = (call(1, 1), Invocation(0, (1,), 2, ("matrix",)), Invocation(0, (1,), 1, ("vector",)), call(0, "0x1p+0"))
    assert len(merge([(one,), *((each,) for each in others)])[0]) == 5


def test_a_few_programs_say_what_the_others_are():
    made = 1, 2, 7, 8
    whole = merge([program(number) for number in range(1, 9)])[1]
    few = merge([program(number) for number in made])[1]
    assert [series(*made).between(few, number) for number in range(1, 9)] == whole


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ((call(0, 28, 5, place(7)), call(1, (1 / 7).hex(), place(6), 7)), "no polynomial of degree two"),
        ((call(0, 29, 5, place(7)), call(1, (1 / 7).hex(), place(7), 7)), "no polynomial of degree two"),
        ((call(0, 28, 5, place(7)), call(2, (1 / 7).hex(), place(7), 7)), "calls other kernels"),
    ],
)
def test_programs_that_do_not_are_refused(odd: tuple[Invocation, ...], message: str):
    made = 1, 2, 7, 8
    few = merge([odd if number == 7 else program(number) for number in made])[1]
    with pytest.raises(NotRegularError, match=message):
        series(*made).between(few, 5)


def test_a_polynomial_that_is_not_whole_is_refused():
    few = merge([(call(0, number),) for number in (0, 0, 1, 6)])[1]
    with pytest.raises(NotRegularError, match="no polynomial"):
        series(1, 3, 5, 9).between(few, 2)
