
/* The lanes for which a bit of `doubts` is set are computed by ${them}. */
#define ALL_LANES ((1 << ${w}) - 1)
static __attribute__((noinline)) v${w} settle_exponential${w}(v${w} r, v${w} x, int doubts)
{
    for (; doubts; doubts &= doubts - 1) {
        const int i = __builtin_ctz((unsigned)doubts);
        r[i] = ${prefix}exp(x[i]);
    }
    return r;
}
static __attribute__((noinline)) v${w} settle_logarithm${w}(v${w} r, v${w} x, int doubts)
{
    for (; doubts; doubts &= doubts - 1) {
        const int i = __builtin_ctz((unsigned)doubts);
        r[i] = ${prefix}log(x[i]);
    }
    return r;
}
static __attribute__((noinline)) v${w} settle_power${w}(v${w} r, v${w} x, v${w} y, int doubts)
{
    for (; doubts; doubts &= doubts - 1) {
        const int i = __builtin_ctz((unsigned)doubts);
        r[i] = ${prefix}pow(x[i], y[i]);
    }
    return r;
}
#if ${where}
${margins}#define EXP_MOST 0x407f400000000000LL  /* 500: no power overflows, or is subnormal */
#define FACTOR_MOST 0x7e30000000000000LL /* 2^996, the most that Dekker's splitting takes */
#define TO_WHOLE 0x1.8p52 /* added to a small number, it leaves the nearest whole one in the lowest bits */

/* The entries of a table of 16 at the last four bits of `place`. */
INLINE v${w} lookup${w}(const double *table, n${w} place)
{
#ifdef LOOKUP
    return LOOKUP(table, place);
#else
    v${w} r;
    for (int i = 0; i < ${w}; i++) r[i] = table[place[i] & 15];
    return r;
#endif
}
/* a * b + c, rounded once or twice; and what the rounding of a product lost, exactly: without fused operations by
   Dekker's splitting (1971), for factors below 2^996. */
