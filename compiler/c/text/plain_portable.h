
/* Without vectors, powers and logarithms are guessed likewise; powers err the more, the larger their logarithms are. */
#define MOST_exp 700.0
#define MOST_log 0x1p900
INLINE unrounded unrounded_exp(double x) { return unrounded_power_of_e(x, 0.0, 0.0); }
INLINE unrounded unrounded_log(double x)
{
    const unrounded number = {x, 0.0};
    return unrounded_logarithm(number);
}
static NOINLINE double portable_pow(double x, double y)
{
    if (x > 0x1p-900 && x < MOST_log && fabs(y) < 0x1p900) {
        const unrounded log_x = unrounded_log(x);
        const double product = log_x.sum * y, rest = lost_by(log_x.sum, y, product) + log_x.rest * y;
        if (fabs(product) < MOST_exp) {
            const unrounded power = unrounded_power_of_e(product, rest, 0.0);
            const double margin = power.sum * (1.0 + fabs(product)) * SERIES_MARGIN, high = power.sum + (power.rest + margin);
            if (high == power.sum + (power.rest - margin)) return high;
        }
    }
    return accurate_pow(x, y);
}
