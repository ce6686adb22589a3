#if defined(__AVX512F__) && defined(__AVX512DQ__)
/* Comparisons give bits, the first lane's the lowest, and only those of `lanes`. The estimates err by less
   than 2^-14; that of a root is zero in other lanes than `lanes`. What is capped stays no number where it is none. */
#define MASKS8
#if HAS(__builtin_ia32_vfmaddpd512_mask) && HAS(__builtin_ia32_cvtq2mask512) && HAS(__builtin_ia32_sqrtpd512_mask) && \
    HAS(__builtin_ia32_cmppd512_mask) && HAS(__builtin_ia32_ucmpq512_mask) && HAS(__builtin_ia32_rcp14pd512_mask) && \
    HAS(__builtin_ia32_rsqrt14pd512_mask) && HAS(__builtin_ia32_minpd512_mask)
INLINE v8 fused8(v8 a, v8 b, v8 c) { return __builtin_ia32_vfmaddpd512_mask(a, b, c, 255, 4); }
INLINE int signs8(n8 x) { return (unsigned char)__builtin_ia32_cvtq2mask512(x); }
INLINE v8 square_root8(v8 x) { return __builtin_ia32_sqrtpd512_mask(x, x, -1, 4); }
INLINE int unlike8(v8 a, v8 b) { return (unsigned char)__builtin_ia32_cmppd512_mask(a, b, 4, 255, 4); }
INLINE int exceed8(v8 a, v8 b, int lanes) { return (unsigned char)__builtin_ia32_cmppd512_mask(a, b, 6, (unsigned char)lanes, 4); }
INLINE int above8(n8 a, n8 b, int lanes) { return (unsigned char)__builtin_ia32_ucmpq512_mask(a, b, 6, (unsigned char)lanes); }
INLINE v8 capped8(v8 x, v8 most) { return __builtin_ia32_minpd512_mask(most, x, x, 255, 4); }
INLINE v8 near_reciprocal8(v8 x) { return __builtin_ia32_rcp14pd512_mask(x, x, 255); }
INLINE v8 near_reciprocal_root8(v8 x, int lanes)
{
    const v8 none = {0.0};
    return __builtin_ia32_rsqrt14pd512_mask(x, none, (unsigned char)lanes);
}
#define LOOKUP(table, place) __builtin_shuffle(load8(table), load8((table) + 8), place)
#else
#include <immintrin.h>
INLINE v8 fused8(v8 a, v8 b, v8 c) { return (v8)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c); }
INLINE int signs8(n8 x) { return _mm512_movepi64_mask((__m512i)x); }
INLINE v8 square_root8(v8 x) { return (v8)_mm512_sqrt_pd((__m512d)x); }
INLINE int unlike8(v8 a, v8 b) { return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, 4); }
INLINE int exceed8(v8 a, v8 b, int lanes) { return _mm512_mask_cmp_pd_mask((__mmask8)lanes, (__m512d)a, (__m512d)b, 6); }
INLINE int above8(n8 a, n8 b, int lanes) { return _mm512_mask_cmp_epu64_mask((__mmask8)lanes, (__m512i)a, (__m512i)b, 6); }
INLINE v8 capped8(v8 x, v8 most) { return (v8)_mm512_min_pd((__m512d)most, (__m512d)x); }
INLINE v8 near_reciprocal8(v8 x) { return (v8)_mm512_rcp14_pd((__m512d)x); }
INLINE v8 near_reciprocal_root8(v8 x, int lanes) { return (v8)_mm512_maskz_rsqrt14_pd((__mmask8)lanes, (__m512d)x); }
#define LOOKUP(table, place) \
    (v8)_mm512_permutex2var_pd(_mm512_loadu_pd(table), (__m512i)(place), _mm512_loadu_pd((table) + 8))
#endif
#else
${special}#endif
/* The first lanes of a vector, `count` or all if there are fewer; the others are one, of which no function is in doubt. */
#if defined(__AVX512F__) && HAS(__builtin_ia32_loadupd512_mask) && HAS(__builtin_ia32_storeupd512_mask)
INLINE unsigned char first8(long count)
{
    const long most = count < 8 ? count : 8; /* no branches, so that GCC finds equal masks, and computes one */
    return (unsigned char)((1 << (most > 0 ? most : 0)) - 1);
}
INLINE v8 load_part8(const double *p, long count) { return __builtin_ia32_loadupd512_mask(p, all8(1.0), first8(count)); }
INLINE void store_part8(double *p, v8 x, long count) { __builtin_ia32_storeupd512_mask(p, x, first8(count)); }
#else
INLINE v8 load_part8(const double *p, long count)
{
    v8 r = all8(1.0);
    memcpy(&r, p, (size_t)(count < 8 ? count : 8) * sizeof(double));
    return r;
}
INLINE void store_part8(double *p, v8 x, long count)
{
    memcpy(p, &x, (size_t)(count < 8 ? count > 0 ? count : 0 : 8) * sizeof(double));
}
#endif
