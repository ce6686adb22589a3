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
