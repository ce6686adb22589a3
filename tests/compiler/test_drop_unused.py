"""C files have the helpers that they use, and no others."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from helpers import skip_without_compiler

import microgpt
from microgpt.compiler.c.drop_unused import defined_names, drop_unused
from microgpt.compiler.c.prelude import VECTOR_WIDTHS, prelude
from microgpt.compiler.numerics import exact, numerics, portable
from microgpt.runtime.machine.toolchain import Toolchain

TEXT = """\
#include <math.h>
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

/* Of one number. */
#define TWICE(x) \\
    ((x) + (x))
#define HALF 0.5
/* Both. */
#if WIDE
#include <immintrin.h>
static double more(double x)
{
#ifdef FAST
    return x;
#endif
    return TWICE(x);
}
static double less(double x) { return HALF * x; }
#else
static double more(double x) { return x; /* HALF */ }
#endif

typedef struct { double number; } box;

#define WIDE 1
static const double table[2] = {
    1.0, 2.0,
};
"""


@pytest.mark.parametrize(
    ("program", "missing"),
    [
        ("more(1.0)", ["HALF", "less", "box", "table"]),
        ("less(1.0)", ["TWICE", "more", "box", "table"]),
        ("box b = {table[0]}", ["TWICE", "HALF", "more", "less", "WIDE"]),
        ("moreover", ["TWICE", "HALF", "more", "less", "WIDE", "box", "table"]),
    ],
)
def test_what_a_program_does_not_reach_is_left_out(program: str, missing: list[str]) -> None:
    text = drop_unused(TEXT, program)
    every = defined_names(TEXT)
    assert every == {"TWICE", "HALF", "more", "less", "box", "WIDE", "table"}
    assert defined_names(text) == every - set(missing)
    assert "#include <math.h>\n#if defined(__GNUC__)\n#pragma" in text  # whatever is used
    assert ("immintrin" in text) == ("Both" in text) == ("more" not in missing or "less" not in missing)
    assert text.count("#if") == text.count("#endif")


@pytest.mark.parametrize("make", [exact, portable])
@pytest.mark.parametrize("width", [1, *VECTOR_WIDTHS])
def test_nothing_is_lost_of_what_is_used(width: int, make) -> None:  # type: ignore[no-untyped-def]
    with numerics(make()):
        whole = prelude(width)
        assert prelude(width, program=whole) == whole
        assert len(prelude(width, program="")) < 2500  # guards and pragmas


# What calls much of the rest, each alone.
@pytest.mark.parametrize("make", [exact, portable])
@pytest.mark.parametrize("width", [1, 4])
def test_what_is_kept_compiles(width: int, make, toolchain: Toolchain, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    calls = ["double f(double x) { return softplus1(x); }", "double f(double x) { return pow(x, 3.0); }"]
    if width > 1:
        calls += ["void f(double *x) { store4(x, square_root4(load4(x))); }"]
        names = ("exponentials", "logarithms", "squares", "roots")
        calls += [f"void f(double *x) {{ {name}(x, 4); }}" for name in names]
        calls += ["void f(double *x) { store4(x, quotient4(load4(x), divisor_of(x[0]))); }"]
    with numerics(make()):
        for number, call in enumerate(calls):
            source = tmp_path / f"{number}.c"
            source.write_text(f"{prelude(width, program=call)}{call}\n")
            command = [*toolchain.command, *toolchain.flags, "-Werror", "-fsyntax-only", str(source)]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            assert result.returncode == 0, f"{call}\n{result.stderr}"


def test_c_of_a_polynomial_has_no_powers() -> None:
    skip_without_compiler()
    source = microgpt.compile(lambda x: x * x + 2.0 * x, 1.0, target="c").source
    assert "exponential" not in source
    assert len(source) < 6000
