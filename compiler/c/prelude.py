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

/* How far from a rounding boundary, in units in the last place, an exact power must lie for pow() to round it as one
   correctly rounded operation does. glibc (e_pow.c) states its error before the final rounding: 0.011 for the
   exponential, plus that of the logarithm, 1.5 * 2^-68 * 2^53 * |ln(result)|, without FMA; with FMA both are less.
   In a billion inputs near boundaries pow() was seen to differ up to 0.0089 units away. */
#define MARGIN_NEAR 0.0125 /* for results from 2^-46 to 2^46 */
#define MARGIN 0.02 /* for results from 2^-270 to 2^270; beyond, pow() is called */
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
{special}/* Whether a power of two stands in x, or nothing. */
INLINE n{w} lone_bit{w}(v{w} x) {{ return ((n{w})x & 0xfffffffffffffLL) == 0; }}
INLINE v{w} binade{w}(v{w} x) {{ return (v{w})((n{w})x & 0x7ff0000000000000LL); }}
{flags}/* Guesses pow(x, 2), and tells the lanes in which pow() might give another number. The product's rounding error
   is exact by one fused operation; only near half a unit does pow() have a say. */
INLINE v{w} square{w}(v{w} x, f{w} *unsure)
{{
    v{w} r = x * x, error = magnitude{w}(fused{w}(x, x, -r)), unit = binade{w}(r) * 0x1p-52;
    *unsure = unsure{w}(r, 0.5 * unit - error, unit, error, x);
    return r;
}}
/* Likewise pow(x, 0.5). With r = sqrt(x), the exact root is r + (x - r*r) / (2*r), up to 2^-53 units. */
INLINE v{w} root{w}(v{w} x, f{w} *unsure)
{{
    v{w} r = square_root{w}(x), error = magnitude{w}(fused{w}(-r, r, x)), unit = binade{w}(r) * 0x1p-52;
    *unsure = unsure{w}(r, r * unit - error, 2.0 * r * unit, error, x);
    return r;
}}
/* x / y by the reciprocal of y, corrected twice (Markstein, 1990); only where nothing can overflow or lose bits. */
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

_SPECIAL = """\
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
"""

# The same, where the compiler does not see that one instruction does it.
_SPECIAL_8 = (
    """\
#if defined(__AVX512F__) && defined(__AVX512DQ__)
INLINE v8 fused8(v8 a, v8 b, v8 c) {{ return (v8)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c); }}
INLINE int any8(n8 flag) {{ return _mm512_movepi64_mask((__m512i)flag) != 0; }}
INLINE v8 square_root8(v8 x) {{ return (v8)_mm512_sqrt_pd((__m512d)x); }}
#else
"""
    + _SPECIAL
    + "#endif\n"
)

_FLAGS = """\
typedef n{w} f{w};
/* Appends the lanes where the flag is set, counted from `lane`. The list must have room for all. */
INLINE int note{w}(long long *noted, int count, long long lane, f{w} flag)
{{
    for (int i = 0; i < {w}; i++) {{ noted[count] = lane + i; count += flag[i] != 0; }}
    return count;
}}
INLINE int is_set{w}(f{w} flag, int i) {{ return flag[i] != 0; }}
/* Where pow() might give something else than r: `distance` is how far the exact power lies from a rounding boundary,
   `error` how far from r. Next to a power of two the units on both sides differ: there only exact results are sure. */
INLINE f{w} unsure{w}(v{w} r, v{w} distance, v{w} unit, v{w} error, v{w} x)
{{
    n{w} near = (r >= 0x1p-46) & (r <= 0x1p46), usual = (r >= 0x1p-270) & (r <= 0x1p270);
    v{w} margin = (v{w})((near & (n{w})all{w}(MARGIN_NEAR)) | (~near & (n{w})all{w}(MARGIN)));
    n{w} sure = usual & (distance >= margin * unit) & ~lone_bit{w}(r);
    return ~(sure | ((error == 0.0) & (usual | (x == 0.0))));
}}
"""

# The same with AVX-512's masks.
_FLAGS_8 = (
    """\
#if defined(__AVX512F__) && defined(__AVX512DQ__)
typedef __mmask8 f8;
INLINE int note8(long long *noted, int count, long long lane, f8 flag)
{{
    n8 lanes = lane + (n8){{0, 1, 2, 3, 4, 5, 6, 7}};
    _mm512_storeu_si512(noted + count, _mm512_maskz_compress_epi64(flag, (__m512i)lanes));
    return count + __builtin_popcount(flag);
}}
INLINE int is_set8(f8 flag, int i) {{ return flag >> i & 1; }}
INLINE f8 at_least8(f8 flag, v8 a, v8 b)
{{
    return _mm512_mask_cmp_pd_mask(flag, (__m512d)a, (__m512d)b, _CMP_GE_OQ);
}}
INLINE f8 is_zero8(v8 x) {{ return _mm512_cmp_pd_mask((__m512d)x, _mm512_setzero_pd(), _CMP_EQ_OQ); }}
INLINE f8 unsure8(v8 r, v8 distance, v8 unit, v8 error, v8 x)
{{
    f8 usual = at_least8(at_least8(0xff, r, all8(0x1p-270)), all8(0x1p270), r);
    f8 near = at_least8(at_least8(0xff, r, all8(0x1p-46)), all8(0x1p46), r);
    v8 margin = (v8)_mm512_mask_blend_pd(near, (__m512d)all8(MARGIN), (__m512d)all8(MARGIN_NEAR));
    f8 sure = at_least8(usual, distance, margin * unit);
    sure &= _mm512_test_epi64_mask((__m512i)r, _mm512_set1_epi64(0xfffffffffffffLL));
    return (f8)~(sure | (is_zero8(error) & (usual | is_zero8(x))));
}}
#else
"""
    + _FLAGS
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
                    x[l] = SHUFFLE(y[l], y[l + 2], 0, 1, 8, 9, 4, 5, 12, 13);
                    x[l + 2] = SHUFFLE(y[l], y[l + 2], 2, 3, 10, 11, 6, 7, 14, 15);
                }
            }
            for (int k = 0; k < 4; k++) {
                store8(to + (j + k) * to_row + i, SHUFFLE(x[k], x[k + 4], 0, 1, 2, 3, 8, 9, 10, 11));
                store8(to + (j + k + 4) * to_row + i, SHUFFLE(x[k], x[k + 4], 4, 5, 6, 7, 12, 13, 14, 15));
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
            flags=(_FLAGS_8 if width == 8 else _FLAGS).format(w=width),
            special=(_SPECIAL_8 if width == 8 else _SPECIAL).format(w=width),
            w=width,
            bytes=8 * width,
            xs=", ".join(["x"] * width),
            ys=", ".join(["y"] * width),
            numbers=", ".join(map(str, range(width))),
        )
        for width in (2, 4, 8)
    )
    + _TRANSPOSE
)
