#include <math.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { WIDTH = 8 };
#elif defined(__AVX__)
enum { WIDTH = 4 };
#else
enum { WIDTH = 2 };
#endif
typedef double vector __attribute__((vector_size(8 * WIDTH)));

static double sum(vector x)
{
    double total = 0.0;
    for (int i = 0; i < WIDTH; i++) total += x[i];
    return total;
}

int roof_width(void) { return WIDTH; }

/* Twelve chains that do not wait for each other: more than the pipelines of today's processors hold, and few enough for
   the registers. Each turn multiplies and adds in each lane of each. */
#define CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define BEGIN(i) vector x##i = (vector){0} + (double)i;
#define TURN(i) x##i = x##i * y + z;
#define END(i) total += sum(x##i);

double roof_separate(long turns, double factor, double term)
{
    vector y = (vector){0} + factor, z = (vector){0} + term;
    double total = 0.0;
    CHAINS(BEGIN)
    for (long turn = 0; turn < turns; turn++) { CHAINS(TURN) }
    CHAINS(END)
    return total;
}

/* Reciprocals and roots, which the unit that divides computes one after the other. */
#if defined(__AVX512F__)
#define ROOT(x) (vector)_mm512_sqrt_pd((__m512d)(x))
#elif defined(__AVX__)
#define ROOT(x) (vector)_mm256_sqrt_pd((__m256d)(x))
#elif defined(__SSE2__)
#define ROOT(x) (vector)_mm_sqrt_pd((__m128d)(x))
#else
static vector root(vector x)
{
    for (int i = 0; i < WIDTH; i++) x[i] = __builtin_sqrt(x[i]);
    return x;
}
#define ROOT(x) root(x)
#endif
#define DIVIDE(i) x##i = y / x##i;
#define TAKE_ROOT(i) x##i = ROOT(x##i);
#define BEGIN_ABOVE(i) vector x##i = y + (double)i;
double roof_divisions_div(long turns, double one)
{
    vector y = (vector){0} + one;
    double total = 0.0;
    CHAINS(BEGIN_ABOVE)
    for (long turn = 0; turn < turns; turn++) { CHAINS(DIVIDE) }
    CHAINS(END)
    return total;
}
double roof_divisions_root(long turns, double one)
{
    vector y = (vector){0} + one;
    double total = 0.0;
    CHAINS(BEGIN_ABOVE)
    for (long turn = 0; turn < turns; turn++) { CHAINS(TAKE_ROOT) }
    CHAINS(END)
    return total;
}

#if defined(__clang__)
#define FUSE
#define FUSE_INSIDE _Pragma("clang fp contract(fast)")
#else
#define FUSE __attribute__((optimize("fp-contract=fast")))
#define FUSE_INSIDE
#endif
FUSE double roof_fused(long turns, double factor, double term)
{
    FUSE_INSIDE
    vector y = (vector){0} + factor, z = (vector){0} + term;
    double total = 0.0;
    CHAINS(BEGIN)
    for (long turn = 0; turn < turns; turn++) { CHAINS(TURN) }
    CHAINS(END)
    return total;
}

/* The triad of STREAM, `turns` times over three arrays of `size` vectors each, one behind the other. */
void roof_triad(vector *memory, long size, long turns, double factor)
{
    vector *a = memory, *b = memory + size, *c = memory + 2 * size;
    for (long turn = 0; turn < turns; turn++) {
        for (long i = 0; i < size; i += 4) {
            a[i] = b[i] + factor * c[i];
            a[i + 1] = b[i + 1] + factor * c[i + 1];
            a[i + 2] = b[i + 2] + factor * c[i + 2];
            a[i + 3] = b[i + 3] + factor * c[i + 3];
        }
        /* What the last turn wrote, the next one reads: none can be left out. */
        vector *next = a;
        a = b;
        b = c;
        c = next;
    }
}
