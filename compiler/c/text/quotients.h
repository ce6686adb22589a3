
/* Lanes of which a and b differ, and those of which x, not negative, is neither zero nor from `least` to `most`, as bits:
   the first lane's the lowest. */
#ifdef MASKS${w}
INLINE int beyond${w}(v${w} x, long long least, long long most, int lanes)
{
    const n${w} none = {0};
    return above${w}((n${w})x - least, none + (most - least), lanes);
}
INLINE int outside${w}(v${w} x, long long least, long long most)
{
    return beyond${w}(x, least, most, unlike${w}(x, all${w}(0.0)));
}
#else
INLINE int unlike${w}(v${w} a, v${w} b) { return signs${w}((n${w})(a != b)); }
INLINE int outside${w}(v${w} x, long long least, long long most)
{
    const n${w} below = (n${w})x - 1; /* negative for zero alone */
    return signs${w}(((below - least) & ~below) | (most - below));
}
#endif
/* x / y: a quotient that is off by less than one unit, corrected by its remainder (Markstein, 1990) unless that is known
   to change nothing. Without fused operations, it is divided. */
#ifdef FUSES
INLINE v${w} near_quotient${w}(v${w} x, divisor y)
{
    if (y.one) return x; /* as the corrections of an optimiser's moments are before long */
    const v${w} reciprocal = ${reciprocals}, q = fused${w}(x, reciprocal, x * ${rests});
    return y.sure ? q : fused${w}(fused${w}(-q, ${numbers}, x), reciprocal, q);
}
INLINE v${w} quotient${w}(v${w} x, divisor y)
{
    if (y.one) return x;
    if (__builtin_expect((!y.safe) | outside${w}(magnitude${w}(x), DIVIDEND_LEAST, DIVIDEND_MOST), 0)) return x / y.number;
    return near_quotient${w}(x, y);
}
#else
INLINE v${w} quotient${w}(v${w} x, divisor y) { return x / y.number; }
#endif
#ifdef MASKS${w}
/* x / y for a vector that begins at `lane`. By turns it is divided and computed by Newton's iteration, as the unit that
   divides works beside those that multiply and add. Let y be 2^k * b with b from 1 to 2, and u the unit of x / y. After
   two iterations, the reciprocal r lacks 2^-83 of 1/b and is rounded once: it errs by less than 2^-54 * (1 + 2^-29), or
   2^-54 * b relative to 1/b. x / y is at least 2^-53 / b units away from each midpoint of two doubles, since its
   numerator and b are whole numbers of 53 bits. x * r errs by less than one unit, so where x / y is near a midpoint, q is
   one of the two doubles around it, and its exact remainder times r errs by half a unit times 2^-54 * b. This is less
   than 2^-53 / b for b below 2 - 2^-28, so the sum lies on the side of the midpoint on which x / y is, and is rounded as
   x / y is. For larger b, the highest bits of r's fraction are zero; these, and sizes with which a remainder might lose
   bits, are divided. */
INLINE v${w} ratio${w}(v${w} x, v${w} y, long lane)
{
    if (lane & ${w}) return x / y;
    const v${w} one = all${w}(1.0);
    v${w} r = near_reciprocal${w}(y), error = fused${w}(-y, r, one);
    r = fused${w}(r, fused${w}(error, error, error), r);
    r = fused${w}(r, fused${w}(-y, r, one), r);
    const v${w} q = x * r;
    const n${w} high = (n${w})r & 0x000ffffc00000000LL, least = {0};
    const int sizes = outside${w}(magnitude${w}(x), RATIO_LEAST, RATIO_MOST) | beyond${w}(y, RATIO_LEAST, RATIO_MOST, -1);
    if (__builtin_expect(sizes | above${w}(least + 1, high, -1), 0)) return x / y;
    return fused${w}(fused${w}(-y, q, x), r, q);
}
#else
INLINE v${w} ratio${w}(v${w} x, v${w} y, long lane)
{
    (void)lane;
    return x / y;
}
#endif
