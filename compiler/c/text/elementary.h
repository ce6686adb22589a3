
/* The lanes for which a bit of `doubts` is set are computed by libm. */
#define ALL_LANES ((1 << ${w}) - 1)
static __attribute__((noinline)) v${w} settle_exponential${w}(v${w} r, v${w} x, int doubts)
{
    for (int i = 0; i < ${w}; i++) if (doubts >> i & 1) r[i] = exp(x[i]);
    return r;
}
static __attribute__((noinline)) v${w} settle_logarithm${w}(v${w} r, v${w} x, int doubts)
{
    for (int i = 0; i < ${w}; i++) if (doubts >> i & 1) r[i] = log(x[i]);
    return r;
}
static __attribute__((noinline)) v${w} settle_power${w}(v${w} r, v${w} x, v${w} y, int doubts)
{
    for (int i = 0; i < ${w}; i++) if (doubts >> i & 1) r[i] = pow(x[i], y[i]);
    return r;
}
/* exp(), log() and pow() of all lanes, with the bits that libm gives. A function is computed to more than 61 bits, as
   the sum of its rounding and a rest. Where the rest shows that the exact value lies farther from a midpoint between
   two doubles than libm errs, libm rounds as we do; all other lanes, and everything special, are libm's to compute. */
#if ${w} > 2 && defined(__GLIBC__) && defined(__FMA__)
#define GUESSED
/* How far libm errs before its last rounding, and we: glibc's own bounds (e_exp.c, e_log.c, e_pow.c), and a reserve.
   exp: 0.011 units, where 2^53 units are the number; ours is below 0.001 of them. pow: that and 1.5 * 2^-68 * |ln(power)|
   of its logarithm; ours is 2^-67 * |ln(power)|, together below 0.0155 of these units for powers from 2^-48 to 2^48.
   log: 0.007 units of its logarithm near 1, which are at most 0.014 * 2^-53 of it; 0.0202 * 2^-56 elsewhere. */
#define EXP_MARGIN (0x1p-53 * 0.013)
#define POW_MARGIN (0x1p-53 * 0.017)
#define LOG_MARGIN (0x1p-53 * 0.017)
#define LOG_ERROR 0x1.7p-62
#define LOG_NEAR 0x1p-4 /* logarithms within are those that glibc counts as near 1, and perhaps a few others */
#define EXP_MOST 0x407f400000000000LL  /* 500: no power overflows, or is subnormal */
#define POW_MOST 0x4040a00000000000LL  /* 33.25, about the logarithm of 2^48 */
#define TO_WHOLE 0x1.8p52 /* added to a small number, it leaves the nearest whole one in the lowest bits */

