/* The same for less than the widest vector. */
INLINE v${w} exponential${w}(v${w} x)
{
    v${widest} wide = all${widest}(1.0);
    for (int i = 0; i < ${w}; i++) wide[i] = x[i];
    wide = exponential${widest}(wide);
    for (int i = 0; i < ${w}; i++) x[i] = wide[i];
    return x;
}
INLINE v${w} logarithm${w}(v${w} x)
{
    v${widest} wide = all${widest}(2.0);
    for (int i = 0; i < ${w}; i++) wide[i] = x[i];
    wide = logarithm${widest}(wide);
    for (int i = 0; i < ${w}; i++) x[i] = wide[i];
    return x;
}
INLINE v${w} power${w}(v${w} x, v${w} y)
{
    v${widest} wide = all${widest}(2.0), exponents = all${widest}(1.0);
    for (int i = 0; i < ${w}; i++) { wide[i] = x[i]; exponents[i] = y[i]; }
    wide = power${widest}(wide, exponents);
    for (int i = 0; i < ${w}; i++) x[i] = wide[i];
    return x;
}
