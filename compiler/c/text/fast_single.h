/* Vectors of single precision are half as long. */
#undef HELD2
#undef HELD4
#undef HELD8
#define HELD2(x) (void)0
#if defined(__GNUC__) && defined(__SSE2__)
#define HELD4(x) __asm__("" : "+x"(x))
#elif defined(__GNUC__) && defined(__aarch64__)
#define HELD4(x) __asm__("" : "+w"(x))
#else
#define HELD4(x) (void)0
#endif
#if defined(__GNUC__) && defined(__AVX__)
#define HELD8(x) __asm__("" : "+x"(x))
#else
#define HELD8(x) (void)0
#endif
#if defined(__GNUC__) && defined(__AVX512F__)
#define HELD16(x) __asm__("" : "+v"(x))
#else
#define HELD16(x) (void)0
#endif
