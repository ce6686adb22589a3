
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

#define VECTOR ${w}
/* What GCC itself puts before calls of functions that know no vectors of this width; GCC 12 does not where a function of
   the same file has been called since the last vector. Without it, every instruction of libm takes many times as long. */
#if defined(__AVX__) && HAS(__builtin_ia32_vzeroupper)
#define LEAVE_VECTORS() __builtin_ia32_vzeroupper()
#else
#define LEAVE_VECTORS() (void)0
#endif

/* Lists the lanes whose flags are set: a byte has those of a vector, the first lane's lowest, and `bytes` of them those of
   a multiple of 64 lanes. `list` must have room for four more. */
static int list_doubts(const unsigned char *doubts, long bytes, int *list)
{
    int count = 0;
    LEAVE_VECTORS();
    for (long byte = 0; byte < bytes; byte += 64 / VECTOR) {
        /* All bits of a byte are used: with vectors of four lanes, for those of two. */
        unsigned long long rest = 0;
        UNROLL
        for (int i = 0; i < 64 / VECTOR; i++) rest |= (unsigned long long)doubts[byte + i] << (8 * (i % 8) + VECTOR * (i / 8));
        const int all = __builtin_popcountll(rest);
        int done = 0;
        /* Four at a time, needed or not: a branch for each would be mispredicted. */
        do {
            for (int i = 0; i < 4; i++) {
                const int bit = __builtin_ctzll(rest | 1ULL << 63);
                list[count + done + i] = VECTOR * ((int)byte + bit / 8 + bit % 8 / VECTOR * 8) + bit % VECTOR;
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

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FUSES /* quickly */
#endif
INLINE divisor divisor_of(double y)
{
#ifdef FUSES
    const double reciprocal = 1.0 / y;
    divisor d = {y, reciprocal, __builtin_fma(-reciprocal, y, 1.0) * reciprocal, 0, NONE};
    if (y > 1e-50 && y < 1e50) {
        d.least = 0x16687e92154ef7acLL; /* 1e-200 */
        d.most = 0x73d658e3ab795204LL;  /* 1e250 */
    }
#else
    const divisor d = {y, 0.0, 0.0, 0, NONE};
#endif
    return d;
}
