
/* Correctly rounded functions for whatever arguments: slow, and called for the few lanes whose guess lies too near a
   midpoint between two doubles. Each computes at least 200 bits. No value of a function of one number is nearer to a
   midpoint than about 2^-120 of it (Lefevre and Muller, 2001, "Worst cases for correct rounding of the elementary
   functions in double precision"); of the 2^124 powers, few are nearer than 2^-180. Exact powers are found first. */

/* e^x, or e^-x, as a number from 1 to 2, times 2^*exponent. x is below 2^20. */
static wide accurate_power_of_e(wide x, int negative, int *exponent)
{
    int count = (int)(rough(x) * 1.4426950408889634);
    wide r;
    if (negative) {
        for (count++; wide_less(wide_times(wide_log_of_2, (uint32_t)count), x);) count++;
        r = wide_difference(wide_times(wide_log_of_2, (uint32_t)count), x);
        *exponent = -count;
    } else {
        while (count && wide_less(x, wide_times(wide_log_of_2, (uint32_t)count))) count--;
        r = wide_difference(x, wide_times(wide_log_of_2, (uint32_t)count));
        *exponent = count;
    }
    /* Taylor's series of e^(r / 2^9) - 1, and squares. */
    r = wide_shifted(r, -9);
    wide term = r, total = r;
    for (uint32_t i = 2; !wide_is_zero(term); i++) {
        term = wide_over(wide_product(term, r), i);
        total = wide_sum(total, term);
    }
    for (int i = 0; i < 9; i++) total = wide_sum(wide_shifted(total, 1), wide_product(total, total));
    return wide_sum(total, wide_one);
}
/* The logarithm of a number from 1 to 2. */
static wide accurate_logarithm_of(wide x)
{
    /* A guess from below, log(1 + (x - 1)) = 2 atanh((x - 1) / (x + 1)); what is missing is log(x / e^guess). */
    const double tangent = (rough(x) - 1.0) / (rough(x) + 1.0), square = tangent * tangent;
    double guess = 0.0;
    for (int i = 41; i > 0; i -= 2) guess = guess * square + 2.0 / i;
    guess = guess * tangent - 0x1p-42;
    wide rest = wide_difference(x, wide_one), result = {{0}};
    if (guess > 0.0) {
        int exponent;
        const wide power = accurate_power_of_e(wide_of(guess), 1, &exponent);
        rest = wide_difference(wide_product(x, wide_shifted(power, exponent)), wide_one);
        result = wide_of(guess);
    }
    wide power = rest, added = {{0}}, taken = {{0}};
    for (uint32_t i = 1; !wide_is_zero(power); i++) {
        if (i & 1) added = wide_sum(added, wide_over(power, i));
        else taken = wide_sum(taken, wide_over(power, i));
        power = wide_product(power, rest);
    }
    return wide_sum(result, wide_difference(added, taken));
}
/* The logarithm of x * 2^exponent, for x from 1 to 2; whether it is negative. */
static wide accurate_logarithm(wide x, int exponent, int *negative)
{
    const wide log = accurate_logarithm_of(x), part = wide_times(wide_log_of_2, (uint32_t)(exponent < 0 ? -exponent : exponent));
    *negative = exponent < 0;
    return *negative ? wide_difference(part, log) : wide_sum(part, log);
}
static double accurate_exp(double x)
{
    int exponent;
    if (x != x || x > 710.0 || x < -746.0) return x != x ? x : x > 0.0 ? INFINITY : 0.0;
    if (fabs(x) < 0x1p-60) return 1.0;
    const wide power = accurate_power_of_e(wide_of(fabs(x)), x < 0.0, &exponent);
    return nearest(power, exponent);
}
static double accurate_log(double x)
{
    int exponent, negative;
    if (!(x > 0.0) || x == INFINITY || x == 1.0)
        return x == 0.0 ? -INFINITY : x == 1.0 ? 0.0 : x == INFINITY ? x : NAN;
    const uint64_t whole = whole_of(x, &exponent);
    const wide log = accurate_logarithm(wide_of_whole(whole, -52), exponent + 52, &negative);
    return negative ? -nearest(log, 0) : nearest(log, 0);
}
static double accurate_expm1(double x)
{
    int exponent;
    if (x != x || x > 710.0 || fabs(x) < 0x1p-60) return x > 710.0 ? INFINITY : x;
    if (x < -40.0) return -1.0;
    const wide power = accurate_power_of_e(wide_of(fabs(x)), x < 0.0, &exponent);
    if (x < 0.0) return -nearest(wide_difference(wide_one, wide_shifted(power, exponent)), 0);
    return nearest(wide_difference(power, wide_shifted(wide_one, -exponent)), exponent);
}
static double accurate_log1p(double x)
{
    int exponent, negative;
    if (!(x > -1.0) || x == INFINITY) return x == -1.0 ? -INFINITY : x == INFINITY ? x : NAN;
    if (fabs(x) < 0x1p-60) return x;
    if (x > 0x1p200) return accurate_log(x);
    wide sum;
    if (x < 0.0) {
        sum = wide_difference(wide_one, wide_of(-x));
        exponent = wide_top(sum) - FRACTION;
        sum = wide_shifted(sum, -exponent);
    } else {
        const uint64_t whole = whole_of(x, &exponent);
        exponent = exponent + 52 < 0 ? 0 : exponent + 52;
        sum = wide_sum(x < 1.0 ? wide_of(x) : wide_of_whole(whole, -52), wide_shifted(wide_one, -exponent));
        if (sum.word[WORDS - 1] > 1) {
            sum = wide_shifted(sum, -1);
            exponent++;
        }
    }
    const wide log = accurate_logarithm(sum, exponent, &negative);
    return negative ? -nearest(log, 0) : nearest(log, 0);
}
/* The sine and the cosine of an angle from 0 to 2. */
static wide accurate_series(wide angle, int is_cosine)
{
    const wide square = wide_product(angle, angle);
    wide term = is_cosine ? wide_one : angle, added = term, taken = {{0}};
    for (uint32_t i = is_cosine ? 1 : 2, odd = 1; !wide_is_zero(term); i += 2, odd ^= 1) {
        term = wide_over(wide_product(term, square), i * (i + 1));
        if (odd) taken = wide_sum(taken, term);
        else added = wide_sum(added, term);
    }
    return wide_difference(added, taken);
}
/* The sine of x and so many right angles. */
static double accurate_of_angle(double x, int quarters)
{
    int exponent, negative = x < 0.0;
    if (x - x != 0.0) return NAN;
    if (fabs(x) < 0x1p-28) return quarters ? 1.0 : x;
    const uint64_t whole = whole_of(x, &exponent);
    wide angle;
    if (fabs(x) < 0.78) angle = wide_of(fabs(x));
    else {
        /* x * 2/pi, without the words of 2/pi that give multiples of 4, and with enough of the others (Payne and Hanek,
           1983): a whole number times 2^-(32 * (first + count) - exponent). */
        enum { count = WORDS + 3, places = count + 3 };
        const int first = exponent > 2 ? (exponent - 2) / 32 : 0;
        uint32_t product[places + 1] = {0};
        for (int part = 0; part < 2; part++) {
            uint64_t carry = 0;
            const uint32_t factor = (uint32_t)(whole >> 32 * part);
            for (int i = 0; i < count; i++, carry >>= 32) {
                carry += (uint64_t)two_over_pi[first + count - 1 - i] * factor + product[i + part];
                product[i + part] = (uint32_t)carry;
            }
            product[count + part] = (uint32_t)carry;
        }
        const int below = 32 * (first + count) - exponent, shift = (32 - below % 32) % 32, point = (below + shift) / 32;
        for (int i = places - 1; i > 0; i--)
            product[i] = (uint32_t)(((uint64_t)product[i] << 32 | product[i - 1]) << shift >> 32);
        product[0] <<= shift;
        int turns = (int)(product[point] & 3);
        wide part = {{0}};
        for (int i = 0; i < WORDS - 1; i++) part.word[i] = product[point - WORDS + 1 + i];
        if (part.word[WORDS - 2] >> 31) {
            part = wide_difference(wide_one, part);
            turns++;
            angle = wide_product(part, wide_right_angle);
            /* sin(n right angles - angle) is that of (n right angles + angle), mirrored. */
            quarters += negative ? -turns : turns;
            negative = !negative;
        } else {
            angle = wide_product(part, wide_right_angle);
            quarters += negative ? -turns : turns;
        }
    }
    /* sin(quarters * right angle + s * angle), s being the sign */
    quarters &= 3;
    const double value = nearest(accurate_series(angle, quarters & 1), 0);
    return (quarters >> 1) != (negative && !(quarters & 1)) ? -value : value;
}
static double accurate_sin(double x) { return accurate_of_angle(x, 0); }
static double accurate_cos(double x) { return accurate_of_angle(x, 1); }
static double accurate_tanh(double x)
{
    int exponent;
    if (x != x || fabs(x) < 0x1p-28) return x;
    if (fabs(x) >= 20.0) return x > 0.0 ? 1.0 : -1.0;
    const wide whole = accurate_power_of_e(wide_of(2.0 * fabs(x)), 1, &exponent), power = wide_shifted(whole, exponent);
    const wide over = wide_inverse(wide_sum(wide_one, power));
    return copysign(nearest(wide_product(wide_difference(wide_one, power), over), 0), x);
}
/* e^x + e^-x, or their difference, times 2^-*exponent, for x from 2^-28 to 711. */
static wide accurate_hyperbolic(double x, int is_difference, int *exponent)
{
    const wide power = accurate_power_of_e(wide_of(x), 0, exponent);
    const wide other = wide_shifted(wide_inverse(power), -2 * *exponent);
    return is_difference ? wide_difference(power, other) : wide_sum(power, other);
}
static double accurate_sinh(double x)
{
    int exponent;
    if (x != x || fabs(x) < 0x1p-28) return x;
    if (fabs(x) >= 711.0) return copysign(INFINITY, x);
    const wide twice = accurate_hyperbolic(fabs(x), 1, &exponent);
    return copysign(nearest(twice, exponent - 1), x);
}
static double accurate_cosh(double x)
{
    int exponent;
    if (x != x || fabs(x) >= 711.0) return x != x ? x : INFINITY;
    if (fabs(x) < 0x1p-28) return 1.0;
    const wide twice = accurate_hyperbolic(fabs(x), 0, &exponent);
    return nearest(twice, exponent - 1);
}
static double accurate_atan(double x)
{
    int exponent;
    if (x != x || fabs(x) < 0x1p-28) return x;
    if (fabs(x) > 0x1p100) return copysign(nearest(wide_right_angle, 0), x);
    /* x is high / low, neither above 1. The guess is from below; what is missing is the angle of a small tangent. */
    const uint64_t whole = whole_of(x, &exponent);
    const int above = exponent + 53 > 0 ? exponent + 53 : 0;
    const wide high = wide_of_whole(whole, exponent - above), low = wide_shifted(wide_one, -above);
    const double size = fabs(x);
    double t = size > 1.0 ? 1.0 / size : size, guess = 0.0;
    for (int i = 0; i < 3; i++) t = t / (1.0 + sqrt(1.0 + t * t));
    for (int i = 21, sign = 1; i > 0; i -= 2, sign = -sign) guess = guess * (t * t) + (double)sign / i;
    guess *= 8.0 * t;
    guess = (size > 1.0 ? 1.5707963267948966 - guess : guess) - 0x1p-42;
    wide result = {{0}}, sine = {{0}}, cosine = wide_one;
    if (guess > 0.0) {
        result = wide_of(guess);
        sine = accurate_series(result, 0);
        cosine = accurate_series(result, 1);
    }
    const wide across = wide_difference(wide_product(high, cosine), wide_product(low, sine));
    const wide along = wide_sum(wide_product(low, cosine), wide_product(high, sine));
    const wide tangent = wide_product(across, wide_inverse(along)), square = wide_product(tangent, tangent);
    wide power = tangent, added = {{0}}, taken = {{0}};
    for (uint32_t i = 1; !wide_is_zero(power); i += 2) {
        if (i & 2) taken = wide_sum(taken, wide_over(power, i));
        else added = wide_sum(added, wide_over(power, i));
        power = wide_product(power, square);
    }
    return copysign(nearest(wide_sum(result, wide_difference(added, taken)), 0), x);
}
static double accurate_erf(double x)
{
    int exponent, e;
    if (x != x || x == 0.0) return x;
    if (fabs(x) >= 6.0) return x > 0.0 ? 1.0 : -1.0;
    /* erf(x) / x = 2/sqrt(pi) * e^(-x^2) * (1 + 2x^2/3 + (2x^2)^2/(3*5) + ...) (Abramowitz and Stegun, 7.1.6) */
    const uint64_t whole = whole_of(x, &exponent);
    const wide size = wide_of(fabs(x)), square = wide_product(size, size);
    const wide power = accurate_power_of_e(square, 1, &e);
    wide term = wide_shifted(power, e), total = term;
    for (uint32_t i = 3; !wide_is_zero(term); i += 2) {
        term = wide_over(wide_product(term, wide_shifted(square, 1)), i);
        total = wide_sum(total, term);
    }
    total = wide_product(wide_product(total, wide_of_whole(whole, -52)), wide_two_over_root_of_pi);
    return copysign(nearest(total, exponent + 52), x);
}
/* x^y for positive x other than 1 if a double, or the middle of two, may be equal to it; else negative. */
static double exact_power(double x, double y)
{
    int shift, times_shift;
    uint64_t odd = whole_of(x, &shift), times = whole_of(y, &times_shift);
    for (; !(odd & 1); shift++) odd >>= 1;
    for (; !(times & 1); times_shift++) times >>= 1;
    for (; times_shift < 0; times_shift++) { /* a root, of the root */
        const uint64_t root = (uint64_t)sqrt((double)odd);
        if (shift % 2 || root * root != odd) return -1.0;
        odd = root;
        shift /= 2;
    }
    if (odd == 1) {
        const double power = scaled((double)times, times_shift) * shift;
        const double exponent = y < 0.0 ? -power : power;
        return scaled(1.0, exponent > 3000.0 ? 3000 : exponent < -3000.0 ? -3000 : (int)exponent);
    }
    if (y < 0.0 || times_shift > 5 || times << times_shift > 34) return -1.0; /* 3^34 has 54 bits */
    uint64_t power = 1;
    const int count = (int)(times << times_shift);
    for (int i = 0; i < count; i++) {
        if (power > ((uint64_t)1 << 54) / odd) return -1.0;
        power *= odd;
    }
    /* Of 54 bits, it is a middle where results are normal; others are none, and no double. */
    if (power >> 53 && shift * count < -1070) return -1.0;
    return scaled((double)power, shift * count);
}
static double accurate_pow(double x, double y)
{
    if (y == 0.0 || x == 1.0) return 1.0;
    if (x != x || y != y) return NAN;
    const double size = fabs(x), way = fabs(y);
    const int is_whole = way >= 0x1p52 || (double)(long long)way == way;
    const int is_odd = way < 0x1p53 && is_whole && (long long)way % 2;
    const double sign = is_odd && signbit(x) ? -1.0 : 1.0;
    if (way == INFINITY) return size == 1.0 ? 1.0 : (size > 1.0) == (y > 0.0) ? INFINITY : 0.0;
    if (x == 0.0 || size == INFINITY) return (x == 0.0) == (y > 0.0) ? sign * 0.0 : sign * INFINITY;
    if (x < 0.0 && !is_whole) return NAN;
    if (size == 1.0) return sign;
    const double exact = exact_power(size, y);
    if (exact >= 0.0) return sign * exact;
    int exponent, shift, negative;
    const uint64_t whole_base = whole_of(size, &exponent), whole = whole_of(way, &shift);
    const wide log = accurate_logarithm(wide_of_whole(whole_base, -52), exponent + 52, &negative);
    const double about = rough(log) * way;
    const int down = negative != (y < 0.0);
    if (about < 0x1p-60) return sign;
    if (about > 800.0) return down ? sign * 0.0 : sign * INFINITY;
    const wide product = wide_shifted(wide_product(log, wide_of_whole(whole, -53)), shift + 53);
    const wide power = accurate_power_of_e(product, down, &exponent);
    return sign * nearest(power, exponent);
}
