static unsigned long long state;
static unsigned long long next(void)
{
    unsigned long long z = state += 0x9e3779b97f4a7c15ULL; /* splitmix64 (Steele, Lea and Flood, 2014) */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}
static double even(double least, double most) { return least + (most - least) * ((double)(next() >> 11) * 0x1p-53); }
static double of_size(int least, int most)
{
    const unsigned long long exponent = (unsigned long long)(1023 + least) + next() % (unsigned)(most - least + 1);
    const unsigned long long bits = (next() & 0x800fffffffffffffULL) | exponent << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
/* Ordinary arguments, those of all sizes, and those near 1. */
static double argument(long long i)
{
    return i % 4 < 2 ? even(-20.0, 20.0) : i % 4 == 2 ? of_size(-60, 10) : 1.0 + of_size(-52, -1);
}
/* libm's, whose names are macros here. */
${rules}
/* Writes the inputs to `found` for which libm gives something else, and every thousandth, and the results behind them;
   returns how many these are. */
#define CHECK(name, arity, ours, theirs) \
    long check_##name(unsigned long long seed, long long count, double *found, long most) \
    { \
        long kept = 0; \
        state = seed; \
        for (long long i = 0; i < count && kept < most; i++) { \
            const double x = arity > 1 ? fabs(argument(i)) : argument(i), y = arity > 1 ? argument(next() >> 3) : 0.0; \
            const double result = ours, other = theirs; \
            if (i % 1000 && (result == other || (result != result && other != other))) continue; \
            found[3 * kept] = x; \
            found[3 * kept + 1] = y; \
            found[3 * kept++ + 2] = result; \
        } \
        return kept; \
    }
${checks}
