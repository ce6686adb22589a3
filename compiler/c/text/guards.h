/* The results are exact, whatever flags this is compiled with: what would change them is switched off or refused. */
#if defined(__cplusplus) ? __cplusplus < 201103L : !defined(__STDC_VERSION__) || __STDC_VERSION__ < 199901L
#error "microgpt: this file needs C99 or C++11 or later, for example -std=c99, -std=gnu11 or -std=c++14"
${compilers}#endif
#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || \
    (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "microgpt: these flags change results; leave out -Ofast, -ffast-math and what they include"
#endif
#if defined(__clang__)
#pragma float_control(precise, on)
#pragma STDC FP_CONTRACT OFF
#elif !defined(__GNUC__) || defined(__TINYC__)
#pragma STDC FP_CONTRACT OFF
#else
/* GCC ignores STDC FP_CONTRACT. Nobody reads errno or the floating-point flags. Its vectoriser makes a fused
   multiply-add of neighbours such as a*b - c and d*e + f even so, and finds nothing: what can be vectors is. */
#pragma GCC optimize ("fp-contract=off", "no-math-errno", "no-trapping-math")
#pragma GCC optimize ("no-tree-slp-vectorize", "no-tree-loop-vectorize")
#endif

#include <float.h>
#include <math.h>
#include <string.h>

#if FLT_EVAL_METHOD < 0 || FLT_EVAL_METHOD == 2
#error "microgpt: double must be computed as double; on x86, with -msse2 -mfpmath=sse"
#endif
typedef char constants_are_doubles[sizeof 1.0 == sizeof(double) ? 1 : -1]; /* not with -fsingle-precision-constant */

#if defined(__GNUC__)
#define UNUSED __attribute__((unused))
#else
#define UNUSED
#define __extension__
#endif
