/* Arguments of ordinary sizes, from the function's whole range, near 1, near the middles and the ends of what tables have
   rows for, near right angles, and of all sizes; no others below `least`, where the function has no values. */
static double argument(long long i, double least, double most)
{
    double x;
    switch (i % 8) {
        case 0: x = even(-1.0, 1.0) * (most < 20.0 ? most : 20.0); break;
        case 1: x = even(-most, most); break;
        case 2: x = of_size(-60, 10); break;
        case 3: x = 1.0 + of_size(-52, -1); break;
        case 4: x = (double)(long)(next() % 201) / 16.0 + of_size(-60, -5); break;
        case 5: x = (double)(long)(next() >> (44 + next() % 20)) * 1.5707963267948966 + (i % 64 == 5 ? 0.0 : of_size(-20, -3)); break;
        case 6: x = of_size(-8, 3); break;
        default: x = i % 64 == 7 ? of_size(-1023, 1023) : even(-2.0, 2.0);
    }
    return x < least ? -x : x;
}
/* Writes the inputs to `found` that are to be decided, and the results behind them; returns how many these are: every
   thousandth, and those for which the C library's result, with more bits than a double where there are such, is not
   rounded to the same double with 2^-61 of it added or taken away. It errs by less. */
#define CHECK(name, arity, least, most, ours, theirs) \
    long check_##name(unsigned long long seed, long long count, double *found) \
    { \
        long kept = 0; \
        state = seed; \
        for (long long i = 0; i < count; i++) { \
            const double x = argument(i, least, most), y = arity > 1 ? argument((long long)(next() >> 3), -INFINITY, most) : 0.0; \
            const double result = ours; \
            const long double other = theirs, margin = other * 0x1p-61L; \
            if (i % 1000 && result == (double)(other - margin) && result == (double)(other + margin)) continue; \
            if (i % 1000 && result == (double)other && result - result != 0.0) continue; \
            found[3 * kept] = x; \
            found[3 * kept + 1] = y; \
            found[3 * kept++ + 2] = result; \
        } \
        return kept; \
    }
${checks}
