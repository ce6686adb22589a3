"""Series: what sin() and other functions are guessed from in portable numerics, and what becomes of doubts."""

from __future__ import annotations

import ctypes
import math
import re
import shutil
import subprocess
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from random import Random

import gmpy2
import pytest
from helpers import compiled

from microgpt.compiler import correctly_rounded
from microgpt.compiler.c.prelude import prelude
from microgpt.compiler.numerics import numerics
from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.tools.checks import check_portable
from microgpt.tools.checks.series_tables import series_tables

# How far the arguments of each go.
FUNCTIONS = {
    "sin": 2.0**20,
    "cos": 2.0**20,
    "tanh": 20.0,
    "sinh": 709.0,
    "cosh": 709.0,
    "atan": 50.0,
    "erf": 6.0,
    "log1p": 50.0,
    "expm1": 709.0,
}
PYTHON = {
    "sin": "sine",
    "cos": "cosine",
    "sinh": "hyperbolic_sine",
    "cosh": "hyperbolic_cosine",
    "log1p": "logarithm_of_1_plus",
    "expm1": "exponential_minus_1",
}
MARGIN = 2.0**-66
# Guesses and results of many arguments, and how many of these were left to accurate functions.
MANY = """\
void guess_@(const double *x, double *sum, double *rest, long count)
{
    for (long i = 0; i < count; i++) {
        const unrounded y = unrounded_@(x[i]);
        sum[i] = y.sum;
        rest[i] = y.rest;
    }
}
long many_@(const double *x, double *result, long count)
{
    doubts = 0;
    for (long i = 0; i < count; i++) result[i] = @(x[i]);
    return doubts;
}
"""
MANY_PLAIN = "".join(
    f"int plain_{name}(const double *x, const double *y, double *result, long count)\n"
    "{\n"
    "    doubts = 0;\n"
    f"    for (long i = 0; i < count; i++) result[i] = {name}({operands});\n"
    "    return (int)doubts;\n"
    "}\n"
    for name, operands in (("exp", "x[i]"), ("log", "x[i]"), ("pow", "x[i], y[i]"))
)
# Without fused operations, with them, and without vectors.
BUILDS = [(2, ()), (8, ("-march=native",)), (1, ())]


def test_the_tables_are_what_their_script_writes():
    assert (files("microgpt.compiler.c") / "text" / "series_tables.h").read_text("utf-8") == series_tables()


@pytest.mark.parametrize(
    ("name", "first", "function"),
    [
        ("growth", -3, correctly_rounded.exponential_minus_1),
        ("logarithm", 11, lambda x: correctly_rounded.logarithm(x / 2)),
        ("atan", 0, correctly_rounded.atan),
        ("erf", 0, correctly_rounded.erf),
    ],
)
def test_series_begin_with_what_python_means(name: str, first: int, function: Callable[[float], float]):
    rows = beginnings(name)
    assert len(rows) > 5
    assert rows == [function((first + number) / 8) for number in range(len(rows))]


def test_series_of_angles_begin_with_what_python_means():
    angles = [number / 8 for number in range(7)]
    right = [*map(correctly_rounded.sine, angles), *map(correctly_rounded.cosine, angles)]
    assert beginnings("angle") == right


def beginnings(name: str) -> list[float]:
    table = re.search(rf"{name}_rows\[\d+ \* (\d+)\] = \{{\n(.*?)\}};", series_tables(), re.DOTALL)
    assert table
    numbers = [float.fromhex(number) for number in table[2].split(",")[:-1]]
    return numbers[:: int(table[1])]


