#if defined(__AVX512F__) && defined(__AVX512DQ__)
INLINE v8 fused8(v8 a, v8 b, v8 c) { return (v8)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c); }
INLINE int signs8(n8 x) { return _mm512_movepi64_mask((__m512i)x); }
INLINE v8 square_root8(v8 x) { return (v8)_mm512_sqrt_pd((__m512d)x); }
#else
${special}#endif
