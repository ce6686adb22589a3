
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
   bits. And whether quotients are known to need no correction by their remainder. */
typedef struct { double number, reciprocal, rest; int one, safe, sure; v${w} numbers, reciprocals, rests; } divisor;
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
    const divisor d = {y, reciprocal, rest, y == 1.0, safe, 0, all${w}(y), all${w}(reciprocal), all${w}(rest)};
    return d;
}
/* The same of what many vectors are divided by. Let x and y be from 1 to 2, with fractions X and Y as whole numbers of 53
   bits. With `rest` rounded once, x * reciprocal + x * rest is off by less than 2^-106 before it is rounded: by x * 2^-108
   for `rest`, and 2^-107 for its product. Where x is not below y, X / Y is at least 2^-105 / y from each midpoint of two
   doubles, which is farther; elsewhere |2^54 * X - M * Y| * 2^-106 / y for an odd M. That is not farther only where the
   whole number is one. Y is odd there, and X is one of two numbers, whose sum is Y; so these are tried. One of their two M
   has 53 bits: the inverse of Y modulo 2^54, or that subtracted from 2^54. It takes X - 2^-54 or X + 2^-54 to X to be
   rounded. */
INLINE divisor frequent_divisor(double y)
{
    divisor d = divisor_of(y);
#ifdef FUSES
    unsigned long long whole, inverse;
    memcpy(&whole, &y, sizeof whole);
    whole = (whole & 0xfffffffffffffULL) | 1ULL << 52;
    d.rest = __builtin_fma(-d.reciprocal, y, 1.0) / y;
    d.rests = all${w}(d.rest);
    d.sure = 1;
    if (whole & 1) {
        inverse = whole; /* of its three lowest bits */
        for (int bits = 3; bits < 54; bits *= 2) inverse *= 2 - whole * inverse;
        inverse &= (1ULL << 54) - 1;
        if (inverse >> 53) inverse = (1ULL << 54) - inverse;
        const double one = (double)(long long)inverse * (double)(long long)whole * 0x1p-54;
        const double other = (double)(long long)whole - one;
        d.sure = __builtin_fma(one, d.reciprocal, one * d.rest) == one / y &&
                 __builtin_fma(other, d.reciprocal, other * d.rest) == other / y;
    }
#endif
    return d;
}