@pytest.fixture(scope="module", params=BUILDS, ids=lambda build: f"width {build[0]} {' '.join(build[1])}")
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The functions, with a counter of calls of accurate ones."""
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    width, flags = request.param
    with numerics("portable"):
        text, count = re.subn("^    return accurate_", r"    doubts++;\n\g<0>", prelude(width), flags=re.MULTILINE)
    assert count == len(FUNCTIONS) + 3 * (width == 1)  # exp, log and pow, which are in vectors else
    folder = tmp_path_factory.mktemp("series")
    (folder / "series.c").write_text(
        "static long doubts;\n" + text + "".join(MANY.replace("@", name) for name in FUNCTIONS)
    )
    command = ["gcc", "-O2", *flags, "-Wall", "-Wextra", "-Wno-psabi", "-Werror", "-shared", "-fPIC", "series.c"]
    subprocess.run([*command, "-o", "series.so"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "series.so"))


def arguments(name: str, count: int) -> list[float]:
    """From the whole range, of ordinary sizes, where rows meet and in their middles, and small ones."""
    random, most, numbers = Random(name), FUNCTIONS[name], []
    while len(numbers) < count:
        edge = random.randint(-100, 100) / 16
        for x in (
            random.uniform(-most, most),
            random.gauss(0.0, 2.0),
            edge,
            math.nextafter(edge, 0.0),
            edge + random.gauss(0.0, 1.0) * 2.0 ** -random.randint(5, 60),
            random.gauss(0.0, 1.0) * 2.0 ** -random.randint(0, 80),
        ):
            if abs(x) < most and x != 0.0:
                numbers.append(abs(x) if name == "log1p" and x <= -1.0 else x)
    return numbers[:count]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_guesses_err_by_less_than_their_margin(name: str, library: ctypes.CDLL):
    numbers = arguments(name, 4000)
    sums, rests = (ctypes.c_double * len(numbers))(), (ctypes.c_double * len(numbers))()
    getattr(library, f"guess_{name}")(array(numbers), sums, rests, ctypes.c_long(len(numbers)))
    worst, left = gmpy2.mpfr(0), 0
    with gmpy2.context(precision=200):
        for x, total, rest in zip(numbers, sums, rests, strict=True):
            if total != total:  # so near to a right angle that the guess says nothing
                left += 1
                continue
            exact = getattr(gmpy2, name)(gmpy2.mpfr(x))
            worst = max(worst, abs((gmpy2.mpfr(total) + rest) / exact - 1))
    assert 0 < worst < 2.0**-66.8
    assert left < 3


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_are_right_and_few_are_left_to_accurate_functions(name: str, library: ctypes.CDLL):
    numbers = arguments(name, 20_000)
    results, doubts = run(library, name, numbers)
    right = getattr(correctly_rounded, PYTHON.get(name, name))
    assert results[::40] == [right(x) for x in numbers[::40]]
    with gmpy2.context(precision=53, emax=1024, emin=-1073, subnormalize=True):
        assert results == [float(getattr(gmpy2, name)(gmpy2.mpfr(x))) for x in numbers]
    assert doubts < 40


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_in_doubt_is_left_to_accurate_functions(name: str, library: ctypes.CDLL):
    numbers = arguments(name, 200_000)
    sums, rests = (ctypes.c_double * len(numbers))(), (ctypes.c_double * len(numbers))()
    getattr(library, f"guess_{name}")(array(numbers), sums, rests, ctypes.c_long(len(numbers)))
    doubtful = [
        x
        for x, total, rest in zip(numbers, sums, rests, strict=True)
        if total + (rest - abs(total) * MARGIN) != total + (rest + abs(total) * MARGIN)
    ]
    assert 3 < len(doubtful) < 200
    results, doubts = run(library, name, doubtful)
    assert doubts == len(doubtful)
    right = getattr(correctly_rounded, PYTHON.get(name, name))
    assert results == [right(x) for x in doubtful]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_numbers_are_left_to_accurate_functions(name: str, library: ctypes.CDLL):
    special = [0.0, 5e-324, 1e-310, 2.0**-901, math.inf, math.nan, 2.0**1000, 1.7976931348623157e308]
    special += [-x for x in special if name != "log1p" or x < 1.0]
    _, doubts = run(library, name, special)
    assert doubts == len(special)


def test_without_vectors_powers_and_logarithms_are_guessed_too(toolchain: Toolchain, tmp_path: Path):
    with numerics("portable"):
        text = re.sub("^    return accurate_", r"    doubts++;\n\g<0>", prelude(1), flags=re.MULTILINE)
    text = f"static long doubts;\n{text}{MANY_PLAIN}"
    library = compiled(toolchain, tmp_path, 1, text)
    random = Random(1)
    for name, arguments_of, most in (
        ("exp", lambda: (random.uniform(-700.0, 700.0), 0.0), 40),
        ("exp", lambda: (random.gauss(0.0, 1.0) * 2.0 ** -random.randint(0, 80), 0.0), 40),
        ("log", lambda: (2.0 ** random.uniform(-900.0, 900.0), 0.0), 40),
        # The first two terms, d - d^2/2, may be next to the middle of two doubles: a number near 1 has few bits in d.
        ("log", lambda: (1.0 + random.gauss(0.0, 1.0) * 2.0 ** -random.randint(5, 50), 0.0), 400),
        ("pow", lambda: (abs(random.gauss(0.0, 3.0)), random.gauss(0.0, 10.0)), 200),
        ("pow", lambda: (2.0 ** random.uniform(-2.0, 2.0), random.choice((-0.5, 1 / 3, 3.3))), 40),
    ):
        pairs = [arguments_of() for _ in range(20_000)]
        results = (ctypes.c_double * len(pairs))()
        xs, ys = (array(list(numbers)) for numbers in zip(*pairs, strict=True))
        doubts = getattr(library, f"plain_{name}")(xs, ys, results, ctypes.c_long(len(pairs)))
        with gmpy2.context(precision=53, emax=1024, emin=-1073, subnormalize=True):
            rule = getattr(gmpy2, name, lambda x: x)
            right = [gmpy2.mpfr(x) ** y if name == "pow" else rule(gmpy2.mpfr(x)) for x, y in pairs]
        assert list(results) == right
        assert doubts < most


def run(library: ctypes.CDLL, name: str, numbers: list[float]) -> tuple[list[float], int]:
    """Results, and how many were left to accurate functions."""
    results = (ctypes.c_double * len(numbers))()
    function = getattr(library, f"many_{name}")
    function.restype = ctypes.c_long
    doubts = function(array(numbers), results, ctypes.c_long(len(numbers)))
    return list(results), doubts


def array(numbers: list[float]) -> ctypes.Array[ctypes.c_double]:
    return (ctypes.c_double * len(numbers))(*numbers)


def test_the_check_by_the_million_finds_what_is_wrong(toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch):
    assert not check_portable.check_portable("erf", 100_000).wrong
    program = check_portable._program()
    assert "portable_erf(x)" in program
    wrong = program.replace("portable_erf(x)", "(portable_erf(x) * (1.0 + DBL_EPSILON))")
    monkeypatch.setattr(check_portable, "_program", lambda: wrong)
    found = check_portable.check_portable("erf", 100_000)
    assert len(found.wrong) > 90_000
    assert found.decided == len(found.wrong)
