INLINE v${w} power${w}(v${w} x, v${w} y)
{
    v${widest} wide = all${widest}(1.0), exponents = wide;
    UNROLL
    for (int i = 0; i < ${w}; i++) {
        wide[i] = x[i];
        exponents[i] = y[i];
    }
    wide = power${widest}(wide, exponents);
    UNROLL
    for (int i = 0; i < ${w}; i++) x[i] = wide[i];
    return x;
}
