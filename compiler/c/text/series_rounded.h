static NOINLINE double portable_${name}(double x)
{
    if (fabs(x) > 0x1p-900 && fabs(x) < MOST_${name}) {
        const unrounded y = unrounded_${name}(x);
        const double margin = fabs(y.sum) * SERIES_MARGIN, high = y.sum + (y.rest + margin);
        if (high == y.sum + (y.rest - margin)) return high;
    }
    return accurate_${name}(x);
}
