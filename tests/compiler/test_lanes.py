"""Nests that walk through the same lanes are carried out block by block of lanes, where no lane needs another; and the
vector forms of division and powers give what one lane would, also at the ends of the range of doubles.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from helpers import compiled, same
from loop_texts import program_of

from microgpt.compiler.c.memory_struct import memory_struct
from microgpt.compiler.c.prelude import VECTOR_WIDTHS, prelude
from microgpt.compiler.ir.ops import ADD, DIV, MAX, MUL, POW, RELU
from microgpt.compiler.kernels.expressions import Read
from microgpt.compiler.kernels.fuse import fuse
from microgpt.compiler.kernels.traverse import mentions
from microgpt.compiler.loops.interpret_loops import interpret_loops
from microgpt.compiler.loops.layout import Layout
from microgpt.compiler.loops.loop_ir import Affine, Array, Const, Expr, Load, Loop, LoopProgram, Nest, Op, Store
from microgpt.compiler.numerics import exact
from microgpt.compiler.pipeline import compile_c, compile_kernels
from microgpt.runtime.machine.toolchain import Toolchain

LANES = 100
# Doubles of the memory of random programs.
SIZE = 4000
FLAT = Array("flat", (SIZE,))

# `y` is what squares are written to, and `x` what they are of.
SQUARES = "for i < 100; y[i+100] = pow(x[i], 2.0)"


def nests(*statements: str) -> list[Nest]:
    """Nests from loops and statements, over arrays of 300."""
    arrays = "".join(f"array {name}[300] value double\n" for name in "xyzw")
    lines = "\n".join("nest\n" + statement.replace("; ", "\n") for statement in statements)
    program, _ = program_of(f"program lanes\n{arrays}{lines}")
    return list(program.nests)


@pytest.mark.parametrize(
    "other",
    [
        "for i < 100; z[i] = y[i+100]",  # reads what the same lane wrote
        "for i < 100; x[i] = z[i]",  # replaces what the same lane read
        "for i < 100; y[i+100] = z[i]",  # replaces what the same lane wrote
        "for i < 100; y[i+200] = x[i]",  # the neighbours
        "for i < 100; y[i] = x[i]",
        "for i < 100; z[i] = mul(x[i], y[200])",
    ],
)
def test_lanes_that_do_not_meet_are_carried_out_together(other: str):
    squares, second = nests(SQUARES, other)
    assert list(fuse([squares, second])) == [(squares, second)]
    assert list(fuse([second, squares])) == [(second, squares)]


@pytest.mark.parametrize(
    "other",
    [
        "for i < 100; z[i] = y[i+101]",  # reads what the next lane writes
        "for i < 100; z[i] = y[i+99]",
        "for i < 100; z[i] = y[i+199]",  # one lane of all
        "for i < 100; z[i] = y[i+1]",
        "for i < 100; x[i+1] = z[i]",  # replaces what the next lane reads
        "for i < 100; y[i+101] = z[i]",  # replaces what the next lane writes
        "for i < 100; z[i] = mul(x[i], y[100])",  # all lanes read what one writes
        "for i < 100; z[i] = mul(x[i], y[199])",
        "for i < 99; z[i] = w[i]",  # other lanes
        "for i < 100; z[i] = sin(w[i])",  # no vectors
        "for i < 100; z[i] = w[i+ix[0]]",  # nobody knows what it reads
        "for i < 100; z[i] = memory[i]",
        "for i < 100; z[i] = mul(equal(ix[0], i), 1.0)",
        "for i < 100; y[ix[i]] += x[i]",
        "for j < 10; for i < 10; z[10*j+i] = w[10*j+i]",  # two loops
        "for i < 100; z[2*i] = w[i]",  # not neighbours
        "for i < 100; z[i] = fold add { k < 4: w[i+k] }",
    ],
)
def test_lanes_that_need_each_other_are_not(other: str):
    squares, second = nests(SQUARES, other)
    assert list(fuse([squares, second])) == [(squares,), (second,)]
    assert list(fuse([second, squares])) == [(second,), (squares,)]


def test_parts_of_an_array_are_that_array():
    whole, part = Array("whole", (300,)), Array("part", (100,), of="whole", offset=100)
    lane = (Affine(0, (1,)),)
    squares = Nest(
        (Loop(Affine(100)),), Store(part, lane, Op(POW, (Load(whole, (Affine(100, (1,)),)), Const("0x1p+1"))))
    )
    for start, together in ((100, True), (101, False), (0, True), (200, True), (199, False)):
        second = Nest((Loop(Affine(100)),), Store(Array("z", (100,)), lane, Load(whole, (Affine(start, (1,)),))))
        assert (len(list(fuse([squares, second]))) == 1) == together


def test_a_nest_must_get_on_with_all_of_its_group():
    # The third gets on with the second, and not with the first.
    squares, between, third = nests(SQUARES, "for i < 100; z[i] = y[i+100]", "for i < 100; w[i] = y[i+101]")
    assert list(fuse([between, third])) == [(between,), (third,)]
    assert list(fuse([squares, between, third])) == [(squares, between), (third,)]


def test_nests_without_powers_stay_kernels_of_their_own():
    one, two = nests("for i < 100; y[i] = x[i]", "for i < 100; z[i] = y[i]")
    assert list(fuse([one, two])) == [(one,), (two,)]


@pytest.mark.parametrize("lanes", [100, 2000])
def test_powers_are_enclosed_one_after_the_other_in_blocks_of_lanes(lanes: int):
    layout = Layout({}, {})
    lines = "".join(f"array {name}[2000] value double\n" for name in "xyz")
    lines += f"nest\nfor i < {lanes}\ny[i] = pow(x[i], 2.0)\nnest\nfor i < {lanes}\nz[i] = pow(y[i], 0.5)\n"
    program, _ = program_of(f"program lanes\n{lines}")
    for name in "xyz":
        layout.add(Array(name, (2000,)))
    text = compile_c([program], ["both"], layout, 8).text
    assert text.count("for (long start = 0;") == (lanes > 1000)
    loop, rest = "for (long i = start; i < whole; i += 32)", "for (long i = whole; i < stop; i += 8)"
    assert text.count(loop) == text.count(rest) == 2 * (lanes > 1000)
    if lanes > 1000:
        order = ("enclosed_square8", "pow(m->x[i], 2.0)", loop, "enclosed_roots8", rest, "pow(m->y[i], 0.5)")
        assert [text.rindex(each) for each in order] == sorted(text.rindex(each) for each in order)


def random_nest(random: Random, trips: int, arrays: Sequence[int]) -> Nest:
    """A nest whose lanes are independent, on arrays of which other nests use the same, or parts."""

    def place() -> int:
        shifted = random.choice(arrays) + random.choice([0, 0, 0, 0, 1, -1, trips - 1, trips])
        return min(max(shifted, 0), SIZE - trips)

    target = place()
    powers = 1

    def operand() -> Expr:
        moving = random.random() < 0.75
        address = target
        while True:
            address = place() if moving else random.randrange(SIZE)
            apart = not target <= address < target + trips
            if (moving and (address == target or abs(address - target) >= trips)) or (not moving and apart):
                break
        return Load(FLAT, (Affine(address, (int(moving),)),))

    def expression(depth: int) -> Expr:
        nonlocal powers
        kind = random.random() if depth else 0.0
        if kind < 0.2:
            return operand()
        if kind < 0.4 and powers:
            powers -= 1
            return Op(POW, (expression(depth - 1), Const(random.choice([2.0, 0.5]).hex())))
        if kind < 0.5:
            return Op(RELU, (expression(depth - 1),))
        return Op(random.choice([ADD, MUL, DIV, MAX]), (expression(depth - 1), expression(depth - 1)))

    return Nest((Loop(Affine(trips), "i"),), Store(FLAT, (Affine(target, (1,)),), expression(3)))


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
        found = tuple(random_nest(random, trips, arrays) for _ in range(random.randint(2, 6)))
        programs.append(LoopProgram(f"program{number}", found))
    assert sum(len(group) > 1 for program in programs for group in fuse(program.nests)) > 10
    memories = [[random_number(random) for _ in range(SIZE)] for _ in programs]
    layout = Layout({"m": (0, SIZE)}, {"m": (0, SIZE)})
    layout.add(FLAT)
    expected = [
        interpret_loops(program, layout, {"m": memory})["m"] for program, memory in zip(programs, memories, strict=True)
    ]
    names = [program.name for program in programs]
    entries = "".join(f"void run_{name}(double *m) {{ {name}((memory *)m, 0); }}\n" for name in names)
    for width in (width for width in VECTOR_WIDTHS if width <= toolchain.vector_width):
        text = (
            prelude(width) + memory_struct(layout, "memory") + compile_c(programs, names, layout, width).text + entries
        )
        library = compiled(toolchain, tmp_path, width, text)
        for name, memory, numbers in zip(names, memories, expected, strict=True):
            held = (ctypes.c_double * SIZE)(*memory)
            getattr(library, f"run_{name}")(held)
            assert all(map(same, held, numbers)), (name, width)


def test_no_pointer_goes_beyond_the_last_term() -> None:
    """Behind it may be the end of memory. Each moves before a further term, not after one."""
    program, layout = program_of("""
        program f
        array x[60] value double
        array y[1] value double
        nest
            y[0] = fold add { k < 3: x[7*k]; k < 4: x[-5*k+50] }
    """)
    lines = [line.strip() for line in compile_c([program], ["f"], layout, 2).text.splitlines()]
    moves = [place for place, line in enumerate(lines) if line in ("w0 += 7;", "w1 -= 5;")]
    assert len(moves) == 2
    for place in moves:
        assert lines[place - 1].startswith("for (long k = 1;")
        assert "w0[0]" in lines[place + 1] or "w1[0]" in lines[place + 1]
    declared = [line for line in lines if line.startswith("const double *w")]
    assert declared == ["const double *w0 = m->x;", "const double *w1 = &m->x[50];"], "at the first term"


@pytest.mark.parametrize(("lanes", "expected"), [(2, False), (3, False), (4, True)])
def test_few_lanes_of_a_step_are_single_numbers(lanes: int, expected: bool):
    program, _ = program_of(f"""
program steps
array z[21][{lanes}] value double
nest recurrence 1
    for step < 20
    for i < {lanes}
    z[step+1][i] = mul(z[step][i], 0.5)
""")
    (kernel,) = compile_kernels([program], 8, exact()).kernels
    assert mentions(kernel.body, lambda part: isinstance(part, Read) and part.width > 1) is expected
