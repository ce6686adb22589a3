"""The beginning of every C file: vectors, and the operations of `ops` on them."""

from .prelude_powers import POWERS

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
#if defined(__AVX512F__)
#include <immintrin.h>
#endif
#if defined(__GNUC__) && !defined(__clang__)
#define UNROLL _Pragma("GCC unroll 16")
#else
#define UNROLL
#endif
#define INLINE static inline __attribute__((always_inline))

INLINE double rectify1(double x) { return x > 0.0 ? x : 0.0; }
INLINE double positive1(double x) { return x > 0.0 ? 1.0 : 0.0; }
INLINE double larger1(double a, double b) { return b > a ? b : a; }
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
{special}"""

_SPECIAL = """\
INLINE v{w} fused{w}(v{w} a, v{w} b, v{w} c)
{{
    v{w} r;
    for (int i = 0; i < {w}; i++) r[i] = __builtin_fma(a[i], b[i], c[i]);
    return r;
}}
/* The sign bits of all lanes, the first lane's lowest. */
INLINE int signs{w}(n{w} x)
{{
    int r = 0;
    for (int i = 0; i < {w}; i++) r |= (x[i] < 0) << i;
    return r;
}}
INLINE v{w} square_root{w}(v{w} x)
{{
    v{w} r;
    for (int i = 0; i < {w}; i++) r[i] = __builtin_sqrt(x[i]);
    return r;
}}
"""

# The same, where the compiler does not see that one instruction does it.
_SPECIAL_8 = (
    """\
#if defined(__AVX512F__) && defined(__AVX512DQ__)
INLINE v8 fused8(v8 a, v8 b, v8 c) {{ return (v8)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c); }}
INLINE int signs8(n8 x) {{ return _mm512_movepi64_mask((__m512i)x); }}
INLINE v8 square_root8(v8 x) {{ return (v8)_mm512_sqrt_pd((__m512d)x); }}
#else
"""
    + _SPECIAL
    + "#endif\n"
)

_TRANSPOSE = """
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#endif
#endif
/* Copies a matrix of `rows` rows and `columns` columns, so that its columns are the copy's rows. */
static __attribute__((noinline)) void transpose(
    double *to, long to_row, const double *from, long from_row, long rows, long columns)
{
    long done = 0;
#ifdef SHUFFLE
    done = rows - rows % 8;
    for (long i = 0; i < done; i += 8) {
        for (long j = 0; j < columns - columns % 8; j += 8) {
            v8 x[8], y[8];
            for (int k = 0; k < 8; k++) x[k] = load8(from + (i + k) * from_row + j);
            for (int k = 0; k < 8; k += 2) {
                y[k] = SHUFFLE(x[k], x[k + 1], 0, 8, 2, 10, 4, 12, 6, 14);
                y[k + 1] = SHUFFLE(x[k], x[k + 1], 1, 9, 3, 11, 5, 13, 7, 15);
            }
            for (int k = 0; k < 8; k += 4) {
                for (int l = k; l < k + 2; l++) {
                    x[l] = SHUFFLE(y[l], y[l + 2], 0, 1, 4, 5, 8, 9, 12, 13);
                    x[l + 2] = SHUFFLE(y[l], y[l + 2], 2, 3, 6, 7, 10, 11, 14, 15);
                }
            }
            for (int k = 0; k < 4; k++) {
                store8(to + (j + k) * to_row + i, SHUFFLE(x[k], x[k + 4], 0, 1, 4, 5, 8, 9, 12, 13));
                store8(to + (j + k + 4) * to_row + i, SHUFFLE(x[k], x[k + 4], 2, 3, 6, 7, 10, 11, 14, 15));
            }
        }
        for (long j = columns - columns % 8; j < columns; j++)
            for (int k = 0; k < 8; k++) to[j * to_row + i + k] = from[(i + k) * from_row + j];
    }
#endif
    for (long i = done; i < rows; i++)
        for (long j = 0; j < columns; j++) to[j * to_row + i] = from[i * from_row + j];
}
"""

PRELUDE = (
    _HEAD
    + "".join(
        _WIDTH.format(
            special=(_SPECIAL_8 if width == 8 else _SPECIAL).format(w=width),
            w=width,
            bytes=8 * width,
            xs=", ".join(["x"] * width),
            ys=", ".join(["y"] * width),
            numbers=", ".join(map(str, range(width))),
        )
        for width in (2, 4, 8)
    )
    + POWERS
    + _TRANSPOSE
)
