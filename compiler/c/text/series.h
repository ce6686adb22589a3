
/* The other functions: a guess, and accurate functions for the few numbers whose guess lies too near a midpoint. It is
   the sum of two doubles, from Taylor's series around the nearest multiple of 1/8. The first four factors, and the
   operations on them, have two parts and lose 2^-100 or less. The other factors are rounded, and so are their products and
   sums: 2^-52 of what they add up to. That is most for atan just above 1/16, 2^-14.9 of it: so a guess errs by less than
   2^-66.8. What is left out of a series is below 2^-72. Where a function is zero, all this is relative to the number. */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FUSED(a, b, c) __builtin_fma(a, b, c)
#endif
typedef struct { double sum, rest; } unrounded;
/* A sum, and what its rounding lost (Knuth, 1969); and the same where a is zero, or not the smaller one. */
INLINE unrounded exact_sum(double a, double b)
{
    const double sum = a + b, part = sum - a;
    const unrounded r = {sum, (a - (sum - part)) + (b - part)};
    return r;
}
INLINE unrounded ordered_sum(double a, double b)
{
    const double sum = a + b;
    const unrounded r = {sum, (a - sum) + b};
    return r;
}
INLINE unrounded unrounded_sum(unrounded a, unrounded b)
{
    unrounded r = exact_sum(a.sum, b.sum);
    r.rest += a.rest + b.rest;
    return r;
}
INLINE unrounded unrounded_times(unrounded a, double power_of_2)
{
    const unrounded r = {a.sum * power_of_2, a.rest * power_of_2};
    return r;
}
/* What the rounding of a product lost: exactly, for factors below 2^996. */
INLINE double lost_by(double a, double b, double product)
{
#ifdef FUSED
    return FUSED(a, b, -product);
#else
    const double more_a = a * 0x1.000002p27, high_a = more_a - (more_a - a), low_a = a - high_a;
    const double more_b = b * 0x1.000002p27, high_b = more_b - (more_b - b), low_b = b - high_b;
    return ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b;
#endif
}
/* A number over one that is not below 1. */
INLINE unrounded unrounded_over(unrounded a, unrounded b)
{
    const double sum = a.sum / b.sum, product = sum * b.sum;
    const unrounded r = {sum, (((a.sum - product) - lost_by(sum, b.sum, product)) + a.rest - sum * b.rest) / b.sum};
    return r;
}
/* The nearest whole number, for less than 2^51. */
INLINE double whole_near(double x) { return (x + 0x1.8p52) - 0x1.8p52; }
/* A function of x + rest by the rows of a table, the first of which is around `first` eighths. */
INLINE unrounded unrounded_series(const double *rows, int first, int degree, double x, double rest)
{
    const double place = whole_near(x * 8.0), *row = rows + ((int)place - first) * (degree + 5);
    const unrounded t = ordered_sum(x - place * 0.125, rest);
    unrounded r = {row[degree + 4], 0.0};
    UNROLL
    for (int i = degree + 3; i >= 8; i--) {
#ifdef FUSED
        r.sum = FUSED(r.sum, t.sum, row[i]);
#else
        r.sum = r.sum * t.sum + row[i];
#endif
    }
    UNROLL
    for (int i = 6; i >= 0; i -= 2) {
        const double product = r.sum * t.sum, lost = lost_by(r.sum, t.sum, product) + (r.rest * t.sum + r.sum * t.rest);
        r = exact_sum(row[i], product);
        r.rest += row[i + 1] + lost;
    }
    return r;
}
#define SERIES_MARGIN 0x1p-66
/* Larger numbers are left to accurate functions, most of which have a short answer for them. */
#define MOST_sin 0x1p20
#define MOST_cos 0x1p20
#define MOST_tanh 20.0
#define MOST_sinh 709.0
#define MOST_cosh 709.0
#define MOST_atan 0x1p100
#define MOST_erf 6.0
#define MOST_log1p 0x1p1000
#define MOST_expm1 709.0

