"""Correctly rounded functions, in Python and in C, against MPFR, whose results are correctly rounded (Fousse et al.,
2007)."""

from __future__ import annotations

import ctypes
import math
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import gmpy2
import pytest

from microgpt.compiler import correctly_rounded
from microgpt.compiler.c.prelude import prelude
from microgpt.compiler.numerics import numerics
from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.tools.checks.built_library import built_library

# By their names in C: ours, MPFR's, and the inverse, by which arguments of hard cases are found.
FUNCTIONS = {
    "exp": (correctly_rounded.exponential, gmpy2.exp, gmpy2.log),
    "log": (correctly_rounded.logarithm, gmpy2.log, gmpy2.exp),
    "expm1": (correctly_rounded.exponential_minus_1, gmpy2.expm1, gmpy2.log1p),
    "log1p": (correctly_rounded.logarithm_of_1_plus, gmpy2.log1p, gmpy2.expm1),
    "sin": (correctly_rounded.sine, gmpy2.sin, gmpy2.asin),
    "cos": (correctly_rounded.cosine, gmpy2.cos, gmpy2.acos),
    "tanh": (correctly_rounded.tanh, gmpy2.tanh, gmpy2.atanh),
    "sinh": (correctly_rounded.hyperbolic_sine, gmpy2.sinh, gmpy2.asinh),
    "cosh": (correctly_rounded.hyperbolic_cosine, gmpy2.cosh, gmpy2.acosh),
    "atan": (correctly_rounded.atan, gmpy2.atan, gmpy2.tan),
    "erf": (correctly_rounded.erf, gmpy2.erf, None),
}
SPECIAL = [
    *(0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, math.pi, 1e22),
    *(5e-324, -5e-324, 1e-310, 2.2250738585072014e-308, 1.7976931348623157e308),  # the ends of the doubles
    *(710.4758600739439, 710.475860073944, -710.4758600739439, 710.99, 711.0),  # of the hyperbolic functions
    *(709.7827128933841, 709.782712893384, -745.1332191019411, -745.1332191019412, -708.4),  # of the exponential
    *(1 - 2**-53, 1 + 2**-52, 2**-53 - 1, 2.0**-28, 2.0**-53, 2.0**-60, -(2.0**-60)),
    *(0.78, 0.79, 5.92, 6.0, 19.06, 20.0, -37.4, -40.0, 2.0**200, 2.0**201),  # where C changes its way
    *(709.0, math.nextafter(709.0, 0.0), math.nextafter(6.0, 0.0), math.nextafter(20.0, 0.0), 2.0**-900, 2.0**1000),
    *(
        2.0**20,
        math.nextafter(2.0**20, 0.0),
        2.0**100,
        math.nextafter(2.0**100, 0.0),
        1 / 16,
        math.nextafter(1 / 16, 0.0),
    ),
]
# Arguments whose results lie nearest to the middle of two doubles (Lefevre and Muller, 2001).
HARDEST = {
    "exp": ["0x1.9e9cbbfd6080bp-31", "-0x1.ed318efb627eap-27", "0x1.83d4bcdebb3f4p+2"],
    "log": ["0x1.62a88613629b5p+678", "0x1.e0000000001c2p-20", "0x1.67d3f69417e49p+0"],
}


def mpfr(function: Callable[..., gmpy2.mpfr], *operands: float) -> float:
    with gmpy2.context(precision=53, emax=1024, emin=-1073, subnormalize=True):
        return float(function(*map(gmpy2.mpfr, operands)))


def bits(number: float) -> bytes:
    return b"nan" if number != number else struct.pack("<d", number)


def arguments(name: str, count: int, random: Random) -> Iterator[float]:
    """Special, hard, and random ones of several kinds."""
    yield from SPECIAL
    yield from map(float.fromhex, HARDEST.get(name, ()))
    inverse = FUNCTIONS[name][2]
    for _ in range(count):
        yield struct.unpack("<d", random.randbytes(8))[0]
        yield random.gauss(0.0, 3.0)
        yield random.gauss(0.0, 1.0) * 2.0 ** random.randint(-60, 12)
        yield 1 + random.gauss(0.0, 1.0) * 2.0 ** -random.randint(1, 52)
        yield random.randint(-100, 100) / 16 + random.gauss(0.0, 1.0) * 2.0 ** -random.randint(5, 60)  # where rows meet
        yield random.randint(1, 1000) * math.pi / 2  # near the zeros of sine and cosine
        if inverse is not None:
            # The argument of the middle of two doubles: the result is as near to it as the argument is to a double.
            with gmpy2.context(precision=200):
                middle = gmpy2.mpfr(random.getrandbits(53) | 1 << 53 | 1) / (1 << 54) * 2.0 ** -random.randint(0, 25)
                yield float(inverse(1 - middle if name in ("exp", "cos") else 1 + middle if name == "cosh" else middle))


def powers(count: int, random: Random) -> Iterator[tuple[float, float]]:
    yield from ((x, y) for x in SPECIAL for y in SPECIAL)
    yield from ((float(odd), 3.0) for odd in range(208_065, 262_143, 1801))  # middles of two doubles
    yield from ((float(odd) ** 2, 1.5) for odd in range(208_065, 262_143, 3601))
    yield from ((3.0 * 2.0 ** -random.randint(1, 70), float(random.randint(1, 34))) for _ in range(count))
    for _ in range(count):
        yield struct.unpack("<2d", random.randbytes(16))
        x = abs(random.gauss(0.0, 3.0)) or 1.0
        yield from ((x, random.gauss(0.0, 10.0)), (x, -0.5), (-x, float(random.randint(-20, 20))))
        yield random.randint(1, 31) * 2.0 ** random.randint(-300, 300), random.choice((0.5, 1.5, 0.25, -1.0, 11.0))
        near = 1 + random.gauss(0.0, 1.0) * 2.0 ** -random.randint(1, 50)
        if near > 0.0 and near != 1.0:
            yield near, random.uniform(-750.0, 750.0) / math.log(near)  # up to the ends of the doubles


