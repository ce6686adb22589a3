"""The part of every C file that spares calls of pow() and divisions: results that are proved to have the same bits.

The proof is a margin. A power that is computed by one correctly rounded operation is what pow() gives, unless the exact
power lies so close to the middle between two doubles that the error of pow() decides. `tools/checks/check_powers.py`
looks for inputs that disprove the margin.
"""

__all__ = ["powers"]

_COMMON = """
/* How far the exact power must lie from a rounding boundary, relative to the power, for pow() to round as one correctly
   rounded operation does. glibc (e_pow.c) computes scale + scale * rest, whose error before the final rounding is
   relative to scale: 0.011 units in the last place for the exponential, at the end of a binade where 2^53 units are
   the number, plus that of the logarithm, 1.5 * 2^-68 * 2^53 * |ln(power)|. From LEAST to MOST that is 0.0141. */
#if defined(__GLIBC__)
#define MARGIN (0x1p-53 * 0.015)
#else
/* Others state no such bound: this one holds where pow() errs by less than 0.75 units in the last place. */
#define MARGIN (0x1p-53 * 0.5)
#endif
/* Powers outside of these, 2^-96 and 2^96, are left to pow(). */
#define LEAST 0x39f0000000000000LL
#define MOST 0x45f0000000000000LL

typedef unsigned long long bits; /* a flag for each of 64 lanes, the first one lowest */

/* Lists the lanes whose bits are set. `list` must have room for four more. */
static int list_doubts(const bits *doubts, long words, int *list)
{
    int count = 0;
    for (long word = 0; word < words; word++) {
        bits rest = doubts[word];
        const int all = __builtin_popcountll(rest);
        int done = 0;
        /* Four at a time, needed or not: a branch for each would be mispredicted. */
        do {
            for (int i = 0; i < 4; i++) {
                list[count + done + i] = (int)(64 * word) + __builtin_ctzll(rest | 1ULL << 63);
                rest &= rest - 1;
            }
            done += 4;
        } while (done < all);
        count += all;
    }
    return count;
}

/* A number that vectors are divided by: its reciprocal, rounded, and what the rounding lost. And which dividends are
   safe with it, by their sizes as bits: zero, and those from `least` to `most`, with which nothing overflows and no
   remainder loses bits. With a divisor that is itself too large, too small or not positive, none is, not even zero. */
#define NONE (-2LL)
typedef struct { double number, reciprocal, rest; long long least, most; } divisor;

INLINE divisor divisor_of(double y)
{
    const double reciprocal = 1.0 / y;
    divisor d = {y, reciprocal, __builtin_fma(-reciprocal, y, 1.0) * reciprocal, 0, NONE};
    if (y > 1e-50 && y < 1e50) {
        d.least = 0x16687e92154ef7acLL; /* 1e-200 */
        d.most = 0x73d658e3ab795204LL;  /* 1e250 */
    }
    return d;
}
"""

_OF_WIDTH = """
/* Negative where x, not negative, is neither zero nor from `least` to `most`, as bits; everywhere if `most` is NONE. */
INLINE n{w} outside{w}(v{w} x, long long least, long long most)
{{
    const n{w} below = (n{w})x - 1; /* negative for zero alone */
    return ((below - least) & ~below) | (most - below);
}}
/* x / y: a quotient that is off by less than one unit, corrected by its remainder (Markstein, 1990). */
INLINE v{w} quotient{w}(v{w} x, divisor y)
{{
    if (__builtin_expect(signs{w}(outside{w}(magnitude{w}(x), y.least, y.most)), 0)) return x / y.number;
    const v{w} reciprocal = all{w}(y.reciprocal), q = fused{w}(x, reciprocal, x * y.rest);
    return fused{w}(fused{w}(-q, all{w}(y.number), x), reciprocal, q);
}}
"""

_GUESSES = """
/* Half of the unit in the last place of r; below a power of two the units are smaller, and these count. */
INLINE v{w} half_unit{w}(v{w} r) {{ return (v{w})((((n{w})r - 1) & 0x7ff0000000000000LL) - (53LL << 52)); }}
/* Negative where pow() may give something else than r: where the exact power is farther from r than `allowed`, both
   measured alike, or r is not of a size for which the margin holds. */
INLINE n{w} doubt{w}(v{w} r, v{w} error, v{w} allowed)
{{
    return (n{w})(allowed - magnitude{w}(error)) | outside{w}(r, LEAST, MOST);
}}
/* Guesses pow(x, 2). The error of the product is exact by one fused operation. Where r is zero, so is the power. */
INLINE v{w} square{w}(v{w} x, n{w} *doubt)
{{
    const v{w} r = x * x;
    *doubt = doubt{w}(r, fused{w}(x, x, -r), fused{w}(r, all{w}(-MARGIN), half_unit{w}(r)));
    return r;
}}
/* Guesses pow(x, 0.5). With r = sqrt(x), the exact root is r + (x - r*r) / (2*r), up to 2^-53 units. */
INLINE v{w} root{w}(v{w} x, n{w} *doubt)
{{
    const v{w} r = square_root{w}(x);
    *doubt = doubt{w}(r, fused{w}(-r, r, x), (r + r) * fused{w}(r, all{w}(-MARGIN), half_unit{w}(r)));
    return r;
}}
"""


def powers(vector_width: int) -> str:
    """The text; quotients for all vectors, guesses of powers for the widest."""
    quotients = "".join(_OF_WIDTH.format(w=width) for width in (2, 4, 8) if width <= vector_width)
    return _COMMON + quotients + _GUESSES.format(w=vector_width)
