INLINE v${w} ${name}${w}(v${w} x)
{
    v${widest} wide = all${widest}(1.0);
    UNROLL
    for (int i = 0; i < ${w}; i++) wide[i] = x[i];
    wide = ${name}${widest}(wide);
    UNROLL
    for (int i = 0; i < ${w}; i++) x[i] = wide[i];
    return x;
}
