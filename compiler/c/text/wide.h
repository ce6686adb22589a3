
/* Numbers of ${words} words of 32 bits: the last one before the point, the others behind it, the lowest first. None is
   negative. Operations cut off what lies below the last bit: a product errs by less than 16 units there, a quotient and
   a shift by one. */
#include <stdint.h>
#define WORDS ${words}
#define FRACTION (32 * (WORDS - 1))
typedef struct { uint32_t word[WORDS]; } wide;

${tables}
static const wide wide_zero = {{0}};
static const wide wide_one = {{${one}}};

static int wide_less(wide a, wide b)
{
    for (int i = WORDS - 1; i >= 0; i--) if (a.word[i] != b.word[i]) return a.word[i] < b.word[i];
    return 0;
}
static wide wide_sum(wide a, wide b)
{
    uint64_t carry = 0;
    for (int i = 0; i < WORDS; i++, carry >>= 32) a.word[i] = (uint32_t)(carry += (uint64_t)a.word[i] + b.word[i]);
    return a;
}
static wide wide_difference(wide a, wide b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < WORDS; i++) {
        const uint64_t rest = (uint64_t)a.word[i] - b.word[i] - borrow;
        a.word[i] = (uint32_t)rest;
        borrow = rest >> 63;
    }
    return a;
}
static wide wide_product(wide a, wide b)
{
    wide r;
    uint64_t low = 0, high = 0;
    for (int column = WORDS - 2; column < 2 * WORDS - 1; column++) {
        for (int i = column < WORDS ? 0 : column - WORDS + 1; i < WORDS && i <= column; i++) {
            const uint64_t part = (uint64_t)a.word[i] * b.word[column - i];
            low += (uint32_t)part;
            high += part >> 32;
        }
        if (column >= WORDS - 1) r.word[column - WORDS + 1] = (uint32_t)low;
        low = (low >> 32) + high;
        high = 0;
    }
    return r;
}
static wide wide_times(wide a, uint32_t factor)
{
    uint64_t carry = 0;
    for (int i = 0; i < WORDS; i++, carry >>= 32) a.word[i] = (uint32_t)(carry += (uint64_t)a.word[i] * factor);
    return a;
}
static wide wide_over(wide a, uint32_t divisor)
{
    uint64_t rest = 0;
    for (int i = WORDS - 1; i >= 0; i--) {
        rest = rest << 32 | a.word[i];
        a.word[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return a;
}
/* Times 2 to the power of `shift`. */
static wide wide_shifted(wide a, int shift)
{
    wide r = {{0}};
    if (shift <= -32 * WORDS) return r;
    const int words = (shift + 32 * WORDS) / 32 - WORDS, bits = shift - 32 * words;
    for (int i = WORDS - 1; i >= 0; i--) {
        const int from = i - words;
        const uint64_t upper = from >= 0 && from < WORDS ? a.word[from] : 0;
        const uint64_t lower = from >= 1 && from <= WORDS ? a.word[from - 1] : 0;
        r.word[i] = (uint32_t)((upper << 32 | lower) << bits >> 32);
    }
    return r;
}
static int wide_is_zero(wide a)
{
    for (int i = 0; i < WORDS; i++) if (a.word[i]) return 0;
    return 1;
}
/* The place of the highest bit, the lowest counted as 0; the number is not zero. */
static int wide_top(wide a)
{
    int place = 32 * WORDS - 1;
    while (!(a.word[place / 32] >> place % 32 & 1)) place--;
    return place;
}
static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
static double power_of_2(int exponent) /* from -1022 to 1023 */
{
    const uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
/* x * 2^exponent, rounded once at most; x is a whole number below 2^54. */
static double scaled(double x, int exponent)
{
    const int most = exponent > 2000 ? 2000 : exponent < -2000 ? -2000 : exponent, half = most / 2;
    return x * power_of_2(half) * power_of_2(most - half);
}
/* A positive double as a whole number of 53 bits, times 2^*exponent. */
static uint64_t whole_of(double x, int *exponent)
{
    uint64_t bits = bits_of(x) & ((uint64_t)-1 >> 1), whole = bits & (((uint64_t)1 << 52) - 1);
    int power = (int)(bits >> 52);
    if (power) whole |= (uint64_t)1 << 52;
    else power = 1;
    while (!(whole >> 52)) {
        whole <<= 1;
        power--;
    }
    *exponent = power - 1075;
    return whole;
}
static wide wide_of_whole(uint64_t whole, int exponent)
{
    wide r = {{0}};
    r.word[WORDS - 2] = (uint32_t)whole;
    r.word[WORDS - 1] = (uint32_t)(whole >> 32);
    return wide_shifted(r, exponent + 32);
}
/* A positive double below 2^31. */
static wide wide_of(double x)
{
    int exponent;
    const uint64_t whole = whole_of(x, &exponent);
    return exponent < -FRACTION - 64 ? wide_zero : wide_of_whole(whole, exponent);
}
/* About a, for a guess. */
static double rough(wide a)
{
    double r = 0.0;
    for (int i = 0; i < WORDS; i++) r = r * 0x1p-32 + a.word[i];
    return r;
}
/* The double nearest to a * 2^exponent. */
static double nearest(wide a, int exponent)
{
    if (wide_is_zero(a)) return 0.0;
    const int top = wide_top(a), power = top - FRACTION + exponent;
    const int bits = power < -1022 ? 53 + 1022 + power : 53;
    if (power > 1023) return INFINITY;
    if (bits < 0) return 0.0;
    uint64_t whole = 0;
    for (int place = top; place > top - bits; place--)
        whole = whole << 1 | (place < 0 ? 0 : a.word[place / 32] >> place % 32 & 1);
    const int next = top - bits;
    whole += next < 0 ? 0 : a.word[next / 32] >> next % 32 & 1;
    return bits < 53 ? (double)whole * 0x1p-1074 : scaled((double)whole, power - 52);
}
/* 1 / a by Newton's iteration, for a from 1/4 to 4. */
static wide wide_inverse(wide a)
{
    wide r = wide_of(1.0 / rough(a));
    for (int i = 0; i < 4; i++) {
        const wide product = wide_product(a, r);
        r = wide_less(wide_one, product)
                ? wide_difference(r, wide_product(r, wide_difference(product, wide_one)))
                : wide_sum(r, wide_product(r, wide_difference(wide_one, product)));
    }
    return r;
}
