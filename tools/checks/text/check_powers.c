#undef pow /* what is checked calls it pow1 */
#define pow(x, y) (*(type_of_pow *const volatile *)&libm_pow)(x, y)
/* A dividend whose quotient by y lies as near to a midpoint of two doubles as any does, by a small odd n. Where A and B
   are the fractions as whole numbers, 2^53 * A - (2 * M + 1) * B is n, or 2^54 * A. Makes y's fraction odd. */
INLINE double beside_midpoint(double *y, long long n)
{
    union { unsigned long long n; double d; } u;
    u.d = *y;
    u.n |= 1;
    *y = u.d;
    const unsigned long long b = (u.n & 0xfffffffffffffULL) | 1ULL << 52;
    unsigned long long inverse = b;
    for (int i = 0; i < 6; i++) inverse *= 2 - b * inverse;
    unsigned long long odd = -(unsigned long long)n * inverse;
    const unsigned long long whole = (odd & ((1ULL << 53) - 1)) | 1ULL << 53;
    unsigned __int128 product = (unsigned __int128)whole * b + (unsigned __int128)(__int128)n;
    if (product >> 53 < 1ULL << 53) return (double)(unsigned long long)(product >> 53);
    product = (unsigned __int128)(odd & ((1ULL << 54) - 1)) * b + (unsigned __int128)(__int128)n;
    return (double)(unsigned long long)(product >> 54);
}
/* Wrong results, inputs near a boundary, inputs left to pow(), and the farthest at which pow() differs,
   relative to the power, in 2^-53. */
typedef struct { long long wrong, near, unsure; double farthest; } findings;

/* Of x, r is the power, residue what it is off by, boundary what half a unit of r is worth there, and whole what r itself
   is. Where `single` holds, pow() of one number is tried, too. What follows are further arguments of the vector form. */
#define CHECK(name, exponent, argument, residue, boundary, whole, single, ...) \
    findings check_##name(long long rounds, unsigned long long seed, int spread) \
    { \
        findings f = {0, 0, 0, 0.0}; \
        state = seed; \
        for (long long i = 0; i < rounds; i++) { \
            VECTOR(v) x; \
            int doubts; \
            for (int k = 0; k < WIDTH; k++) x[k] = argument; \
            VECTOR(v) r = VECTOR(name)(x, &doubts __VA_ARGS__), size = VECTOR(magnitude)(r); \
            VECTOR(v) error = VECTOR(magnitude)(residue), half = VECTOR(half_unit)(size); \
            VECTOR(v) distance = VECTOR(magnitude)(error - (boundary)) / ((whole) * 0x1p-53); \
            const int other = VECTOR(outside)(size, LEAST, MOST); /* sizes that are left to pow() */ \
            for (int k = 0; k < WIDTH; k++) { \
                f.unsure += doubts >> k & 1; \
                if (!(doubts >> k & 1) && distance[k] > 0.05) continue; \
                f.near++; \
                if (single) f.wrong += pow1(x[k], exponent) != pow(x[k], exponent); \
                if (pow(x[k], exponent) == r[k]) continue; \
                f.wrong += !(doubts >> k & 1); \
                if (distance[k] > f.farthest && !(other >> k & 1)) f.farthest = distance[k]; \
            } \
        } \
        return f; \
    }
#define NUMBER of_size(-spread, spread)
#define ONE VECTOR(all)(1.0)
CHECK(square, 2.0, NUMBER, VECTOR(fused)(x, x, -r), half, size, 0, )
CHECK(root, 0.5, fabs(NUMBER), VECTOR(fused)(-r, r, x), 2.0 * r * half, 2.0 * r * r, 0, , WIDTH * (i & 1))
CHECK(inverse, -1.0, NUMBER, r * VECTOR(fused)(-r, x, ONE), half, size, 1, )
CHECK(inverse_root, -0.5, fabs(NUMBER),
    r * 0.5 * (VECTOR(fused)(-(r * r), x, ONE) - VECTOR(fused)(r, r, -(r * r)) * x), half, size, 1, )