/* The sine of x and so many right angles. Where it is that of a small difference, it is left to accurate functions. */
INLINE unrounded unrounded_of_angle(double x, int quarters)
{
    /* The first two parts have 33 bits, so that their products are exact; the third is below 2^-68. */
    const double count = whole_near(x * RIGHT_ANGLES);
    unrounded angle = exact_sum(x - count * RIGHT_ANGLE_1, -(count * RIGHT_ANGLE_2));
    angle = ordered_sum(angle.sum, angle.rest - count * RIGHT_ANGLE_3);
    const int way = angle.sum < 0.0 ? -1 : 1;
    if (count != 0.0 && angle.sum * way < 0x1p-16) return unrounded_times(angle, NAN);
    quarters += (int)count;
    /* Behind seven rows of the sine are those of the cosine. */
    const double *rows = angle_rows + (quarters & 1 ? 7 : 0) * (ANGLE_DEGREE + 5);
    const unrounded r = unrounded_series(rows, ANGLE_FIRST, ANGLE_DEGREE, angle.sum * way, angle.rest * way);
    return unrounded_times(r, (quarters & 2 ? -1 : 1) * (quarters & 1 ? 1 : way));
}
INLINE unrounded unrounded_sin(double x) { return unrounded_of_angle(x, 0); }
INLINE unrounded unrounded_cos(double x) { return unrounded_of_angle(x, 1); }
/* e^(x + rest), less 0 or 1. */
INLINE unrounded unrounded_power_of_e(double x, double rest, double less)
{
    const double count = whole_near(x * LOG2_OF_E), power = power_of_2((int)count);
    const unrounded part = exact_sum(x - count * LN2_1, -(count * LN2_2));
    const unrounded r = unrounded_series(growth_rows, GROWTH_FIRST, GROWTH_DEGREE, part.sum, part.rest + rest);
    return unrounded_sum(exact_sum(power, -less), unrounded_times(r, power));
}
INLINE unrounded unrounded_expm1(double x) { return unrounded_power_of_e(x, 0.0, 1.0); }
INLINE unrounded unrounded_sinh(double x)
{
    return unrounded_times(unrounded_sum(unrounded_expm1(x), unrounded_times(unrounded_expm1(-x), -1.0)), 0.5);
}
INLINE unrounded unrounded_cosh(double x)
{
    const unrounded one = unrounded_power_of_e(x, 0.0, 0.0), other = unrounded_power_of_e(-x, 0.0, 0.0);
    return unrounded_times(unrounded_sum(one, other), 0.5);
}
INLINE unrounded unrounded_tanh(double x)
{
    const unrounded two = {2.0, 0.0}, power = unrounded_expm1(2.0 * x);
    return unrounded_over(power, unrounded_sum(power, two));
}
INLINE unrounded unrounded_logarithm(unrounded x)
{
    if (x.sum <= 0.0) return unrounded_times(x, NAN);
    /* It is 2^count times a number from 45/64 to 45/32. */
    const int count = (int)((bits_of(x.sum) - 0x3fe6800000000000ULL + ((uint64_t)1 << 62)) >> 52) - 1024;
    const unrounded twice = unrounded_times(x, power_of_2(1 - count));
    const unrounded r = unrounded_series(logarithm_rows, LOGARITHM_FIRST, LOGARITHM_DEGREE, twice.sum, twice.rest);
    const unrounded whole = {count * LN2_1, count * LN2_2};
    return unrounded_sum(whole, r);
}
INLINE unrounded unrounded_log1p(double x) { return unrounded_logarithm(exact_sum(1.0, x)); }
INLINE unrounded unrounded_atan(double x)
{
    const unrounded one = {1.0, 0.0}, size = {fabs(x), 0.0}, right_angle = {RIGHT_ANGLE_1, RIGHT_ANGLE_2 + RIGHT_ANGLE_3};
    const int is_large = size.sum > 1.0;
    const unrounded tangent = is_large ? unrounded_over(one, size) : size;
    unrounded r = unrounded_series(atan_rows, ATAN_FIRST, ATAN_DEGREE, tangent.sum, tangent.rest);
    if (is_large) r = unrounded_sum(right_angle, unrounded_times(r, -1.0));
    return unrounded_times(r, x < 0.0 ? -1.0 : 1.0);
}
INLINE unrounded unrounded_erf(double x)
{
    return unrounded_times(unrounded_series(erf_rows, ERF_FIRST, ERF_DEGREE, fabs(x), 0.0), x < 0.0 ? -1.0 : 1.0);
}
