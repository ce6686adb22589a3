#if defined(__AVX512F__) && defined(__AVX512DQ__)
#if HAS(__builtin_ia32_vfmaddpd512_mask) && HAS(__builtin_ia32_cvtq2mask512) && HAS(__builtin_ia32_sqrtpd512_mask)
INLINE v8 fused8(v8 a, v8 b, v8 c) { return __builtin_ia32_vfmaddpd512_mask(a, b, c, 255, 4); }
INLINE int signs8(n8 x) { return (unsigned char)__builtin_ia32_cvtq2mask512(x); }
INLINE v8 square_root8(v8 x) { return __builtin_ia32_sqrtpd512_mask(x, x, -1, 4); }
#define LOOKUP(table, place) __builtin_shuffle(load8(table), load8((table) + 8), place)
#else
#include <immintrin.h>
INLINE v8 fused8(v8 a, v8 b, v8 c) { return (v8)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c); }
INLINE int signs8(n8 x) { return _mm512_movepi64_mask((__m512i)x); }
INLINE v8 square_root8(v8 x) { return (v8)_mm512_sqrt_pd((__m512d)x); }
#define LOOKUP(table, place) \
    (v8)_mm512_permutex2var_pd(_mm512_loadu_pd(table), (__m512i)(place), _mm512_loadu_pd((table) + 8))
#endif
#else
${special}#endif
