INLINE v${w} fused${w}(v${w} a, v${w} b, v${w} c)
{
    v${w} r;
    for (int i = 0; i < ${w}; i++) r[i] = __builtin_fma(a[i], b[i], c[i]);
    return r;
}
/* The sign bits of all lanes, the first lane's lowest. */
INLINE int signs${w}(n${w} x)
{
    int r = 0;
    for (int i = 0; i < ${w}; i++) r |= (x[i] < 0) << i;
    return r;
}
INLINE v${w} square_root${w}(v${w} x)
{
    v${w} r;
    for (int i = 0; i < ${w}; i++) r[i] = __builtin_sqrt(x[i]);
    return r;
}
