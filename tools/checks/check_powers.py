"""Check powers: tries the vector forms of some powers, and of division, on hundreds of millions of inputs.

    python -m microgpt.tools.checks.check_powers [MILLIONS]

The forms call pow() only where the exact result lies so close to a rounding boundary that pow() may round it another
way (`compiler/c/text/powers.h`). How close that is, is a margin, and this program looks for inputs that disprove it:
random ones, of which those near the boundary are compared with pow(). It also prints how close a result must be for
pow() to differ, as far as was seen.
"""

from __future__ import annotations

import ctypes
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ...compiler.c.prelude import prelude
from ...runtime.machine.find_toolchain import find_toolchain

__all__ = ["Findings", "check_powers"]

_PROGRAM = """
#define JOIN_(name, width) name##width
#define JOIN(name, width) JOIN_(name, width)
#define VECTOR(name) JOIN(name, WIDTH)
#undef pow /* what is checked calls it pow1 */
#define pow(x, y) (*(type_of_pow *const volatile *)&libm_pow)(x, y)
static unsigned long long state;
INLINE unsigned long long next(void)
{
    unsigned long long z = state += 0x9e3779b97f4a7c15ULL; /* splitmix64 (Steele, Lea and Flood, 2014) */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}
/* Any mantissa, and exponents from -spread to spread. */
INLINE double number(int spread)
{
    unsigned long long bits = next();
    union { unsigned long long n; double d; } u;
    long long exponent = 1023 + (long long)(next() % (2 * (unsigned)spread + 1)) - spread;
    u.n = (bits & 0x800fffffffffffffULL) | ((unsigned long long)exponent << 52);
    return u.d;
}
/* A dividend whose quotient by y lies as near to a midpoint of two doubles as any does, by a small odd n. Where A and B
   are the fractions as whole numbers, 2^53 * A - (2 * M + 1) * B is n, or 2^54 * A. Makes y's fraction odd. */
INLINE double beside_midpoint(double *y, long long n)
{
    union { unsigned long long n; double d; } u;
    u.d = *y;
    u.n |= 1;
    *y = u.d;
    const unsigned long long b = (u.n & 0xfffffffffffffULL) | 1ULL << 52;
    unsigned long long inverse = b;
    for (int i = 0; i < 6; i++) inverse *= 2 - b * inverse;
    unsigned long long odd = -(unsigned long long)n * inverse;
    const unsigned long long whole = (odd & ((1ULL << 53) - 1)) | 1ULL << 53;
    unsigned __int128 product = (unsigned __int128)whole * b + (unsigned __int128)(__int128)n;
    if (product >> 53 < 1ULL << 53) return (double)(unsigned long long)(product >> 53);
    product = (unsigned __int128)(odd & ((1ULL << 54) - 1)) * b + (unsigned __int128)(__int128)n;
    return (double)(unsigned long long)(product >> 54);
}
/* Wrong results, inputs near a boundary, inputs left to pow(), and the farthest at which pow() differs,
   relative to the power, in 2^-53. */
typedef struct { long long wrong, near, unsure; double farthest; } findings;

findings check_square(long long rounds, unsigned long long seed, int spread)
{
    findings f = {0, 0, 0, 0.0};
    state = seed;
    for (long long i = 0; i < rounds; i++) {
        VECTOR(v) x;
        int doubts;
        for (int k = 0; k < WIDTH; k++) x[k] = number(spread);
        VECTOR(v) r = VECTOR(square)(x, &doubts);
        VECTOR(v) error = VECTOR(magnitude)(VECTOR(fused)(x, x, -r)), half = VECTOR(half_unit)(r);
        VECTOR(v) distance = VECTOR(magnitude)(error - half) / (r * 0x1p-53);
        const int other = VECTOR(outside)(r, LEAST, MOST); /* sizes that are left to pow() */
        for (int k = 0; k < WIDTH; k++) {
            f.unsure += doubts >> k & 1;
            if (!(doubts >> k & 1) && distance[k] > 0.05) continue;
            f.near++;
            if (pow(x[k], 2.0) == r[k]) continue;
            f.wrong += !(doubts >> k & 1);
            if (distance[k] > f.farthest && !(other >> k & 1)) f.farthest = distance[k];
        }
    }
    return f;
}

findings check_root(long long rounds, unsigned long long seed, int spread)
{
    findings f = {0, 0, 0, 0.0};
    state = seed;
    for (long long i = 0; i < rounds; i++) {
        VECTOR(v) x;
        int doubts;
        for (int k = 0; k < WIDTH; k++) x[k] = fabs(number(spread));
        VECTOR(v) r = VECTOR(root)(x, &doubts, WIDTH * (i & 1));
        VECTOR(v) error = VECTOR(magnitude)(VECTOR(fused)(-r, r, x)), half = VECTOR(half_unit)(r);
        VECTOR(v) distance = VECTOR(magnitude)(error - 2.0 * r * half) / (2.0 * r * r * 0x1p-53);
        const int other = VECTOR(outside)(r, LEAST, MOST); /* sizes that are left to pow() */
        for (int k = 0; k < WIDTH; k++) {
            f.unsure += doubts >> k & 1;
            if (!(doubts >> k & 1) && distance[k] > 0.05) continue;
            f.near++;
            if (pow(x[k], 0.5) == r[k]) continue;
            f.wrong += !(doubts >> k & 1);
            if (distance[k] > f.farthest && !(other >> k & 1)) f.farthest = distance[k];
        }
    }
    return f;
}

findings check_inverse(long long rounds, unsigned long long seed, int spread)
{
    findings f = {0, 0, 0, 0.0};
    state = seed;
    for (long long i = 0; i < rounds; i++) {
        VECTOR(v) x;
        int doubts;
        for (int k = 0; k < WIDTH; k++) x[k] = number(spread);
        VECTOR(v) r = VECTOR(inverse)(x, &doubts), size = VECTOR(magnitude)(r);
        VECTOR(v) error = VECTOR(magnitude)(r * VECTOR(fused)(-r, x, VECTOR(all)(1.0)));
        VECTOR(v) distance = VECTOR(magnitude)(error - VECTOR(half_unit)(size)) / (size * 0x1p-53);
        const int other = VECTOR(outside)(size, LEAST, MOST); /* sizes that are left to pow() */
        for (int k = 0; k < WIDTH; k++) {
            f.unsure += doubts >> k & 1;
            if (!(doubts >> k & 1) && distance[k] > 0.05) continue;
            f.near++;
            f.wrong += pow1(x[k], -1.0) != pow(x[k], -1.0);
            if (pow(x[k], -1.0) == r[k]) continue;
            f.wrong += !(doubts >> k & 1);
            if (distance[k] > f.farthest && !(other >> k & 1)) f.farthest = distance[k];
        }
    }
    return f;
}

findings check_inverse_root(long long rounds, unsigned long long seed, int spread)
{
    findings f = {0, 0, 0, 0.0};
    state = seed;
    for (long long i = 0; i < rounds; i++) {
        VECTOR(v) x;
        int doubts;
        for (int k = 0; k < WIDTH; k++) x[k] = fabs(number(spread));
        VECTOR(v) r = VECTOR(inverse_root)(x, &doubts), square = r * r;
        VECTOR(v) lost = VECTOR(fused)(r, r, -square);
        VECTOR(v) error = VECTOR(magnitude)(r * 0.5 * (VECTOR(fused)(-square, x, VECTOR(all)(1.0)) - lost * x));
        VECTOR(v) distance = VECTOR(magnitude)(error - VECTOR(half_unit)(r)) / (r * 0x1p-53);
        const int other = VECTOR(outside)(r, LEAST, MOST); /* sizes that are left to pow() */
        for (int k = 0; k < WIDTH; k++) {
            f.unsure += doubts >> k & 1;
            if (!(doubts >> k & 1) && distance[k] > 0.05) continue;
            f.near++;
            f.wrong += pow1(x[k], -0.5) != pow(x[k], -0.5);
            if (pow(x[k], -0.5) == r[k]) continue;
            f.wrong += !(doubts >> k & 1);
            if (distance[k] > f.farthest && !(other >> k & 1)) f.farthest = distance[k];
        }
    }
    return f;
}

findings check_quotient(long long rounds, unsigned long long seed, int spread)
{
    findings f = {0, 0, 0, 0.0};
    state = seed;
    for (long long i = 0; i < rounds; i++) {
        VECTOR(v) x;
        double y = number(i & 2 ? 1 : spread);
        divisor d = divisor_of(y);
        for (int k = 0; k < WIDTH; k++) x[k] = number(spread);
        if (i & 1) {
            /* Next to a midpoint: (q + half a unit) * y, rounded, for a random quotient q. */
            for (int k = 0; k < WIDTH; k++) {
                double q = x[k], half = VECTOR(half_unit)(VECTOR(all)(fabs(q)))[0];
                x[k] = __builtin_fma(q, y, half * y);
            }
        }
        VECTOR(v) r = VECTOR(quotient)(x, d);
        for (int k = 0; k < WIDTH; k++) { f.near++; f.wrong += r[k] != x[k] / y; }
    }
    return f;
}

findings check_ratio(long long rounds, unsigned long long seed, int spread)
{
    findings f = {0, 0, 0, 0.0};
    state = seed;
    for (long long i = 0; i < rounds; i++) {
        VECTOR(v) x, y;
        for (int k = 0; k < WIDTH; k++) {
            x[k] = number(spread);
            y[k] = fabs(number(i & 2 ? 1 : spread));
            /* Every other divisor is close below a power of two, where the reciprocal is hardest. */
            if (k & 1) y[k] = 1.0 - (double)(next() >> (11 + next() % 53)) * 0x1p-53;
            if (i & 1) {
                const long long n = (long long)(next() % 16) * 2 - 15;
                double divisor = y[k];
                x[k] = beside_midpoint(&divisor, n);
                y[k] = divisor;
            }
        }
        VECTOR(v) r = VECTOR(ratio)(x, y, 0);
        for (int k = 0; k < WIDTH; k++) { f.near++; f.wrong += r[k] != x[k] / y[k]; }
    }
    return f;
}
"""