#ifdef FUSES
INLINE v${w} added${w}(v${w} a, v${w} b, v${w} c) { return fused${w}(a, b, c); }
INLINE v${w} lost${w}(v${w} a, v${w} b, v${w} product) { return fused${w}(a, b, -product); }
#else
INLINE v${w} added${w}(v${w} a, v${w} b, v${w} c) { return a * b + c; }
INLINE v${w} lost${w}(v${w} a, v${w} b, v${w} product)
{
    const v${w} more_a = a * 0x1.000002p27, high_a = more_a - (more_a - a), low_a = a - high_a;
    const v${w} more_b = b * 0x1.000002p27, high_b = more_b - (more_b - b), low_b = b - high_b;
    return ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b;
}
#endif
/* exp(high + low), to be multiplied by 2 to the power of *exponent, as a sum with *rest, which is below 2^-11 of it. */
INLINE v${w} exponential_parts${w}(v${w} high, v${w} low, v${w} *rest, n${w} *exponent)
{
    /* e^x is 2^(n/16) * e^r, |r| is at most log(2)/32, and 2^(n/16) is of a table, which has it rounded, and the
       logarithm of what that lacks, to be a part of r. */
    const v${w} shifted = added${w}(high, all${w}(STEPS), all${w}(TO_WHOLE)), count = shifted - TO_WHOLE;
    const n${w} place = (n${w})shifted;
    const v${w} power = lookup${w}(step_power, place), lacking = lookup${w}(step_rest, place) + low;
    const v${w} first = added${w}(count, all${w}(-STEP_HIGH), high), second = added${w}(count, all${w}(-STEP_LOW), lacking);
    const v${w} r = first + second, square = r * r;
    *exponent = place << 48 & (long long)0xfff0000000000000ULL;
#ifdef CLOSE
    v${w} series = added${w}(r, all${w}(0x1.71de3a556c734p-19), all${w}(0x1.a01a01a01a01ap-16));
    series = added${w}(r, series, all${w}(0x1.a01a01a01a01ap-13));
    series = added${w}(r, series, all${w}(0x1.6c16c16c16c17p-10));
    series = added${w}(r, series, all${w}(0x1.1111111111111p-7));
    series = added${w}(r, series, all${w}(0x1.5555555555555p-5));
    series = added${w}(r, series, all${w}(0x1.5555555555555p-3));
    /* e^r - 1 in two parts, and its product with the power in three. */
    const v${w} r_rest = (first - r) + second, half = square * 0.5, less = r + half;
    const v${w} cube = added${w}(square, r * series, r_rest);
    const v${w} less_rest = ((r - less) + half) + (cube + added${w}(lost${w}(r, r, square), all${w}(0.5), r * r_rest));
    const v${w} product = power * less, product_rest = lost${w}(power, less, product), sum = power + product;
    *rest = added${w}(power, less_rest, product_rest) + ((power - sum) + product);
#else
    /* e^r - 1 - r by pairs of terms, which do not wait for each other; and its product with the power, to which that of
       r is added first, and what the rounding of this sum lost, exactly. */
    const v${w} two = added${w}(r, all${w}(EXP_3), all${w}(EXP_2)), four = added${w}(r, all${w}(EXP_5), all${w}(EXP_4));
    const v${w} six = added${w}(r, all${w}(EXP_7), all${w}(EXP_6));
    const v${w} curve = added${w}(square, added${w}(square, added${w}(square, six, four), two), second);
    const v${w} sum = added${w}(power, first, power);
    *rest = added${w}(power, curve, added${w}(power, first, power - sum));
#endif
    return sum;
}
/* log(x) of positive normal numbers, as a sum with *rest, which is far smaller. */
INLINE v${w} logarithm_parts${w}(v${w} x, v${w} *rest)
{
    /* x is 2^k * z, and z * reciprocal is 1 + r, |r| < 1/31: a table has reciprocals and their logarithms. */
    const n${w} from_first = (n${w})x - LOG_FIRST, place = from_first >> 48;
    const n${w} exponent = from_first & (long long)0xfff0000000000000ULL;
    const v${w} z = (v${w})((n${w})x - exponent), reciprocal = lookup${w}(reciprocals, place);
    const v${w} k = (v${w})((exponent >> 52) + 0x4338000000000000LL) - TO_WHOLE;
    const v${w} scaled = z * reciprocal, first = scaled - 1.0, second = lost${w}(z, reciprocal, scaled);
    const v${w} r = first + second, r_rest = (first - r) + second;
    const v${w} square = r * r, square_rest = lost${w}(r, r, square);
    /* log(1 + r) is r - r^2/2 + r^3 * series; the terms up to r^3/3 in two parts. */
    v${w} series = added${w}(r, all${w}(0x1.3b13b13b13b14p-4), all${w}(-0x1.5555555555555p-4));
    series = added${w}(r, series, all${w}(0x1.745d1745d1746p-4));
    series = added${w}(r, series, all${w}(-0x1.999999999999ap-4));
    series = added${w}(r, series, all${w}(0x1.c71c71c71c71cp-4));
    series = added${w}(r, series, all${w}(-0x1p-3));
    series = added${w}(r, series, all${w}(0x1.2492492492492p-3));
    series = added${w}(r, series, all${w}(-0x1.5555555555555p-3));
    series = added${w}(r, series, all${w}(0x1.999999999999ap-3));
    series = added${w}(r, series, all${w}(-0.25));
    series *= r;
    const v${w} third = series + 0x1.5555555555555p-2;
    const v${w} third_rest = (0x1.5555555555555p-2 - third) + series + 0x1.5555555555555p-56;
    const v${w} cube = square * r, cube_rest = added${w}(square_rest, r, lost${w}(square, r, cube));
    const v${w} last = cube * third;
    const v${w} last_rest = lost${w}(cube, third, last) + added${w}(cube, third_rest, cube_rest * third);
    /* The sum, from the largest part to the smallest; the first one is exact. */
    const v${w} start = added${w}(k, all${w}(LN2_HIGH), lookup${w}(log_high, place));
    const v${w} one = start + r, one_rest = (start - one) + r;
    const v${w} half = square * 0.5, two = one - half, two_rest = (one - two) - half;
    const v${w} three = two + last, three_rest = (two - three) + last;
    const v${w} small = added${w}(k, all${w}(LN2_LOW), lookup${w}(log_low, place)) + last_rest;
    const v${w} of_rests = added${w}(square - r, r_rest, r_rest) - square_rest * 0.5;
    *rest = one_rest + two_rest + three_rest + (small + of_rests);
    return three;
}
/* Negative where x is not a positive normal number. */
INLINE n${w} unusual${w}(v${w} x)
{
    return ((n${w})x - 0x0010000000000000LL) | (0x7fefffffffffffffLL - (n${w})x);
}
/* A guess of a function, sum + rest, to be multiplied by 2 to the power of the exponent; how far libm and the guess err
   together; and which lanes are special, by signs. */
