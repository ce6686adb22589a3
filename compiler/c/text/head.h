#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wpsabi" /* vectors only travel between functions of this file */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-const-variable"
#endif
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize ("no-ivopts") /* GCC 12 lost stores by it */
#endif
/* By four: written out in full, a library takes GCC a quarter longer, and steps take as long. */
#if defined(__GNUC__) && !defined(__clang__)
#define UNROLL _Pragma("GCC unroll 4")
#else
#define UNROLL
#endif
#if defined(__has_builtin) && !defined(__clang__)
#define HAS(builtin) __has_builtin(builtin)
#else
#define HAS(builtin) 0
#endif
/* Keep a vector in a register, where there are such: GCC would read it from memory again wherever it can. */
#if defined(__GNUC__) && defined(__SSE2__)
#define HELD2(x) __asm__("" : "+x"(x))
#elif defined(__GNUC__) && defined(__aarch64__)
#define HELD2(x) __asm__("" : "+w"(x))
#else
#define HELD2(x) (void)0
#endif
#if defined(__GNUC__) && defined(__AVX__)
#define HELD4(x) __asm__("" : "+x"(x))
#else
#define HELD4(x) (void)0
#endif
#if defined(__GNUC__) && defined(__AVX512F__)
#define HELD8(x) __asm__("" : "+v"(x))
#else
#define HELD8(x) (void)0
#endif
/* Gives a pointer a register of its own, so that GCC does not see that another one reads the same. */
#if defined(__GNUC__) && defined(__AVX512F__)
#define APART(p) __asm__("" : "+r"(p))
#else
#define APART(p) (void)0
#endif

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#else
#define INLINE static inline
#define NOINLINE
#endif
#ifndef KERNEL
/* A kernel that is called once is not inlined: GCC takes longer for one long function than for many small ones. */
#define KERNEL static NOINLINE void
#endif

INLINE ${number} rectify1(${number} x) { return x > 0.0${f} ? x : 0.0${f}; }
INLINE ${number} positive1(${number} x) { return x > 0.0${f} ? 1.0${f} : 0.0${f}; }
INLINE ${number} larger1(${number} a, ${number} b) { return b > a ? b : a; }
INLINE ${number} smaller1(${number} a, ${number} b) { return b < a ? b : a; }
/* As arithmetic.py has them. */
INLINE ${number} sigmoid1(${number} x) { const ${number} y = exp(-fabs(x)); return (x >= 0.0${f} ? 1.0${f} : y) / (1.0${f} + y); }
INLINE ${number} softplus1(${number} x) { return rectify1(x) + log1p(exp(-fabs(x))); }