class _Findings(ctypes.Structure):
    _fields_ = (
        ("wrong", ctypes.c_longlong),
        ("near", ctypes.c_longlong),
        ("unsure", ctypes.c_longlong),
        ("farthest", ctypes.c_double),
    )


@dataclass(frozen=True)
class Findings:
    """What was found for one function and one range of exponents.

    Attributes:
        name: of the function.
        spread: exponents went from minus this to this.
        tried, near, unsure, wrong: inputs; those compared with the truth; those that are left to pow() anyway; and
            those for which the vector form gave something else.
        farthest: from a rounding boundary, relative to the power and in 2^-53, at which pow() was seen to differ.
    """

    name: str
    spread: int
    tried: int
    near: int
    unsure: int
    wrong: int
    farthest: float


def check_powers(rounds: int, seed: int = 1) -> list[Findings]:
    """Tries `rounds` vectors of inputs for each function and range.

    Raises:
        ToolchainError: if there is no C compiler.
    """
    toolchain = find_toolchain()
    width = toolchain.vector_width
    with tempfile.TemporaryDirectory(prefix="microgpt-powers-", ignore_cleanup_errors=True) as folder:
        source, path = Path(folder) / "powers.c", Path(folder) / "powers.so"
        source.write_text(f"{prelude(width)}#define WIDTH {width}\n{_PROGRAM}")
        toolchain.build(source, path)
        library = ctypes.CDLL(str(path))
        found = []
        for name, spreads in (
            ("square", (8, 20, 48, 130, 600)),
            ("root", (8, 40, 96, 260, 1000)),
            ("inverse", (8, 48, 96, 600)),
            ("inverse_root", (8, 96, 192, 1000)),
            ("quotient", (8, 100, 600)),
            ("ratio", (8, 100, 600)),
        ):
            function = getattr(library, f"check_{name}")
            function.argtypes, function.restype = [ctypes.c_longlong, ctypes.c_ulonglong, ctypes.c_int], _Findings
            for spread in spreads:
                result = function(rounds, seed * 1_000_003 + spread, spread)
                numbers = (result.near, result.unsure, result.wrong, result.farthest)
                found.append(Findings(name, spread, width * rounds, *numbers))
        return found


def main() -> int:
    """Prints what was found; the status is 1 if a result was wrong."""
    millions = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    wrong = 0
    for found in check_powers(millions * 125_000):
        wrong += found.wrong
        print(
            f"{found.name:15}  exponents within {found.spread:4}: {found.tried} tried, {found.near} near a boundary, "
            f"{found.unsure} left to pow, {found.wrong} wrong; pow differs up to {found.farthest:.5f} * 2^-53 away"
        )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
