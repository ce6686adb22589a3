
/* Half of the unit in the last place of r; below a power of two the units are smaller, and these count. */
INLINE v${w} half_unit${w}(v${w} r) { return (v${w})((((n${w})r - 1) & 0x7ff0000000000000LL) - (53LL << 52)); }
/* Guesses pow(x, 2), and sets the bits of lanes for which pow() may give something else: where the exact power, whose
   distance from r is exact by one fused operation, is not safely nearer to r than to the next double; and where r is not
   of a size for which the margin holds. Units below r are not larger than those above it, so what is safe on that side
   is on both. Where r is zero, so is the power. */
INLINE v${w} square${w}(v${w} x, int *doubts)
{
    const v${w} r = x * x, farthest = fused${w}(r, all${w}(MARGIN), magnitude${w}(fused${w}(x, x, -r)));
    *doubts = unlike${w}(r - farthest, r) | outside${w}(r, LEAST, MOST);
    return r;
}
/* The same of pow(x, 0.5), of a vector that begins at `lane`. The exact root is
   r + (x - r*r) / (2*r), up to 2^-53 units, whatever r was computed by: by turns by the unit that divides, and by Newton's
   iteration beside it. `from` is zero where x is, or should be. */
#ifdef MASKS${w}
INLINE v${w} root_from${w}(v${w} x, v${w} from, int *doubts, long lane)
{
    const n${w} none = {0};
    const int nonzero = above${w}((n${w})from, none, -1); /* and so is minus zero, whose power is zero */
    if (lane & ${w}) {
        const v${w} r = square_root${w}(x), unit = r - (v${w})((n${w})r - 1); /* below r */
        const v${w} error = magnitude${w}(fused${w}(-r, r, x)), allowed = r * fused${w}(r, all${w}(-2 * MARGIN), unit);
        *doubts = exceed${w}(error, allowed, nonzero) | beyond${w}(r, LEAST, MOST, nonzero);
        return r;
    }
    const v${w} start = near_reciprocal_root${w}(x, nonzero);
    v${w} r = x * start, half = start * 0.5; /* which becomes 1 / (2*r) */
    const v${w} change = fused${w}(-r, half, all${w}(0.5));
    r = fused${w}(r, change, r);
    half = fused${w}(half, change, half);
    r = fused${w}(fused${w}(-r, r, x), half, r);
    r = fused${w}(fused${w}(-r, r, x), half, r);
    const v${w} farthest = fused${w}(magnitude${w}(fused${w}(-r, r, x)), half, r * MARGIN);
    *doubts = unlike${w}(r - farthest, r) | beyond${w}(r, LEAST, MOST, nonzero);
    return r;
}
#else
INLINE v${w} root_from${w}(v${w} x, v${w} from, int *doubts, long lane)
{
    const v${w} r = square_root${w}(x), allowed = (r + r) * fused${w}(r, all${w}(-MARGIN), half_unit${w}(r));
    const n${w} below = (n${w})r - 1, outside = ((below - LEAST) & ~((n${w})from - 1)) | (MOST - below);
    (void)lane;
    *doubts = signs${w}((n${w})(allowed - magnitude${w}(fused${w}(-r, r, x))) | outside);
    return r;
}
#endif
INLINE v${w} root${w}(v${w} x, int *doubts, long lane) { return root_from${w}(x, x, doubts, lane); }
/* A quotient of sizes that are not safe may be wrong, but is far from what has roots from LEAST to MOST. */
#ifdef FUSES
INLINE v${w} root_of_quotient${w}(v${w} x, divisor y, int *doubts, long lane)
{
    if (!y.safe) return root${w}(x / y.number, doubts, lane);
    return root_from${w}(near_quotient${w}(x, y), x, doubts, lane);
}
#else
INLINE v${w} root_of_quotient${w}(v${w} x, divisor y, int *doubts, long lane)
{
    return root${w}(x / y.number, doubts, lane);
}
#endif
/* The same of pow(x, -1), which is r + r * (1 - r*x), and of pow(x, -0.5), which is r + r * (1 - r*r*x) / 2, up to 2^-51
   units. The latter's r is first near it only. */
INLINE v${w} inverse${w}(v${w} x, int *doubts)
{
    const v${w} r = 1.0 / x, size = magnitude${w}(r);
    const v${w} farthest = fused${w}(size, all${w}(MARGIN), magnitude${w}(r * fused${w}(-r, x, all${w}(1.0))));
    *doubts = unlike${w}(size - farthest, size) | outside${w}(size, LEAST, MOST);
    return r;
}
INLINE v${w} inverse_root${w}(v${w} x, int *doubts)
{
    const v${w} near = 1.0 / square_root${w}(x), square = near * near, lost = fused${w}(near, near, -square);
    const v${w} change = near * 0.5 * (fused${w}(-square, x, all${w}(1.0)) - lost * x), r = near + change;
    const v${w} farthest = fused${w}(r, all${w}(MARGIN), magnitude${w}((near - r) + change));
    *doubts = unlike${w}(r - farthest, r) | outside${w}(r, LEAST, MOST);
    return r;
}
/* The same of pow(x, -2) and pow(x, -1.5): products of the factors that are near 1/x and 1/sqrt(x), what each product lost,
   and twice or three times what a factor is off by. Where r is zero, the power need not be. */
INLINE int near_boundary${w}(v${w} r, v${w} rest)
{
    const v${w} farthest = fused${w}(r, all${w}(MARGIN), magnitude${w}(rest));
    return unlike${w}(r - farthest, r) | outside${w}(r, LEAST, MOST) | (((1 << ${w}) - 1) & ~unlike${w}(r, all${w}(0.0)));
}
INLINE v${w} inverse_square${w}(v${w} x, int *doubts)
{
    const v${w} near = 1.0 / x, square = near * near, lost = fused${w}(near, near, -square);
    const v${w} change = fused${w}(square * 2.0, fused${w}(-near, x, all${w}(1.0)), lost), r = square + change;
    *doubts = near_boundary${w}(r, (square - r) + change);
    return r;
}
INLINE v${w} inverse_root_cube${w}(v${w} x, int *doubts)
{
    const v${w} near = 1.0 / square_root${w}(x), square = near * near, lost = fused${w}(near, near, -square);
    const v${w} cube = square * near, cube_lost = fused${w}(lost, near, fused${w}(square, near, -cube));
    const v${w} off = fused${w}(-square, x, all${w}(1.0)) - lost * x;
    const v${w} change = fused${w}(cube * 1.5, off, cube_lost), r = cube + change;
    *doubts = near_boundary${w}(r, (cube - r) + change);
    return r;
}