/* The entries of a table of 16 at `place`. */
INLINE v${w} lookup${w}(const double *table, n${w} place)
{
#ifdef LOOKUP
    return LOOKUP(table, place);
#else
    v${w} r;
    for (int i = 0; i < ${w}; i++) r[i] = table[place[i]];
    return r;
#endif
}
/* exp(high + low), to be multiplied by 2 to the power of *exponent; *rest is what its rounding lost. */
INLINE v${w} exponential_parts${w}(v${w} high, v${w} low, v${w} *rest, n${w} *exponent)
{
    /* e^x is 2^(n/16) * e^r: a table has 2^(n/16), and |r| is at most log(2)/32. */
    const v${w} shifted = fused${w}(high, all${w}(STEPS), all${w}(TO_WHOLE)), count = shifted - TO_WHOLE;
    const v${w} first = fused${w}(-count, all${w}(STEP_HIGH), high), second = fused${w}(-count, all${w}(STEP_LOW), low);
    const v${w} r = first + second, r_rest = (first - r) + second;
    const n${w} place = (n${w})shifted & 15, whole = (n${w})shifted << 48;
    const v${w} power = lookup${w}(power_high, place), power_rest = lookup${w}(power_low, place);
    v${w} series = fused${w}(r, all${w}(0x1.a01a01a01a01ap-16), all${w}(0x1.a01a01a01a01ap-13));
    series = fused${w}(r, series, all${w}(0x1.6c16c16c16c17p-10));
    series = fused${w}(r, series, all${w}(0x1.1111111111111p-7));
    series = fused${w}(r, series, all${w}(0x1.5555555555555p-5));
    series = fused${w}(r, series, all${w}(0x1.5555555555555p-3));
    series = fused${w}(r, series, all${w}(0.5));
    /* e^r - 1 in two parts, and its product with the power in three. */
    const v${w} curve = fused${w}(r * r, series, r_rest), less = r + curve, less_rest = (r - less) + curve;
    const v${w} product = power * less, product_rest = fused${w}(power, less, -product);
    const v${w} sum = power + product, sum_rest = (power - sum) + product;
    const v${w} low_sum = fused${w}(power, less_rest, product_rest) + fused${w}(power_rest, less, power_rest) + sum_rest;
    const v${w} result = sum + low_sum;
    *rest = (sum - result) + low_sum;
    *exponent = whole & (long long)0xfff0000000000000ULL;
    return result;
}
/* log(x) of positive normal numbers; *rest is what its rounding lost. */
INLINE v${w} logarithm_parts${w}(v${w} x, v${w} *rest)
{
    /* x is 2^k * z, and z * reciprocal is 1 + r, |r| < 1/31: a table has reciprocals and their logarithms. */
    const n${w} from_first = (n${w})x - LOG_FIRST, place = (from_first >> 48) & 15;
    const n${w} exponent = from_first & (long long)0xfff0000000000000ULL;
    const v${w} z = (v${w})((n${w})x - exponent), reciprocal = lookup${w}(reciprocals, place);
    const v${w} k = (v${w})((exponent >> 52) + 0x4338000000000000LL) - TO_WHOLE;
    const v${w} scaled = z * reciprocal, first = scaled - 1.0, second = fused${w}(z, reciprocal, -scaled);
    const v${w} r = first + second, r_rest = (first - r) + second;
    const v${w} square = r * r, square_rest = fused${w}(r, r, -square);
    /* log(1 + r) is r - r^2/2 + r^3 * series; the terms up to r^3/3 in two parts. */
    v${w} series = fused${w}(r, all${w}(0x1.3b13b13b13b14p-4), all${w}(-0x1.5555555555555p-4));
    series = fused${w}(r, series, all${w}(0x1.745d1745d1746p-4));
    series = fused${w}(r, series, all${w}(-0x1.999999999999ap-4));
    series = fused${w}(r, series, all${w}(0x1.c71c71c71c71cp-4));
    series = fused${w}(r, series, all${w}(-0x1p-3));
    series = fused${w}(r, series, all${w}(0x1.2492492492492p-3));
    series = fused${w}(r, series, all${w}(-0x1.5555555555555p-3));
    series = fused${w}(r, series, all${w}(0x1.999999999999ap-3));
    series = fused${w}(r, series, all${w}(-0.25));
    series *= r;
    const v${w} third = series + 0x1.5555555555555p-2;
    const v${w} third_rest = (0x1.5555555555555p-2 - third) + series + 0x1.5555555555555p-56;
    const v${w} cube = square * r, cube_rest = fused${w}(square_rest, r, fused${w}(square, r, -cube));
    const v${w} last = cube * third;
    const v${w} last_rest = fused${w}(cube, third, -last) + fused${w}(cube, third_rest, cube_rest * third);
    /* The sum, from the largest part to the smallest; the first one is exact. */
    const v${w} start = fused${w}(k, all${w}(LN2_HIGH), lookup${w}(log_high, place));
    const v${w} one = start + r, one_rest = (start - one) + r;
    const v${w} half = square * 0.5, two = one - half, two_rest = (one - two) - half;
    const v${w} three = two + last, three_rest = (two - three) + last;
    const v${w} small = fused${w}(k, all${w}(LN2_LOW), lookup${w}(log_low, place)) + last_rest;
    const v${w} of_rests = fused${w}(square - r, r_rest, r_rest) - square_rest * 0.5;
    const v${w} low_sum = one_rest + two_rest + three_rest + (small + of_rests);
    const v${w} result = three + low_sum;
    *rest = (three - result) + low_sum;
    return result;
}
/* Negative where x is not a positive normal number. */
INLINE n${w} unusual${w}(v${w} x)
{
    return ((n${w})x - 0x0010000000000000LL) | (0x7fefffffffffffffLL - (n${w})x);
}
/* A guess of a function: its rounding, how far from a midpoint it is, how far it must be for libm to round as well as we
   do, and which lanes are special, by signs. */
