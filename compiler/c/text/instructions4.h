#if defined(__AVX2__) && defined(__FMA__)
#if HAS(__builtin_ia32_vfmaddpd256) && HAS(__builtin_ia32_movmskpd256) && HAS(__builtin_ia32_sqrtpd256)
INLINE v4 fused4(v4 a, v4 b, v4 c) { return __builtin_ia32_vfmaddpd256(a, b, c); }
INLINE int signs4(n4 x) { return __builtin_ia32_movmskpd256((v4)x); }
INLINE v4 square_root4(v4 x) { return __builtin_ia32_sqrtpd256(x); }
#else
#include <immintrin.h>
INLINE v4 fused4(v4 a, v4 b, v4 c) { return (v4)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c); }
INLINE int signs4(n4 x) { return _mm256_movemask_pd((__m256d)x); }
INLINE v4 square_root4(v4 x) { return (v4)_mm256_sqrt_pd((__m256d)x); }
#endif
#else
${special}#endif
