
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

/* Whether a power is of these sizes; and a positive number that is so many units larger than x. */
INLINE int is_usual(double x)
{
    long long bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >= LEAST && bits <= MOST;
}
INLINE double moved(double x, int units)
{
    long long bits;
    memcpy(&bits, &x, sizeof bits);
    bits += units;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

/* Lists the lanes whose bits are set: a byte has those of a vector, the first lane's the lowest. The bytes are a multiple
   of eight. */
static int list_doubts(const unsigned char *doubts, long bytes, int *list)
{
    int count = 0;
    LEAVE_VECTORS();
    for (long byte = 0; byte < bytes; byte += 8) {
        unsigned long long rest;
        memcpy(&rest, doubts + byte, sizeof rest);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        rest = __builtin_bswap64(rest);
#endif
        for (; rest; rest &= rest - 1) {
            const int bit = __builtin_ctzll(rest);
            list[count++] = VECTOR * ((int)byte + bit / 8) + bit % 8;
        }
    }
    return count;
}

/* A number that vectors are divided by: its reciprocal, rounded, and what the rounding lost; and these in all lanes. And
   whether it is one; and whether it is positive, not too large and not too small: then dividends are safe that are zero
   or, by their sizes as bits, from DIVIDEND_LEAST to DIVIDEND_MOST. Nothing overflows with them, and no remainder loses
   bits. */
typedef struct { double number, reciprocal, rest; int one, safe; v${w} numbers, reciprocals, rests; } divisor;
#define DIVIDEND_LEAST 0x16687e92154ef7acLL /* 1e-200 */
#define DIVIDEND_MOST 0x73d658e3ab795204LL /* 1e250 */
/* Likewise, dividends and divisors of vectors: 2^-400 and 2^400. */
#define RATIO_LEAST 0x26f0000000000000LL
#define RATIO_MOST 0x58f0000000000000LL

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FUSES /* quickly */
#endif
INLINE divisor divisor_of(double y)
{
    const double reciprocal = 1.0 / y;
#ifdef FUSES
    const double rest = __builtin_fma(-reciprocal, y, 1.0) * reciprocal;
    const int safe = y > 1e-50 && y < 1e50;
#else
    const double rest = 0.0;
    const int safe = 0;
#endif
    const divisor d = {y, reciprocal, rest, y == 1.0, safe, all${w}(y), all${w}(reciprocal), all${w}(rest)};
    return d;
}
