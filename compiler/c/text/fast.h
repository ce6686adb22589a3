/* The results are fast, not exact: products and sums are fused, and functions are computed in vectors. Infinities and NaN
   are what they are elsewhere, so nothing here assumes that there are none. */
#if !defined(__GNUC__) || defined(__TINYC__)
#error "microgpt: this file needs GCC or Clang, whose vectors it uses"
#endif
#if defined(__clang__)
#pragma clang fp contract(fast)
#else
/* Nobody reads errno, the floating-point flags or the sign of a zero. */
#pragma GCC optimize ("fp-contract=fast", "no-math-errno", "no-trapping-math", "no-signed-zeros")
#pragma GCC optimize ("reciprocal-math", "no-tree-slp-vectorize", "no-tree-loop-vectorize")
#endif

#include <float.h>
#include <math.h>
#include <string.h>

#define UNUSED __attribute__((unused))
