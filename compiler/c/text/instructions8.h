#if defined(__AVX512F__) && defined(__AVX512DQ__)
#if HAS(__builtin_ia32_vfmaddpd512_mask) && HAS(__builtin_ia32_cvtq2mask512) && HAS(__builtin_ia32_sqrtpd512_mask)
INLINE v8 fused8(v8 a, v8 b, v8 c) { return __builtin_ia32_vfmaddpd512_mask(a, b, c, 255, 4); }
INLINE int signs8(n8 x) { return (unsigned char)__builtin_ia32_cvtq2mask512(x); }
INLINE v8 square_root8(v8 x) { return __builtin_ia32_sqrtpd512_mask(x, x, -1, 4); }
#else
#include <immintrin.h>
INLINE v8 fused8(v8 a, v8 b, v8 c) { return (v8)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c); }
INLINE int signs8(n8 x) { return _mm512_movepi64_mask((__m512i)x); }
INLINE v8 square_root8(v8 x) { return (v8)_mm512_sqrt_pd((__m512d)x); }
#endif
#else
${special}#endif
