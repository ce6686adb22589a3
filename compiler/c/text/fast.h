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

/* Numbers below the smallest normal one count as zero while an optimiser runs: some processors take a hundred cycles for
   each, and moments become such where there is no gradient. */
typedef unsigned long tiny_mode;
#if defined(__SSE2__)
static UNUSED tiny_mode flush_tiny(void)
{
    const unsigned mode = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(mode | 0x8040);
    return mode;
}
static UNUSED void restore_tiny(tiny_mode mode) { __builtin_ia32_ldmxcsr((unsigned)mode); }
#elif defined(__aarch64__)
static UNUSED tiny_mode flush_tiny(void)
{
    tiny_mode mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"(mode | 1ul << 24));
    return mode;
}
static UNUSED void restore_tiny(tiny_mode mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }
#else
static UNUSED tiny_mode flush_tiny(void) { return 0; }
static UNUSED void restore_tiny(tiny_mode mode) { (void)mode; }
#endif
