
/* How far the exact power must lie from a rounding boundary, relative to the power, for pow() to round as one correctly
   rounded operation does. glibc (e_pow.c) computes scale + scale * rest, whose error before the final rounding is
   relative to scale: 0.011 units in the last place for the exponential, at the end of a binade where 2^53 units are
   the number, plus that of the logarithm, 1.5 * 2^-68 * 2^53 * |ln(power)|. From LEAST to MOST that is 0.0141. */
#if defined(__GLIBC__)
#define MARGIN (0x1p-53 * 0.015)
#else
/* Others state no such bound: this one holds where pow() errs by less than 0.75 units in the last place. */
#define MARGIN (0x1p-53 * 0.5)
#endif
/* Powers outside of these, 2^-96 and 2^96, are left to pow(). */
#define LEAST 0x39f0000000000000LL
#define MOST 0x45f0000000000000LL

typedef unsigned long long bits; /* a flag for each of 64 lanes, the first one lowest */

/* Lists the lanes whose bits are set. `list` must have room for four more. */
static int list_doubts(const bits *doubts, long words, int *list)
{
    int count = 0;
    for (long word = 0; word < words; word++) {
        bits rest = doubts[word];
        const int all = __builtin_popcountll(rest);
        int done = 0;
        /* Four at a time, needed or not: a branch for each would be mispredicted. */
        do {
            for (int i = 0; i < 4; i++) {
                list[count + done + i] = (int)(64 * word) + __builtin_ctzll(rest | 1ULL << 63);
                rest &= rest - 1;
            }
            done += 4;
        } while (done < all);
        count += all;
    }
    return count;
}

/* A number that vectors are divided by: its reciprocal, rounded, and what the rounding lost. And which dividends are
   safe with it, by their sizes as bits: zero, and those from `least` to `most`, with which nothing overflows and no
   remainder loses bits. With a divisor that is itself too large, too small or not positive, none is, not even zero. */
#define NONE (-2LL)
typedef struct { double number, reciprocal, rest; long long least, most; } divisor;

INLINE divisor divisor_of(double y)
{
    const double reciprocal = 1.0 / y;
    divisor d = {y, reciprocal, __builtin_fma(-reciprocal, y, 1.0) * reciprocal, 0, NONE};
    if (y > 1e-50 && y < 1e50) {
        d.least = 0x16687e92154ef7acLL; /* 1e-200 */
        d.most = 0x73d658e3ab795204LL;  /* 1e250 */
    }
    return d;
}
