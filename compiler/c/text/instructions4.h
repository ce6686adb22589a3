#if defined(__AVX2__) && defined(__FMA__)
INLINE v4 fused4(v4 a, v4 b, v4 c) { return (v4)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c); }
INLINE int signs4(n4 x) { return _mm256_movemask_pd((__m256d)x); }
INLINE v4 square_root4(v4 x) { return (v4)_mm256_sqrt_pd((__m256d)x); }
#else
${special}#endif
