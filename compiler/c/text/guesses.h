
/* Half of the unit in the last place of r; below a power of two the units are smaller, and these count. */
INLINE v${w} half_unit${w}(v${w} r) { return (v${w})((((n${w})r - 1) & 0x7ff0000000000000LL) - (53LL << 52)); }
/* Negative where pow() may give something else than r: where the exact power is farther from r than `allowed`, both
   measured alike, or r is not of a size for which the margin holds. */
INLINE n${w} doubt${w}(v${w} r, v${w} error, v${w} allowed)
{
    return (n${w})(allowed - magnitude${w}(error)) | outside${w}(r, LEAST, MOST);
}
/* Guesses pow(x, 2). The error of the product is exact by one fused operation. Where r is zero, so is the power. */
INLINE v${w} square${w}(v${w} x, n${w} *doubt)
{
    const v${w} r = x * x;
    *doubt = doubt${w}(r, fused${w}(x, x, -r), fused${w}(r, all${w}(-MARGIN), half_unit${w}(r)));
    return r;
}
/* Guesses pow(x, 0.5). With r = sqrt(x), the exact root is r + (x - r*r) / (2*r), up to 2^-53 units. */
INLINE v${w} root${w}(v${w} x, n${w} *doubt)
{
    const v${w} r = square_root${w}(x);
    *doubt = doubt${w}(r, fused${w}(-r, r, x), (r + r) * fused${w}(r, all${w}(-MARGIN), half_unit${w}(r)));
    return r;
}
