"""Nests that walk through the same lanes are carried out block by block of lanes, where no lane needs another; and the
vector forms of division and powers give what one lane would, also at the ends of the range of doubles.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from microgpt.compiler.c.emit_c import emit_c
from microgpt.compiler.c.emit_lanes import group_lanes
from microgpt.compiler.c.prelude import VECTOR_WIDTHS, prelude
from microgpt.compiler.ir.ops import ADD, DIV, EXP, MAX, MUL, POW, RELU
from microgpt.compiler.loops.loop_program import LoopProgram, Nest, Recipe
from microgpt.compiler.loops.place import Layout
from microgpt.compiler.loops.run_loops import interpret_loops
from microgpt.runtime.machine.toolchain import Toolchain

SQUARE: Recipe = (POW, ("mem", 1), ("const", (2.0).hex()))
LANES = 100
# Doubles of the memory of random programs.
SIZE = 4000


def lanes(recipe: Recipe, *slots: int, shared: Sequence[int] = (), trips: int = LANES) -> Nest:
    """A nest from slots that move from lane to lane, the target first, and slots that do not."""
    stride = (1,) * len(slots) + (0,) * len(shared)
    return Nest(recipe, None, (), (*slots, *shared), (stride,), (trips,))


SQUARES = lanes(SQUARE, 1000, 0)


@pytest.mark.parametrize(
    "other",
    [
        lanes(("mem", 1), 2000, 1000),  # reads what the same lane wrote
        lanes(("mem", 1), 0, 2000),  # replaces what the same lane read
        lanes(("mem", 1), 1000, 2000),  # replaces what the same lane wrote
        lanes(("mem", 1), 1000 + LANES, 0),  # the next array
        lanes(("mem", 1), 1000 - LANES, 0),
        lanes((MUL, ("mem", 1), ("mem", 2)), 2000, 0, shared=[1000 + LANES]),
    ],
)
def test_lanes_that_do_not_meet_are_carried_out_together(other: Nest):
    assert list(group_lanes([SQUARES, other])) == [(SQUARES, other)]
    assert list(group_lanes([other, SQUARES])) == [(other, SQUARES)]


@pytest.mark.parametrize(
    "other",
    [
        lanes(("mem", 1), 2000, 1001),  # reads what the next lane writes
        lanes(("mem", 1), 2000, 999),
        lanes(("mem", 1), 2000, 1000 + LANES - 1),  # one lane of all
        lanes(("mem", 1), 2000, 1000 - LANES + 1),
        lanes(("mem", 1), 1, 2000),  # replaces what the next lane reads
        lanes(("mem", 1), 1001, 2000),  # replaces what the next lane writes
        lanes((MUL, ("mem", 1), ("mem", 2)), 2000, 0, shared=[1000]),  # all lanes read what one writes
        lanes((MUL, ("mem", 1), ("mem", 2)), 2000, 0, shared=[1000 + LANES - 1]),
        lanes(("mem", 1), 2000, 3000, trips=LANES - 1),  # other lanes
        lanes((EXP, ("mem", 1)), 2000, 3000),  # no vectors
        lanes(("row", 1, 16, 2), 2000, 3000, shared=[0]),  # nobody knows what it reads
        lanes((MUL, ("equal", 2, 1), ("const", (1.0).hex())), 2000, 0, shared=[0]),
        Nest(("mem", 1), 1, (), (1000, 0), ((1, 1),), (LANES,)),  # a scatter
        Nest(("mem", 1), None, (), (2000, 3000), ((1, 1), (10, 10)), (10, 10)),  # two loops
        Nest(("mem", 1), None, (), (2000, 3000), ((2, 1),), (LANES,)),  # not neighbours
        Nest(("fold", ADD, ((2, (("mem", 1),)),)), None, ((0, 1, 0),), (2000, 3000, 4), ((1, 1, 0),), (LANES,)),
    ],
)
def test_lanes_that_need_each_other_are_not(other: Nest):
    assert list(group_lanes([SQUARES, other])) == [(SQUARES,), (other,)]
    assert list(group_lanes([other, SQUARES])) == [(other,), (SQUARES,)]


def test_a_nest_must_get_on_with_all_of_its_group():
    between = lanes(("mem", 1), 2000, 1000)
    third = lanes(("mem", 1), 3000, 1001)  # gets on with the second, and not with the first
    assert list(group_lanes([between, third])) == [(between,), (third,)]
    assert list(group_lanes([SQUARES, between, third])) == [(SQUARES, between), (third,)]


def test_nests_without_powers_stay_kernels_of_their_own():
    nests = [lanes(("mem", 1), 1000, 0), lanes(("mem", 1), 2000, 1000)]
    assert list(group_lanes(nests)) == [(nests[0],), (nests[1],)]


def random_nest(random: Random, trips: int, arrays: Sequence[int]) -> Nest:
    """A nest whose lanes are independent, on arrays of which other nests use the same, or parts."""

    def place() -> int:
        shifted = random.choice(arrays) + random.choice([0, 0, 0, 0, 1, -1, trips - 1, trips])
        return min(max(shifted, 0), SIZE - trips)

    target = place()
    base, stride = [target], [1]
    powers = 1

    def operand() -> Recipe:
        moving = random.random() < 0.75
        address = target
        while True:
            address = place() if moving else random.randrange(SIZE)
            apart = not target <= address < target + trips
            if (moving and (address == target or abs(address - target) >= trips)) or (not moving and apart):
                break
        base.append(address)
        stride.append(int(moving))
        return ("mem", len(base) - 1)

    def expression(depth: int) -> Recipe:
        nonlocal powers
        kind = random.random() if depth else 0.0
        if kind < 0.2:
            return operand()
        if kind < 0.4 and powers:
            powers -= 1
            return (POW, expression(depth - 1), ("const", random.choice([2.0, 0.5]).hex()))
        if kind < 0.5:
            return (RELU, expression(depth - 1))
        return (random.choice([ADD, MUL, DIV, MAX]), expression(depth - 1), expression(depth - 1))

    recipe = expression(3)
    return Nest(recipe, None, (), tuple(base), (tuple(stride),), (trips,))


def random_number(random: Random) -> float:
    special = [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 1e-310, 1e300]
    return random.choice(special) if random.random() < 0.1 else random.gauss(0.0, 1.0) * 2.0 ** random.randint(-60, 60)


@pytest.mark.slow
def test_random_lanes_are_as_if_one_nest_ran_after_the_other(toolchain: Toolchain, tmp_path: Path):
    random = Random(3)
    programs = []
    for number in range(40):
        trips = random.choice([1, 3, 8, 17, 511, 512, 513, 1030])
        arrays = [random.randrange(SIZE - trips) for _ in range(random.randint(2, 4))]
        nests = tuple(random_nest(random, trips, arrays) for _ in range(random.randint(2, 6)))
        programs.append(LoopProgram(f"program{number}", nests, (), ()))
    assert sum(len(group) > 1 for program in programs for group in group_lanes(program.nests)) > 10
    memories = [[random_number(random) for _ in range(SIZE)] for _ in programs]
    layout = Layout({"m": (0, SIZE)}, {"m": (0, SIZE)}, region=[0] * SIZE)
    expected = [
        interpret_loops(program, layout, {"m": memory})["m"] for program, memory in zip(programs, memories, strict=True)
    ]
    names = [program.name for program in programs]
    entries = "".join(f"void run_{name}(double *m) {{ {name}(m, 0); }}\n" for name in names)
    for width in (width for width in VECTOR_WIDTHS if width <= toolchain.vector_width):
        text = prelude(width) + emit_c(programs, names, width).text + entries
        library = compiled(toolchain, tmp_path, width, text)
        for name, memory, numbers in zip(names, memories, expected, strict=True):
            held = (ctypes.c_double * SIZE)(*memory)
            getattr(library, f"run_{name}")(held)
            assert all(map(same, held, numbers)), (name, width)


# Around the limits of what is proved, and where doubles end.
_SIZES = (
    *(0.0, 5e-324, 1e-323, 1e-310, sys.float_info.min, 1e-200, math.nextafter(1e-200, 0), 2.0**-537, 1e-60, 1e-50),
    *(math.nextafter(1e-50, 1), 2.0**-48, 2.0**-96, 0.1, 1.0, 3.0, 2.0**48, 2.0**96, math.nextafter(1e50, 0), 1e50),
    *(1e60, 1e154, 1e155, 1e250, math.nextafter(1e250, math.inf), sys.float_info.max, math.inf, math.nan),
)
ENDS = (*_SIZES, *(-size for size in _SIZES))

_ENTRIES = """
void quotients(double *x, double y) {{ store{w}(x, quotient{w}(load{w}(x), divisor_of(y))); }}
void division(double *x, double y) {{ for (int i = 0; i < {w}; i++) x[i] = x[i] / y; }}
int squares(double *x) {{ n{w} doubt; store{w}(x, square{w}(load{w}(x), &doubt)); return signs{w}(doubt); }}
int roots(double *x) {{ n{w} doubt; store{w}(x, root{w}(load{w}(x), &doubt)); return signs{w}(doubt); }}
void power(double *x, double y) {{ for (int i = 0; i < {w}; i++) x[i] = pow(x[i], y); }}
"""


@pytest.mark.parametrize("width", VECTOR_WIDTHS)
def test_quotients_and_powers_at_the_ends_of_the_range(width: int, toolchain: Toolchain, tmp_path: Path):
    if width > toolchain.vector_width:
        pytest.skip("the processor has no such vectors")
    library = compiled(toolchain, tmp_path, width, prelude(width) + _ENTRIES.format(w=width))

    def call(name: str, x: float, *y: float) -> tuple[float, int]:
        numbers = (ctypes.c_double * width)(*[x] * width)
        doubts = getattr(library, name)(numbers, *map(ctypes.c_double, y))
        return numbers[0], doubts

    for x, y in itertools.product(ENDS, ENDS):
        assert same(call("quotients", x, y)[0], call("division", x, y)[0]), (x, y)
    for x, (name, exponent) in itertools.product(ENDS, (("squares", 2.0), ("roots", 0.5))):
        guess, doubts = call(name, x)
        assert doubts or same(guess, call("power", x, exponent)[0]), (name, x)


def compiled(toolchain: Toolchain, folder: Path, width: int, text: str) -> ctypes.CDLL:
    source, path = folder / f"width{width}.c", folder / f"width{width}.so"
    source.write_text(text)
    toolchain.build(source, path)
    return ctypes.CDLL(str(path))


def same(one: float, other: float) -> bool:
    """Equal, up to what the contract leaves open: the payload of NaN, the sign of zero."""
    return one == other or (one != one and other != other)


def test_no_pointer_goes_beyond_the_last_term() -> None:
    """Behind it may be the end of memory. Each moves before a further term, not after one."""
    runs = ((3, (("mem", 1),)), (4, (("mem", 2),)))
    fold = Nest(("fold", ADD, runs), None, ((0, 7, 0, 0, 0), (0, 0, -5, 0, 0)), (60, 0, 50, 6, 4), (), ())
    lines = [line.strip() for line in emit_c([LoopProgram("f", (fold,), (), ())], ["f"], 2).text.splitlines()]
    moves = [place for place, line in enumerate(lines) if line in ("w1 += 7;", "w2 -= 5;")]
    assert len(moves) == 2
    for place in moves:
        assert lines[place - 1].startswith("for (long k = 1,")
        assert "w1[0]" in lines[place + 1] or "w2[0]" in lines[place + 1]
    declared = [line for line in lines if line.startswith("const double *w")]
    assert len(declared) == 2
    assert not any("*" in line.partition("=")[2] for line in declared), "at the first term"
