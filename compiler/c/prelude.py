"""The beginning of every C file: vectors, and the operations of `ops` on them.

Vectors are the C compiler's own. A vector that the processor does not have would be taken to pieces in memory, so the
widest is the processor's.
"""

from .guards import GUARDS
from .prelude_powers import powers

__all__ = ["VECTOR_WIDTHS", "prelude"]

# Doubles in the widest vector, as far as the generated code can use them: SSE and NEON, AVX, AVX-512.
VECTOR_WIDTHS = (2, 4, 8)

_HEAD = """\
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi" /* vectors only travel between functions of this file */
#pragma GCC optimize ("no-ivopts") /* GCC 12 lost stores by it */
#endif
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#if defined(__GNUC__) && !defined(__clang__)
#define UNROLL _Pragma("GCC unroll 16")
#else
#define UNROLL
#endif
#if defined(__has_builtin) && !defined(__clang__)
#define HAS(builtin) __has_builtin(builtin)
#else
#define HAS(builtin) 0
#endif
#define INLINE static inline __attribute__((always_inline))
/* A kernel that is called once is not inlined: GCC takes half as long for many small functions as for one long one. */
#define KERNEL static __attribute__((noinline)) void

INLINE double rectify1(double x) { return x > 0.0 ? x : 0.0; }
INLINE double positive1(double x) { return x > 0.0 ? 1.0 : 0.0; }
INLINE double larger1(double a, double b) { return b > a ? b : a; }
INLINE double smaller1(double a, double b) { return b < a ? b : a; }
/* As arithmetic.py has them. */
INLINE double sigmoid1(double x) { const double y = exp(-fabs(x)); return (x >= 0.0 ? 1.0 : y) / (1.0 + y); }
INLINE double softplus1(double x) { return rectify1(x) + log1p(exp(-fabs(x))); }
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
INLINE v{w} blend{w}(n{w} flag, v{w} a, v{w} b) {{ return (v{w})((flag & (n{w})a) | (~flag & (n{w})b)); }}
INLINE v{w} rectify{w}(v{w} x) {{ return keep{w}(x > 0.0, x); }}
INLINE v{w} positive{w}(v{w} x) {{ return keep{w}(x > 0.0, all{w}(1.0)); }}
INLINE v{w} larger{w}(v{w} a, v{w} b) {{ return blend{w}(b > a, b, a); }}
INLINE v{w} smaller{w}(v{w} a, v{w} b) {{ return blend{w}(b < a, b, a); }}
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

# The same, where the compiler does not see that one instruction does it: by width, the condition, the text for a
# compiler that has certain builtins, these, and the text for others. GCC reads immintrin.h for 0.2 s or more.
_INSTRUCTIONS = {
    4: (
        "defined(__AVX2__) && defined(__FMA__)",
        """\
INLINE v4 fused4(v4 a, v4 b, v4 c) { return __builtin_ia32_vfmaddpd256(a, b, c); }
INLINE int signs4(n4 x) { return __builtin_ia32_movmskpd256((v4)x); }
INLINE v4 square_root4(v4 x) { return __builtin_ia32_sqrtpd256(x); }
""",
        ("vfmaddpd256", "movmskpd256", "sqrtpd256"),
        """\
INLINE v4 fused4(v4 a, v4 b, v4 c) { return (v4)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c); }
INLINE int signs4(n4 x) { return _mm256_movemask_pd((__m256d)x); }
INLINE v4 square_root4(v4 x) { return (v4)_mm256_sqrt_pd((__m256d)x); }
""",
    ),
    8: (
        "defined(__AVX512F__) && defined(__AVX512DQ__)",
        """\
INLINE v8 fused8(v8 a, v8 b, v8 c) { return __builtin_ia32_vfmaddpd512_mask(a, b, c, 255, 4); }
INLINE int signs8(n8 x) { return (unsigned char)__builtin_ia32_cvtq2mask512(x); }
INLINE v8 square_root8(v8 x) { return __builtin_ia32_sqrtpd512_mask(x, x, -1, 4); }
""",
        ("vfmaddpd512_mask", "cvtq2mask512", "sqrtpd512_mask"),
        """\
INLINE v8 fused8(v8 a, v8 b, v8 c) { return (v8)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c); }
INLINE int signs8(n8 x) { return _mm512_movepi64_mask((__m512i)x); }
INLINE v8 square_root8(v8 x) { return (v8)_mm512_sqrt_pd((__m512d)x); }
""",
    ),
}

_TRANSPOSE = """
/* Copies a matrix of `rows` rows and `columns` columns, so that its columns are the copy's rows. */
static __attribute__((noinline)) void transpose(
    double *to, long to_row, const double *from, long from_row, long rows, long columns)
{{
    long done = 0;
{tiles}    for (long i = done; i < rows; i++)
        for (long j = 0; j < columns; j++) to[j * to_row + i] = from[i * from_row + j];
}}
"""

# Tiles as wide and as high as a vector; in each step, pairs of vectors exchange halves.
_TILES = {
    4: """\
            v4 x[4], y[4];
            for (int k = 0; k < 4; k++) x[k] = load4(from + (i + k) * from_row + j);
            for (int k = 0; k < 4; k += 2) {
                y[k] = SHUFFLE(x[k], x[k + 1], 0, 4, 2, 6);
                y[k + 1] = SHUFFLE(x[k], x[k + 1], 1, 5, 3, 7);
            }
            for (int k = 0; k < 2; k++) {
                store4(to + (j + k) * to_row + i, SHUFFLE(y[k], y[k + 2], 0, 1, 4, 5));
                store4(to + (j + k + 2) * to_row + i, SHUFFLE(y[k], y[k + 2], 2, 3, 6, 7));
            }
""",
    8: """\
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
""",
}

_SHUFFLE = """
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#endif
#endif
"""

_TILED = """\
#ifdef SHUFFLE
    done = rows - rows % {w};
    for (long i = 0; i < done; i += {w}) {{
        for (long j = 0; j < columns - columns % {w}; j += {w}) {{
{tile}        }}
        for (long j = columns - columns % {w}; j < columns; j++)
            for (int k = 0; k < {w}; k++) to[j * to_row + i + k] = from[(i + k) * from_row + j];
    }}
#endif
"""


def prelude(vector_width: int) -> str:
    """The text.

    Args:
        vector_width: doubles in the widest vector, one of `VECTOR_WIDTHS`.
    """
    vectors = "".join(_vectors(width) for width in VECTOR_WIDTHS if width <= vector_width)
    tile = _TILES.get(vector_width)
    tiles = _TILED.format(w=vector_width, tile=tile) if tile else ""
    head = f"{GUARDS}\n{_HEAD}"
    return head + vectors + powers(vector_width) + _SHUFFLE * bool(tile) + _TRANSPOSE.format(tiles=tiles)


def _vectors(width: int) -> str:
    special = _SPECIAL.format(w=width)
    if width in _INSTRUCTIONS:
        condition, known, builtins, other = _INSTRUCTIONS[width]
        has = " && ".join(f"HAS(__builtin_ia32_{name})" for name in builtins)
        other = f"#include <immintrin.h>\n{other}"
        special = f"#if {condition}\n#if {has}\n{known}#else\n{other}#endif\n#else\n{special}#endif\n"
    return _WIDTH.format(
        special=special,
        w=width,
        bytes=8 * width,
        xs=", ".join(["x"] * width),
        ys=", ".join(["y"] * width),
        numbers=", ".join(map(str, range(width))),
    )
