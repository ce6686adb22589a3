"""The beginning of every C file: vectors, and the operations of `ops` on them."""

__all__ = ["PRELUDE"]

_HEAD = """\
#include <math.h>
#include <string.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi" /* vectors only travel between functions of this file */
#endif
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#define INLINE static inline __attribute__((always_inline))

INLINE double rectify1(double x) { return x > 0.0 ? x : 0.0; }
INLINE double positive1(double x) { return x > 0.0 ? 1.0 : 0.0; }
INLINE double larger1(double a, double b) { return b > a ? b : a; }

/* How far from a rounding boundary, in units in the last place, an exact power must lie for pow() to round it as one correctly
   rounded operation does. glibc (e_pow.c) states its error before the final rounding: 0.011 for the exponential, plus that
   of the logarithm, 1.5 * 2^-68 * |ln(result)| * 2^53, without FMA; that is below MARGIN for results within LIMIT. */
#define MARGIN 0.0125
#define LIMIT_LOW 0x1p-46
#define LIMIT_HIGH 0x1p46
"""

_WIDTH = """
typedef double v{w} __attribute__((vector_size({bytes})));
typedef long long n{w} __attribute__((vector_size({bytes})));
typedef double u{w} __attribute__((vector_size({bytes}), aligned(8), may_alias));
INLINE v{w} load{w}(const double *p) {{ return *(const u{w} *)p; }}
INLINE void store{w}(double *p, v{w} x) {{ *(u{w} *)p = x; }}
INLINE v{w} all{w}(double x) {{ return (v{w}){{{xs}}}; }}
INLINE n{w} flag{w}(int x) {{ long long y = -(long long)x; return (n{w}){{{ys}}}; }}
INLINE n{w} equal{w}(long lane) {{ return (n{w}){{{numbers}}} == lane; }}
INLINE v{w} keep{w}(n{w} flag, v{w} x) {{ return (v{w})(flag & (n{w})x); }}
INLINE v{w} drop{w}(n{w} flag, v{w} x) {{ return (v{w})(~flag & (n{w})x); }}
INLINE v{w} rectify{w}(v{w} x) {{ return keep{w}(x > 0.0, x); }}
INLINE v{w} positive{w}(v{w} x) {{ return keep{w}(x > 0.0, all{w}(1.0)); }}
INLINE v{w} larger{w}(v{w} a, v{w} b) {{ n{w} flag = b > a; return (v{w})((flag & (n{w})b) | (~flag & (n{w})a)); }}
INLINE v{w} magnitude{w}(v{w} x) {{ return (v{w})((n{w})x & 0x7fffffffffffffffLL); }}
INLINE v{w} fused{w}(v{w} a, v{w} b, v{w} c)
{{
    v{w} r;
    for (int i = 0; i < {w}; i++) r[i] = __builtin_fma(a[i], b[i], c[i]);
    return r;
}}
INLINE int any{w}(n{w} flag)
{{
    long long r = 0;
    for (int i = 0; i < {w}; i++) r |= flag[i];
    return r != 0;
}}
INLINE v{w} square_root{w}(v{w} x)
{{
    v{w} r;
    for (int i = 0; i < {w}; i++) r[i] = __builtin_sqrt(x[i]);
    return r;
}}
/* Whether a power of two stands in x, or nothing. */
INLINE n{w} lone_bit{w}(v{w} x) {{ return ((n{w})x & 0xfffffffffffffLL) == 0; }}
INLINE v{w} binade{w}(v{w} x) {{ return (v{w})((n{w})x & 0x7ff0000000000000LL); }}
static __attribute__((noinline)) v{w} powers{w}(v{w} x, double y, v{w} r, n{w} wanted)
{{
    for (int i = 0; i < {w}; i++) if (wanted[i]) r[i] = pow(x[i], y);
    return r;
}}
/* pow(x, 2). The product's rounding error is exact by one fused operation; only near half a unit does pow() have a say. */
INLINE v{w} square{w}(v{w} x)
{{
    v{w} r = x * x, error = magnitude{w}(fused{w}(x, x, -r)), unit = binade{w}(r) * 0x1p-52;
    n{w} sure = (magnitude{w}(error - 0.5 * unit) >= MARGIN * unit) & (r >= LIMIT_LOW) & (r <= LIMIT_HIGH);
    sure = (sure & ~lone_bit{w}(r)) | ((error == 0.0) & (r <= LIMIT_HIGH) & ((r >= LIMIT_LOW) | (x == 0.0)));
    return __builtin_expect(any{w}(~sure), 0) ? powers{w}(x, 2.0, r, ~sure) : r;
}}
/* pow(x, 0.5). With r = sqrt(x) rounded, the exact root is r + (x - r*r) / (2*r), up to 2^-53 units. */
INLINE v{w} root{w}(v{w} x)
{{
    v{w} r = square_root{w}(x), error = magnitude{w}(fused{w}(-r, r, x)), unit = binade{w}(r) * 0x1p-52;
    n{w} sure = (magnitude{w}(error - r * unit) >= 2.0 * MARGIN * r * unit) & (r >= LIMIT_LOW) & (r <= LIMIT_HIGH);
    sure = (sure & ~lone_bit{w}(r)) | ((error == 0.0) & (r <= LIMIT_HIGH) & ((r >= LIMIT_LOW) | (x == 0.0)));
    return __builtin_expect(any{w}(~sure), 0) ? powers{w}(x, 0.5, r, ~sure) : r;
}}
/* x / y by the reciprocal of y, corrected twice (Markstein, 1990); only where nothing can overflow or lose bits on the way. */
INLINE v{w} quotient{w}(v{w} x, double y, double reciprocal)
{{
    v{w} size = magnitude{w}(x), ys = all{w}(y), r = all{w}(reciprocal);
    n{w} plain = (size < 1e300) & ((size > 1e-200) | (x == 0.0));
    if (__builtin_expect(!(y > 1e-50 && y < 1e50) || any{w}(~plain), 0)) return x / y;
    v{w} q = x * r;
    q = fused{w}(fused{w}(-q, ys, x), r, q);
    return fused{w}(fused{w}(-q, ys, x), r, q);
}}
"""

PRELUDE = _HEAD + "".join(
    _WIDTH.format(
        w=width,
        bytes=8 * width,
        xs=", ".join(["x"] * width),
        ys=", ".join(["y"] * width),
        numbers=", ".join(map(str, range(width))),
    )
    for width in (2, 4, 8)
)
