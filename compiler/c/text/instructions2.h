#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
INLINE v2 fused2(v2 a, v2 b, v2 c)
{
    v2 r = {__builtin_fma(a[0], b[0], c[0]), __builtin_fma(a[1], b[1], c[1])};
    return r;
}
INLINE int signs2(n2 x) { return (int)wasm_i64x2_bitmask((v128_t)x); }
INLINE v2 square_root2(v2 x) { return (v2)wasm_f64x2_sqrt((v128_t)x); }
#else
${special}#endif
