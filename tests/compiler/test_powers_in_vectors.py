"""Quotients, roots and powers in vectors: what C computes in place of a division, or of pow(), has the same bits, or
is in doubt.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import math
import re
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from helpers import compiled, same
from loop_texts import program_of

from microgpt.compiler.c.c_text import plain_text
from microgpt.compiler.c.memory_struct import memory_struct
from microgpt.compiler.c.prelude import VECTOR_WIDTHS, prelude
from microgpt.compiler.loops.lanes import SEVERAL
from microgpt.compiler.pipeline import compile_c
from microgpt.runtime.machine.toolchain import Toolchain

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
                sure = 1e-28 < power < 1e50 and (divisor is None or 1e-100 < divisor < 1e100)
                assert not sure or ends[1] <= math.nextafter(ends[0], math.inf), (number, divisor)


def test_the_error_of_roots_is_bounded_for_all_sizes():
    """By what glibc states, and rounding to another number than the nearest one; both relative to the root."""
    text = plain_text("microgpt.compiler.c", "enclosed_powers.h")
    constant = int(re.search(r"ROOT_ERROR (0x\w+)LL", text)[1], 16)
    tiny = float(re.search(r"define TINY (\S+)", text)[1])
    for power in range(-537 * 8, 512 * 8):
        root = 2.0 ** (power / 8)
        (error,) = struct.unpack(
            "<d", struct.pack("<q", (struct.unpack("<q", struct.pack("<d", root))[0] >> 8) + constant)
        )
        stated = 0.011 * 2.0**-53 + 1.5 * 2.0**-68 * abs(math.log(root))
        assert stated * root <= 0.99 * (error * root + tiny), power


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