def check(name: str, ours: Callable[..., float], count: int, seed: str) -> None:
    random = Random(f"{name} {seed}")
    if name == "pow":
        for x, y in powers(count, random):
            assert bits(ours(x, y)) == bits(mpfr(lambda a, b: a**b, x, y)), (x.hex(), y.hex())
        return
    for x in arguments(name, count, random):
        assert bits(ours(x)) == bits(mpfr(FUNCTIONS[name][1], x)), x.hex()


NAMES = [*FUNCTIONS, "pow"]


def of_python(name: str) -> Callable[..., float]:
    return correctly_rounded.power if name == "pow" else FUNCTIONS[name][0]


@pytest.mark.parametrize("name", NAMES)
def test_python_rounds_right(name: str):
    check(name, of_python(name), 8, "a few")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_python_rounds_right_more_often(name: str):
    check(name, of_python(name), 2000, "many")


def test_middles_are_told_from_what_is_near():
    """Or a hard case would tell nothing: one unit of the argument changes the result's rounding."""
    assert correctly_rounded.power(262_141.0, 3.0) == float(262_141**3) != 262_141**3
    x = float.fromhex(HARDEST["exp"][0])
    with gmpy2.context(precision=300):
        exact = gmpy2.exp(gmpy2.mpfr(x))
        below = gmpy2.mpfr(math.nextafter(float(exact), 0.0)) if float(exact) > exact else gmpy2.mpfr(float(exact))
        middle = below + gmpy2.mpfr(math.ulp(float(below))) / 2
        assert abs(exact - middle) / exact < 2.0**-110


# Of the first, the processor's own instructions; the others have no fused operation, or other compilers and widths.
BUILDS = [
    ("gcc", "-O2 -march=native", 8),
    *(
        pytest.param(*build, marks=pytest.mark.slow)
        for build in (
            ("gcc", "-O0", 2),
            ("clang", "-O1", 1),
            ("gcc", "-O3 -march=native", 4),
            ("clang", "-O2", 2),
            ("clang", "-O3 -march=native", 8),
        )
    ),
]


@pytest.mark.parametrize(("compiler", "flags", "width"), BUILDS)
def test_c_rounds_right(compiler: str, flags: str, width: int, tmp_path: Path):
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    with numerics("portable"):
        text = prelude(width)
    for name in FUNCTIONS:
        text += f"double right_{name}(double x) {{ return {name}(x); }}\n"
        text += f"double slow_{name}(double x) {{ return accurate_{name}(x); }}\n"
    text += "double right_pow(double x, double y) { return pow(x, y); }\n"
    text += "double slow_pow(double x, double y) { return accurate_pow(x, y); }\n"
    (tmp_path / "functions.c").write_text(text)
    library = tmp_path / "functions.so"
    command = [compiler, *flags.split(), "-shared", "-fPIC", "functions.c", "-o", library]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)  # without libm
    functions = ctypes.CDLL(str(library))
    for name in NAMES:
        for kind in ("right", "slow"):
            function = getattr(functions, f"{kind}_{name}")
            function.argtypes, function.restype = [ctypes.c_double] * (1 + (name == "pow")), ctypes.c_double
            check(name, function, 60, f"{kind} in C")


PARTS = """\
void parts(const double *x, double *result, double *rest, long long *exponent, long count)
{
    for (long i = 0; i < count; i += WIDTH) {
        v@ lost;
        n@ e;
        store@(result + i, exponential_parts@(load@(x + i), all@(0.0), &lost, &e));
        store@(rest + i, lost);
        for (int k = 0; k < WIDTH; k++) exponent[i + k] = e[k] >> 52;
    }
}
"""


# Beside what the margins say, libm's own error has room in that of exact numerics.
@pytest.mark.parametrize(("mode", "bound"), [("portable", 2.0**-69), ("exact", 0.0015 * 2.0**-53)])
@pytest.mark.parametrize("most", [500.0, 1.0, 0.03])
def test_what_exponentials_are_guessed_from_errs_by_less_than_its_margin_says(
    toolchain: Toolchain, most: float, mode: str, bound: float
):
    width = 2 if mode == "portable" else 4
    if width > toolchain.vector_width:
        pytest.skip("exact numerics guess in vectors of four and more")
    random, count, worst = Random(3), 20_000, gmpy2.mpfr(0)
    numbers = [random.uniform(-most, most) for _ in range(count)]
    results, rests, exponents = (ctypes.c_double * count)(), (ctypes.c_double * count)(), (ctypes.c_longlong * count)()
    with numerics(mode), built_library("parts", PARTS.replace("@", str(width)), width) as library:
        library.parts((ctypes.c_double * count)(*numbers), results, rests, exponents, ctypes.c_long(count))
    with gmpy2.context(precision=200):
        for x, result, rest, exponent in zip(numbers, results, rests, exponents, strict=True):
            expected = gmpy2.exp(gmpy2.mpfr(x)) / gmpy2.exp2(exponent)
            worst = max(worst, abs((gmpy2.mpfr(result) + rest) / expected - 1))
    assert worst < bound
