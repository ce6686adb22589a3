"""Nests that walk through the same lanes are carried out block by block of lanes, where no lane needs another; and the
vector forms of division and powers give what one lane would, also at the ends of the range of doubles.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from loop_texts import program_of

from microgpt.compiler.c.memory_struct import memory_struct
from microgpt.compiler.c.prelude import VECTOR_WIDTHS, prelude
from microgpt.compiler.ir.ops import ADD, DIV, MAX, MUL, POW, RELU
from microgpt.compiler.kernels.expressions import Read
from microgpt.compiler.kernels.fuse import fuse
from microgpt.compiler.kernels.traverse import mentions
from microgpt.compiler.loops.interpret_loops import interpret_loops
from microgpt.compiler.loops.lanes import SEVERAL
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


# Around the limits of what is proved, and where doubles end.
_SIZES = (
    *(0.0, 5e-324, 1e-323, 1e-310, sys.float_info.min, 1e-200, math.nextafter(1e-200, 0), 2.0**-537, 1e-60, 1e-50),
    *(math.nextafter(1e-50, 1), 2.0**-48, 2.0**-96, 0.1, 1.0, 3.0, 2.0**48, 2.0**96, math.nextafter(1e50, 0), 1e50),
    *(1e60, 1e154, 1e155, 1e250, math.nextafter(1e250, math.inf), sys.float_info.max, math.inf, math.nan),
    *(2.0**-400, 2.0**400, math.nextafter(2.0**400, math.inf), math.nextafter(2.0, 0), math.nextafter(1.0, 0)),
)
ENDS = (*_SIZES, *(-size for size in _SIZES))

_ENTRIES = """
void quotients(double *x, double y) {{ store{w}(x, quotient{w}(load{w}(x), divisor_of(y))); }}
void frequent_quotients(double *x, double y)
{{
    store{w}(x, quotient{w}(load{w}(x), frequent_divisor(y)));
}}
int is_sure(double y) {{ return frequent_divisor(y).sure; }}
void division(double *x, double y) {{ for (int i = 0; i < {w}; i++) x[i] = x[i] / y; }}
void ratios(double *x, double y) {{ store{w}(x, ratio{w}(load{w}(x), all{w}(y), 0)); }}
int try_square(double *x) {{ int doubts; store{w}(x, square{w}(load{w}(x), &doubts)); return doubts; }}
int try_root(double *x) {{ int doubts; store{w}(x, root{w}(load{w}(x), &doubts, 0)); return doubts; }}
int try_other_root(double *x) {{ int doubts; store{w}(x, root{w}(load{w}(x), &doubts, {w})); return doubts; }}
int try_inverse(double *x) {{ int doubts; store{w}(x, inverse{w}(load{w}(x), &doubts)); return doubts; }}
int try_inverse_root(double *x) {{ int doubts; store{w}(x, inverse_root{w}(load{w}(x), &doubts)); return doubts; }}
int try_inverse_square(double *x) {{ int doubts; store{w}(x, inverse_square{w}(load{w}(x), &doubts)); return doubts; }}
int try_inverse_root_cube(double *x)
{{
    int doubts;
    store{w}(x, inverse_root_cube{w}(load{w}(x), &doubts));
    return doubts;
}}
int try_root_of_quotient(double *x, double y)
{{
    int doubts;
    store{w}(x, root_of_quotient{w}(load{w}(x), divisor_of(y), &doubts, 0));
    return doubts;
}}
void try_enclosed_square(double *x, double *low)
{{
    v{w} other;
    store{w}(x, enclosed_square{w}(load{w}(x), &other));
    *low = other[0];
}}
void try_enclosed_root(double *x, double *low)
{{
    v{w} other;
    store{w}(x, enclosed_root{w}(load{w}(x), &other));
    *low = other[0];
}}
void try_enclosed_root_of_quotient(double *x, double *low, double y)
{{
    v{w} other;
    store{w}(x, enclosed_root_of_quotient{w}(load{w}(x), frequent_divisor(y), &other));
    *low = other[0];
}}
void try_enclosed_roots(double *x, double *low)
{{
    v{w} numbers[SEVERAL], high[SEVERAL], others[SEVERAL];
    memcpy(numbers, x, sizeof numbers);
    enclosed_roots{w}(numbers, high, others);
    memcpy(x, high, sizeof high);
    memcpy(low, others, sizeof others);
}}
void try_enclosed_roots_of_quotients(double *x, double *low, double y)
{{
    v{w} numbers[SEVERAL], high[SEVERAL], others[SEVERAL];
    memcpy(numbers, x, sizeof numbers);
    enclosed_roots_of_quotients{w}(numbers, frequent_divisor(y), high, others);
    memcpy(x, high, sizeof high);
    memcpy(low, others, sizeof others);
}}
void try_other_quotient(double *x, double high, double low)
{{
    const v{w} number = load{w}(x);
    store{w}(x, other_quotient{w}(number, number / high, all{w}(high), all{w}(low)));
}}
void root_of_division(double *x, double y) {{ for (int i = 0; i < {w}; i++) x[i] = pow(x[i] / y, 0.5); }}
void power(double *x, double y) {{ for (int i = 0; i < {w}; i++) x[i] = pow(x[i], y); }}
"""


@pytest.mark.parametrize("width", VECTOR_WIDTHS)
def test_quotients_beside_midpoints(width: int, toolchain: Toolchain, tmp_path: Path):
    """The two dividends of a divisor whose quotients are nearest to a midpoint of two doubles are divided as others,
    also by divisors of which they need a correction.
    """
    if width > toolchain.vector_width:
        pytest.skip("the processor has no such vectors")
    library = compiled(toolchain, tmp_path, width, prelude(width) + _ENTRIES.format(w=width))
    random, unsure = Random(4), 0
    for _ in range(3000):
        fraction = random.randrange(2**52 + 1, 2**53, 2)
        divisor = math.ldexp(fraction, random.randrange(-150, 60))
        unsure += not library.is_sure(ctypes.c_double(divisor))
        least = pow(2**54, -1, fraction)
        for dividend in (least, fraction - least, random.getrandbits(53)):
            numbers = (ctypes.c_double * width)(*[dividend] * width)
            library.frequent_quotients(numbers, ctypes.c_double(divisor))
            assert numbers[0] == dividend / divisor, (dividend, divisor)
    if library.is_sure(ctypes.c_double(3.0)):
        assert 0 < unsure < 300


@pytest.mark.parametrize("width", VECTOR_WIDTHS)
def test_quotients_and_powers_at_the_ends_of_the_range(width: int, toolchain: Toolchain, tmp_path: Path):
    if width > toolchain.vector_width:
        pytest.skip("the processor has no such vectors")
    library = compiled(toolchain, tmp_path, width, prelude(width) + _ENTRIES.format(w=width))

    def call(name: str, x: float, *y: float) -> tuple[float, int]:
        numbers = (ctypes.c_double * width)(*[x] * width)
        doubts = getattr(library, name)(numbers, *map(ctypes.c_double, y))
        return numbers[0], doubts

    def encloses(name: str, power: float, x: float, *y: float) -> bool:
        """Whether a power lies between two numbers, unless one is none."""
        numbers, low = (ctypes.c_double * width)(*[x] * width), ctypes.c_double()
        getattr(library, f"try_enclosed_{name}")(numbers, ctypes.byref(low), *map(ctypes.c_double, y))
        ends = sorted((numbers[0], low.value))
        return any(map(math.isnan, ends)) or ends[0] <= power <= ends[1]

    for x, y in itertools.product(ENDS, ENDS):
        assert same(call("quotients", x, y)[0], call("division", x, y)[0]), (x, y)
        assert same(call("frequent_quotients", x, y)[0], call("division", x, y)[0]), (x, y)
        assert same(call("ratios", x, y)[0], call("division", x, y)[0]), (x, y)
        guess, doubts = call("try_root_of_quotient", x, y)
        assert doubts or same(guess, call("root_of_division", x, y)[0]), (x, y)
        assert encloses("root_of_quotient", call("root_of_division", x, y)[0], x, y), (x, y)
    for x, (name, exponent) in itertools.product(ENDS, (("square", 2.0), ("root", 0.5))):
        assert encloses(name, call("power", x, exponent)[0], x), (name, x)
    roots = ("try_root", 0.5), ("try_other_root", 0.5), ("try_inverse_root", -0.5)
    inverses = ("try_inverse", -1.0), ("try_inverse_square", -2.0), ("try_inverse_root_cube", -1.5)
    for x, (name, exponent) in itertools.product(ENDS, (("try_square", 2.0), *inverses, *roots)):
        guess, doubts = call(name, x)
        assert doubts or same(guess, call("power", x, exponent)[0]), (name, x)


@pytest.mark.parametrize("width", VECTOR_WIDTHS)
def test_several_roots_are_enclosed_as_one(width: int, toolchain: Toolchain, tmp_path: Path):
    if width > toolchain.vector_width:
        pytest.skip("the processor has no such vectors")
    library = compiled(toolchain, tmp_path, width, prelude(width) + _ENTRIES.format(w=width))
    random, count = Random(11), SEVERAL * width
    for _ in range(200):
        numbers = [random.choice([random.choice(ENDS), random.uniform(0, 1e-6), 0.0]) for _ in range(count)]
        for divisor in (None, random.choice(ENDS), 1.0, random.random()):
            name, further = ("roots", ()) if divisor is None else ("roots_of_quotients", (ctypes.c_double(divisor),))
            high, low = (ctypes.c_double * count)(*numbers), (ctypes.c_double * count)()
            getattr(library, f"try_enclosed_{name}")(high, low, *further)
            for lane, number in enumerate(numbers):
                power = number if divisor is None else divided(number, divisor)
                root = math.nan if math.isnan(power) or power < 0.0 else power**0.5
                ends = sorted((high[lane], low[lane]))
                assert any(map(math.isnan, ends)) or ends[0] <= root <= ends[1], (number, divisor)
                sure = 1e-50 < power < 1e50 and (divisor is None or 1e-100 < divisor < 1e100)
                assert not sure or ends[1] <= math.nextafter(ends[0], math.inf), (number, divisor)


def divided(x: float, y: float) -> float:
    with contextlib.suppress(ZeroDivisionError):
        return x / y
    return math.nan


@pytest.mark.parametrize("width", VECTOR_WIDTHS)
def test_a_quotient_by_the_other_end_is_enclosed(width: int, toolchain: Toolchain, tmp_path: Path):
    """By a smaller divisor, a quotient is not farther from zero than the number that stands for it; and near it."""
    if width > toolchain.vector_width:
        pytest.skip("the processor has no such vectors")
    library = compiled(toolchain, tmp_path, width, prelude(width) + _ENTRIES.format(w=width))
    random = Random(12)
    for turn in range(20000):
        units = turn % 4
        low = random.choice(
            [random.uniform(1, 2), math.nextafter(2, 0), 2.0**-26, 1.0, 1e-8]
        ) * 2.0 ** random.randrange(-60, 60)
        high = low
        for _ in range(units):
            high = math.nextafter(high, math.inf)
        x = random.choice([random.uniform(-1, 1), math.nextafter(2.0, 0) * low, 0.0, 5e-324, 1e308, 1e-308, *ENDS[:4]])
        numbers = (ctypes.c_double * width)(*[x] * width)
        library.try_other_quotient(numbers, ctypes.c_double(high), ctypes.c_double(low))
        one, other, found = x / high, x / low, numbers[0]
        assert math.isnan(found) or sorted((one, other, found), key=abs)[2] == found, (x, high, low)
        assert units or same(found, one), (x, high, low)
        assert not 1e-290 < abs(other) < 1e300 or abs(found - other) <= abs(other) * 2.0**-48, (x, high, low)
    for x in ENDS:
        numbers = (ctypes.c_double * width)(*[x] * width)
        library.try_other_quotient(numbers, ctypes.c_double(math.nan), ctypes.c_double(math.nan))
        assert math.isnan(numbers[0]), x


def test_zero_is_not_left_to_pow(toolchain: Toolchain, tmp_path: Path):
    """An optimiser has many gradients that are zero; neither their squares nor their roots are in doubt."""
    width = toolchain.vector_width
    library = compiled(toolchain, tmp_path, width, prelude(width) + _ENTRIES.format(w=width))
    for sign in (0.0, -0.0):
        numbers, low = (ctypes.c_double * width)(*[sign] * width), ctypes.c_double()
        library.try_enclosed_square(numbers, ctypes.byref(low))
        assert (numbers[0], low.value) == (0.0, 0.0)


# What a power is used for: its C in which a result is kept only where the rounding cannot matter, and its meaning.
_USES: dict[str, tuple[Sequence[str], Callable[[float, float], float]]] = {
    "add(y[i], mul({power}, 0.75))": (["const int doubts = unlike"], lambda y, power: y + power * 0.75),
    "div(y[i], add({power}, -0.0625))": (["if (is_usual(middle) && "], lambda y, power: y / (power + -0.0625)),
    "div(y[i], add({power}, 0.0625))": (
        ["if (is_usual(middle) && ", "other_quotient"],
        lambda y, power: y / (power + 0.0625),
    ),
}


@pytest.mark.parametrize("use", _USES)
@pytest.mark.parametrize("exponent", [2.0, 0.5])
def test_powers_that_make_a_difference_are_those_of_libm(
    exponent: float, use: str, toolchain: Toolchain, tmp_path: Path
):
    """Numbers whose powers are not the correctly rounded ones; what these are used for is far larger, or is not."""
    spared, value = _USES[use]
    random = Random(7)
    correct = (lambda x: x * x) if exponent == 2.0 else math.sqrt
    numbers = (random.uniform(0.1, 10.0) for _ in range(10**7))
    odd = list(itertools.islice((x for x in numbers if x**exponent != correct(x)), 600))
    addends = [random.choice([0.0, 1.0, 1e-9, 1e6]) for _ in odd]
    program, layout = program_of(f"""
        program f
        array x[600] value double
        array y[600] value double
        array z[600] value double
        nest
            for i < 600
            z[i] = {use.format(power=f"pow(x[i], {exponent})")}
    """)
    entry = "void run(double *m) { f((memory *)m, 0); }\n"
    for width in (width for width in VECTOR_WIDTHS if width <= toolchain.vector_width):
        text = prelude(width) + memory_struct(layout, "memory") + compile_c([program], ["f"], layout, width).text
        assert spared[-1 if exponent == 0.5 else 0] in text
        held = (ctypes.c_double * 1800)(*odd, *addends)
        compiled(toolchain, tmp_path, width, text + entry).run(held)
        assert held[1200:] == [value(y, x**exponent) for x, y in zip(odd, addends, strict=True)]
        assert held[1200:] != [value(y, correct(x)) for x, y in zip(odd, addends, strict=True)]


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