/* Powers whose distance from a boundary is not measured: all are compared. */
#define CHECK_ALL(name, exponent, argument) \
    findings check_##name(long long rounds, unsigned long long seed, int spread) \
    { \
        findings f = {0, 0, 0, 0.0}; \
        state = seed; \
        for (long long i = 0; i < rounds; i++) { \
            VECTOR(v) x; \
            int doubts; \
            for (int k = 0; k < WIDTH; k++) x[k] = argument; \
            const VECTOR(v) r = VECTOR(name)(x, &doubts); \
            for (int k = 0; k < WIDTH; k++) { \
                f.near++; \
                f.unsure += doubts >> k & 1; \
                f.wrong += !(doubts >> k & 1) && pow(x[k], exponent) != r[k]; \
            } \
        } \
        return f; \
    }
CHECK_ALL(inverse_square, -2.0, NUMBER)
CHECK_ALL(inverse_root_cube, -1.5, fabs(NUMBER))

/* Whether what pow() gives lies between the two numbers, unless one is none; where they differ, they leave that unsure. So
   many vectors are enclosed at once. */
#define CHECK_ENCLOSED(name, exponent, argument, count, enclose) \
    findings check_enclosed_##name(long long rounds, unsigned long long seed, int spread) \
    { \
        findings f = {0, 0, 0, 0.0}; \
        state = seed; \
        for (long long i = 0; i < rounds; i += count) { \
            VECTOR(v) x[count], low[count], high[count]; \
            for (int k = 0; k < WIDTH * count; k++) x[k / WIDTH][k % WIDTH] = argument; \
            enclose; \
            for (int k = 0; k < WIDTH * count; k++) { \
                const double one = low[k / WIDTH][k % WIDTH], other = high[k / WIDTH][k % WIDTH]; \
                const double r = pow(x[k / WIDTH][k % WIDTH], exponent); \
                f.near++; \
                f.unsure += one != other; \
                f.wrong += one == one && other == other && !(fmin(one, other) <= r && r <= fmax(one, other)); \
            } \
        } \
        return f; \
    }
CHECK_ENCLOSED(square, 2.0, NUMBER, 1, high[0] = VECTOR(enclosed_square)(x[0], low))
CHECK_ENCLOSED(root, 0.5, fabs(NUMBER), SEVERAL, VECTOR(enclosed_roots)(x, high, low))

findings check_quotient(long long rounds, unsigned long long seed, int spread)
{
    findings f = {0, 0, 0, 0.0};
    state = seed;
    for (long long i = 0; i < rounds; i++) {
        VECTOR(v) x;
        double y = of_size(i & 2 ? -1 : -spread, i & 2 ? 1 : spread);
        const double one = beside_midpoint(&y, 1), other = beside_midpoint(&y, -1);
        divisor d = i & 4 ? divisor_of(y) : frequent_divisor(y);
        for (int k = 0; k < WIDTH; k++) x[k] = of_size(-spread, spread);
        if (i & 1) {
            /* Next to a midpoint: (q + half a unit) * y, rounded, for a random quotient q. */
            for (int k = 0; k < WIDTH; k++) {
                double q = x[k], half = VECTOR(half_unit)(VECTOR(all)(fabs(q)))[0];
                x[k] = __builtin_fma(q, y, half * y);
            }
        } else {
            x[0] = one;
            x[1] = other;
        }
        VECTOR(v) r = VECTOR(quotient)(x, d);
        for (int k = 0; k < WIDTH; k++) { f.near++; f.wrong += r[k] != x[k] / y; }
    }
    return f;
}

findings check_ratio(long long rounds, unsigned long long seed, int spread)
{
    findings f = {0, 0, 0, 0.0};
    state = seed;
    for (long long i = 0; i < rounds; i++) {
        VECTOR(v) x, y;
        for (int k = 0; k < WIDTH; k++) {
            x[k] = of_size(-spread, spread);
            y[k] = fabs(of_size(i & 2 ? -1 : -spread, i & 2 ? 1 : spread));
            /* Every other divisor is close below a power of two, where the reciprocal is hardest. */
            if (k & 1) y[k] = 1.0 - (double)(next() >> (11 + next() % 53)) * 0x1p-53;
            if (i & 1) {
                const long long n = (long long)(next() % 16) * 2 - 15;
                double divisor = y[k];
                x[k] = beside_midpoint(&divisor, n);
                y[k] = divisor;
            }
        }
        VECTOR(v) r = VECTOR(ratio)(x, y, 0);
        for (int k = 0; k < WIDTH; k++) { f.near++; f.wrong += r[k] != x[k] / y[k]; }
    }
    return f;
}
