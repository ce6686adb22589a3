/* The ranges of `check_elementary.py`. */
static void inputs(int range, double *x, double *y)
{
    static const double exponents[] = {-0.5, -1.5, -1.0, -2.0, 3.0, 0.5, 1.0 / 3.0, 2.0};
    switch (range) {
        case 0: *x = even(-40.0, 40.0); break;
        case 1: *x = even(-760.0, 760.0); break;
        case 2: *x = of_size(-80, 9); break;
        case 3: *x = even(0.5, 2.0); break;
        case 4: *x = even(0.9, 1.1); break;
        case 5: *x = 1.0 + of_size(-52, -3); break;
        case 6: *x = fabs(of_size(-1022, 1023)); break;
        case 7: *x = fabs(of_size(-8, 8)); *y = exponents[next() % 8]; break;
        case 8: *x = even(0.5, 2.0); *y = even(-50.0, 50.0); break;
        case 9: *x = fabs(of_size(-300, 300)); *y = of_size(-20, 6); break;
        default: *x = 1.0 + of_size(-30, -3); *y = of_size(-3, 12); break;
    }
}

enum { EXP_RANGES = 3, LOG_RANGES = 4 };
/* Results that are not libm's, inputs that the margin leaves to libm, and the farthest from a midpoint at which libm was
   seen to round another way, in parts of the margin. */
typedef struct { long long wrong, unsure; double farthest; } findings;

static double truth(int range, double x, double y)
{
    return range < EXP_RANGES ? exp(x) : range < EXP_RANGES + LOG_RANGES ? log(x) : pow(x, y);
}
static VECTOR(v) computed(int range, VECTOR(v) x, VECTOR(v) y)
{
    if (range < EXP_RANGES) return VECTOR(exponential)(x);
    return range < EXP_RANGES + LOG_RANGES ? VECTOR(logarithm)(x) : VECTOR(power)(x, y);
}
findings check_elementary(int range, long long rounds, unsigned long long seed)
{
    findings f = {0, 0, 0.0};
    state = seed;
    for (long long round = 0; round < rounds; round++) {
        VECTOR(v) x = VECTOR(all)(1.0), y = x;
        for (int i = 0; i < WIDTH; i++) {
            double one = 1.0, other = 1.0;
            inputs(range, &one, &other);
            x[i] = one;
            y[i] = other;
        }
        const VECTOR(v) results = computed(range, x, y);
#ifdef GUESSED
        guess g = range < EXP_RANGES ? guess_exponential(x) :
                  range < EXP_RANGES + LOG_RANGES ? guess_logarithm(x) : guess_power(x, y);
        int doubts;
        rounded(g, &doubts);
        const VECTOR(v) sum = g.sum + g.rest, guessed = (VECTOR(v))((VECTOR(n))sum + g.exponent);
        const VECTOR(v) distances = VECTOR(half_unit)(VECTOR(magnitude)(sum)) - VECTOR(magnitude)((g.sum - sum) + g.rest);
#endif
        for (int i = 0; i < WIDTH; i++) {
            const double expected = truth(range, x[i], y[i]);
            f.wrong += results[i] != expected && (results[i] == results[i] || expected == expected);
#ifdef GUESSED
            if (g.special[i] < 0) continue;
            f.unsure += doubts >> i & 1;
            if (guessed[i] == expected) continue;
            const double part = fabs(distances[i] / g.margin[i]);
            if (part > f.farthest) f.farthest = part;
#endif
        }
    }
    return f;
}
