
/* pow(x, 2), pow(x, 0.5), pow(x, -1) and pow(x, -0.5) of all lanes; a guess is worth it where a fused operation is one of the processor's. */
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
#else
INLINE v${w} settled_square${w}(v${w} x) { return settle_power${w}(x, x, all${w}(2.0), ALL_LANES); }
INLINE v${w} settled_root${w}(v${w} x) { return settle_power${w}(x, x, all${w}(0.5), ALL_LANES); }
INLINE v${w} settled_inverse${w}(v${w} x) { return settle_power${w}(x, x, all${w}(-1.0), ALL_LANES); }
INLINE v${w} settled_inverse_root${w}(v${w} x) { return settle_power${w}(x, x, all${w}(-0.5), ALL_LANES); }
#endif
