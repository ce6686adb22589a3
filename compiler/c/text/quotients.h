
/* Negative where x, not negative, is neither zero nor from `least` to `most`, as bits; everywhere if `most` is NONE. */
INLINE n${w} outside${w}(v${w} x, long long least, long long most)
{
    const n${w} below = (n${w})x - 1; /* negative for zero alone */
    return ((below - least) & ~below) | (most - below);
}
/* x / y: a quotient that is off by less than one unit, corrected by its remainder (Markstein, 1990). Without fused
   operations, it is divided. */
#ifdef FUSES
INLINE v${w} quotient${w}(v${w} x, divisor y)
{
    if (__builtin_expect(signs${w}(outside${w}(magnitude${w}(x), y.least, y.most)), 0)) return x / y.number;
    const v${w} reciprocal = all${w}(y.reciprocal), q = fused${w}(x, reciprocal, x * y.rest);
    return fused${w}(fused${w}(-q, all${w}(y.number), x), reciprocal, q);
}
#else
INLINE v${w} quotient${w}(v${w} x, divisor y) { return x / y.number; }
#endif