typedef struct { v${w} sum, rest, margin; n${w} exponent, special; } guess;

INLINE guess guess_exponential(v${w} x)
{
    guess g;
    g.sum = exponential_parts${w}(x, all${w}(-0.0), &g.rest, &g.exponent);
    g.margin = g.sum * EXP_MARGIN;
    g.special = EXP_MOST - (n${w})magnitude${w}(x);
    return g;
}
INLINE guess guess_logarithm(v${w} x)
{
    const n${w} none = {0};
    guess g;
    g.sum = logarithm_parts${w}(x, &g.rest);
    const v${w} size = magnitude${w}(g.sum);
    g.margin = larger${w}(size * LOG_MARGIN, keep${w}(size > LOG_NEAR, all${w}(LOG_ERROR)));
    g.exponent = none;
    g.special = unusual${w}(x);
    return g;
}
INLINE guess guess_power(v${w} x, v${w} y)
{
    guess g;
    v${w} rest;
    const v${w} sum = logarithm_parts${w}(x, &rest), log_x = sum + rest, product = log_x * y;
    const v${w} low = added${w}((sum - log_x) + rest, y, lost${w}(log_x, y, product)), size = magnitude${w}(product);
    g.sum = exponential_parts${w}(product, low, &g.rest, &g.exponent);
    g.margin = g.sum * POW_MARGIN(size);
    g.special = unusual${w}(x) | (POW_MOST - (n${w})size) | (FACTOR_MOST - (n${w})magnitude${w}(y));
    return g;
}
/* A guess, rounded. Rounding never reverses the order of two numbers: what more and less than the exact value are
   rounded to, is what libm gives, where it is the same. All other lanes are in doubt. */
INLINE v${w} rounded(guess g, int *doubts)
{
    const v${w} high = g.sum + (g.rest + g.margin), low = g.sum + (g.rest - g.margin);
    *doubts = unlike${w}(high, low) | signs${w}(g.special);
    return (v${w})((n${w})high + g.exponent);
}

static __attribute__((noinline)) v${w} exponential${w}(v${w} x)
{
    int doubts;
    const v${w} r = rounded(guess_exponential(x), &doubts);
    return doubts ? settle_exponential${w}(r, x, doubts) : r;
}
static __attribute__((noinline)) v${w} logarithm${w}(v${w} x)
{
    int doubts;
    const v${w} r = rounded(guess_logarithm(x), &doubts);
    return doubts ? settle_logarithm${w}(r, x, doubts) : r;
}
static __attribute__((noinline)) v${w} power${w}(v${w} x, v${w} y)
{
    int doubts;
    const v${w} r = rounded(guess_power(x, y), &doubts);
    return doubts ? settle_power${w}(r, x, y, doubts) : r;
}
#else
static __attribute__((noinline)) v${w} exponential${w}(v${w} x) { return settle_exponential${w}(x, x, ALL_LANES); }
static __attribute__((noinline)) v${w} logarithm${w}(v${w} x) { return settle_logarithm${w}(x, x, ALL_LANES); }
static __attribute__((noinline)) v${w} power${w}(v${w} x, v${w} y) { return settle_power${w}(x, x, y, ALL_LANES); }
#endif
