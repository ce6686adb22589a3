
/* pow(x, 2), pow(x, 0.5), pow(x, -1), pow(x, -0.5), pow(x, -2) and pow(x, -1.5) of all lanes; a guess is worth it where
   a fused operation is one of the processor's. */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
INLINE v${w} settled_square${w}(v${w} x)
{
    int doubts;
    const v${w} r = square${w}(x, &doubts);
    return doubts ? settle_power${w}(r, x, all${w}(2.0), doubts) : r;
}
INLINE v${w} settled_root${w}(v${w} x)
{
    int doubts;
    const v${w} r = root${w}(x, &doubts, 0);
    return doubts ? settle_power${w}(r, x, all${w}(0.5), doubts) : r;
}
INLINE v${w} settled_inverse${w}(v${w} x)
{
    int doubts;
    const v${w} r = inverse${w}(x, &doubts);
    return doubts ? settle_power${w}(r, x, all${w}(-1.0), doubts) : r;
}
INLINE v${w} settled_inverse_root${w}(v${w} x)
{
    int doubts;
    const v${w} r = inverse_root${w}(x, &doubts);
    return doubts ? settle_power${w}(r, x, all${w}(-0.5), doubts) : r;
}
INLINE v${w} settled_inverse_square${w}(v${w} x)
{
    int doubts;
    const v${w} r = inverse_square${w}(x, &doubts);
    return doubts ? settle_power${w}(r, x, all${w}(-2.0), doubts) : r;
}
INLINE v${w} settled_inverse_root_cube${w}(v${w} x)
{
    int doubts;
    const v${w} r = inverse_root_cube${w}(x, &doubts);
    return doubts ? settle_power${w}(r, x, all${w}(-1.5), doubts) : r;
}
#else
INLINE v${w} settled_square${w}(v${w} x) { return settle_power${w}(x, x, all${w}(2.0), ALL_LANES); }
INLINE v${w} settled_root${w}(v${w} x) { return settle_power${w}(x, x, all${w}(0.5), ALL_LANES); }
INLINE v${w} settled_inverse${w}(v${w} x) { return settle_power${w}(x, x, all${w}(-1.0), ALL_LANES); }
INLINE v${w} settled_inverse_root${w}(v${w} x) { return settle_power${w}(x, x, all${w}(-0.5), ALL_LANES); }
INLINE v${w} settled_inverse_square${w}(v${w} x) { return settle_power${w}(x, x, all${w}(-2.0), ALL_LANES); }
INLINE v${w} settled_inverse_root_cube${w}(v${w} x) { return settle_power${w}(x, x, all${w}(-1.5), ALL_LANES); }
#endif
/* pow(x, -1) and pow(x, -0.5) of one number, by the same means where the exponent is known; and powers of zero, which an
   optimiser has many of. */
INLINE double pow1(double x, double y)
{
    if (__builtin_constant_p(y) && y > 0.0 && x == 0.0) return 0.0;
#ifdef FUSES
    if (__builtin_constant_p(y) && (y == -1.0 || y == -0.5)) {
        double r = 1.0 / (y == -1.0 ? x : __builtin_sqrt(x)), change;
        if (y == -1.0) {
            change = r * __builtin_fma(-r, x, 1.0);
        } else {
            const double near = r, square = near * near, lost = __builtin_fma(near, near, -square);
            change = near * 0.5 * (__builtin_fma(-square, x, 1.0) - lost * x);
            r = near + change;
            change = (near - r) + change;
        }
        const double size = __builtin_fabs(r);
        if (is_usual(size) && size - __builtin_fma(size, MARGIN, __builtin_fabs(change)) == size) return r;
    }
#endif
    return pow(x, y);
}
#undef pow
#define pow(x, y) pow1(x, y)