typedef struct { v${w} result, distance, margin; n${w} special; } guess;

INLINE guess guess_exponential(v${w} x)
{
    v${w} rest;
    n${w} exponent;
    const v${w} r = exponential_parts${w}(x, all${w}(0.0), &rest, &exponent);
    const guess g = {(v${w})((n${w})r + exponent), half_unit${w}(r) - magnitude${w}(rest), r * EXP_MARGIN,
                     EXP_MOST - (n${w})magnitude${w}(x)};
    return g;
}
INLINE guess guess_logarithm(v${w} x)
{
    v${w} rest;
    const v${w} r = logarithm_parts${w}(x, &rest), size = magnitude${w}(r);
    const v${w} margin = larger${w}(size * LOG_MARGIN, keep${w}(size > LOG_NEAR, all${w}(LOG_ERROR)));
    const guess g = {r, half_unit${w}(size) - magnitude${w}(rest), margin, unusual${w}(x)};
    return g;
}
INLINE guess guess_power(v${w} x, v${w} y)
{
    v${w} rest;
    n${w} exponent;
    const v${w} log_x = logarithm_parts${w}(x, &rest), product = log_x * y;
    const v${w} low = fused${w}(rest, y, fused${w}(log_x, y, -product));
    const v${w} r = exponential_parts${w}(product, low, &rest, &exponent);
    const guess g = {(v${w})((n${w})r + exponent), half_unit${w}(r) - magnitude${w}(rest), r * POW_MARGIN,
                     unusual${w}(x) | (POW_MOST - (n${w})magnitude${w}(product))};
    return g;
}
INLINE int doubts_of(guess g) { return signs${w}((n${w})(g.distance - g.margin) | g.special); }

static __attribute__((noinline)) v${w} exponential${w}(v${w} x)
{
    const guess g = guess_exponential(x);
    const int doubts = doubts_of(g);
    return doubts ? settle_exponential${w}(g.result, x, doubts) : g.result;
}
static __attribute__((noinline)) v${w} logarithm${w}(v${w} x)
{
    const guess g = guess_logarithm(x);
    const int doubts = doubts_of(g);
    return doubts ? settle_logarithm${w}(g.result, x, doubts) : g.result;
}
static __attribute__((noinline)) v${w} power${w}(v${w} x, v${w} y)
{
    const guess g = guess_power(x, y);
    const int doubts = doubts_of(g);
    return doubts ? settle_power${w}(g.result, x, y, doubts) : g.result;
}
#else
static __attribute__((noinline)) v${w} exponential${w}(v${w} x) { return settle_exponential${w}(x, x, ALL_LANES); }
static __attribute__((noinline)) v${w} logarithm${w}(v${w} x) { return settle_logarithm${w}(x, x, ALL_LANES); }
static __attribute__((noinline)) v${w} power${w}(v${w} x, v${w} y) { return settle_power${w}(x, x, y, ALL_LANES); }
#endif

/* pow(x, 2) and pow(x, 0.5) of all lanes; a guess is worth it where a fused operation is one of the processor's. */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
INLINE v${w} settled_square${w}(v${w} x)
{
    n${w} doubt;
    const v${w} r = square${w}(x, &doubt);
    const int doubts = signs${w}(doubt);
    return doubts ? settle_power${w}(r, x, all${w}(2.0), doubts) : r;
}
INLINE v${w} settled_root${w}(v${w} x)
{
    n${w} doubt;
    const v${w} r = root${w}(x, &doubt);
    const int doubts = signs${w}(doubt);
    return doubts ? settle_power${w}(r, x, all${w}(0.5), doubts) : r;
}
#else
INLINE v${w} settled_square${w}(v${w} x) { return settle_power${w}(x, x, all${w}(2.0), ALL_LANES); }
INLINE v${w} settled_root${w}(v${w} x) { return settle_power${w}(x, x, all${w}(0.5), ALL_LANES); }
#endif
