
/* Two numbers between which pow(x, 2) or pow(x, 0.5) lies; the larger is the result, unless one is no number. Rounding
   never reverses the order of two numbers. So it is enough to add to the exact power, before it is rounded once, at
   least what pow() errs by before it rounds, and to subtract as much. From LEAST to MOST that is MARGIN. WIDE is that
   bound for the largest and the smallest squares, whose logarithms are 710 and -708. That of roots is relative to them, and
   for one of 2^n it is 0.011 units and 1.04 * 2^-15 of them for each power of two: with n, the bits of ROOT_ERROR and of
   the root, shifted by 8, grow by 2^-15 units or more, from 0.0125 units at 2^-40. Below it, where they become less, TINY
   is enough: what is missing there is at most 2^-107.9, of a root of 2^-41.4. To subnormal squares, 2^-530 of the operand is
   added, which is a unit at least unless the square rounds to zero; zero is enclosed by zero alone. */
#if defined(__GLIBC__)
#define WIDE (0x1p-53 * 0.045)
#define ROOT_ERROR 0x3bfc29999999999aLL
INLINE v${w} root_error${w}(v${w} r) { return (v${w})(((n${w})r >> 8) + ROOT_ERROR); }
#else
#define WIDE MARGIN
INLINE v${w} root_error${w}(v${w} r)
{
    (void)r;
    return all${w}(MARGIN);
}
#endif
#define TINY 0x1p-106
/* r, or its neighbour towards r + rest in the lanes of `near`; no number for lanes of `nonzero` for which MARGIN does
   not hold. */
INLINE v${w} neighbour${w}(v${w} r, v${w} rest, n${w} near, n${w} nonzero)
{
    const n${w} least = (n${w})r - LEAST, most = MOST - (n${w})r, wrong = (least | most) < 0;
    return (v${w})(((n${w})r + (near & (((n${w})rest < 0) | 1))) | (wrong & nonzero & 0x7ff8000000000000LL));
}
#ifdef FUSES
INLINE v${w} enclosed_square${w}(v${w} x, v${w} *low)
{
    const v${w} size = magnitude${w}(x), added = size * fused${w}(size, all${w}(WIDE), all${w}(0x1p-530));
    *low = fused${w}(x, x, -added);
    return fused${w}(x, x, added);
}
#else
INLINE v${w} enclosed_square${w}(v${w} x, v${w} *low)
{
    const v${w} r = x * x, rest = fused${w}(x, x, -r), farthest = fused${w}(r, all${w}(MARGIN), magnitude${w}(rest));
    *low = neighbour${w}(r, rest, (n${w})(r - farthest != r), r != 0.0);
    return r;
}
#endif
/* Of several vectors, roots are computed side by side: each operation of a root waits for the one before. */
#define SEVERAL ${several}
/* Of several, whether this one is computed by the unit that divides: where 512-bit operations take two turns of the units
   that multiply and add, these have too much to do. */
#if defined(__znver3__) || defined(__znver4__)
#define BY_UNIT(number) ((number) & 1)
#else
#define BY_UNIT(number) 0
#endif
#ifdef MASKS${w}
${roots}INLINE v${w} enclosed_root_from${w}(v${w} x, v${w} from, v${w} *low)
{
    v${w} high;
    (void)from; /* roots near zero are enclosed together with zero */
    enclose_root${w}(&x, &high, low);
    return high;
}
INLINE void enclosed_roots_from${w}(const v${w} *x, const v${w} *from, v${w} *high, v${w} *low)
{
    (void)from;
    enclose_roots${w}(x, high, low);
}
#else
/* Where `from` is zero, so is x, or it should be. */
INLINE v${w} enclosed_root_from${w}(v${w} x, v${w} from, v${w} *low)
{
    const v${w} r = square_root${w}(x), allowed = (r + r) * fused${w}(r, all${w}(-MARGIN), half_unit${w}(r));
    const v${w} rest = fused${w}(-r, r, x);
    *low = neighbour${w}(r, rest, magnitude${w}(rest) > allowed, from != 0.0);
    return r;
}
INLINE void enclosed_roots_from${w}(const v${w} *x, const v${w} *from, v${w} *high, v${w} *low)
{
    for (int i = 0; i < SEVERAL; i++) high[i] = enclosed_root_from${w}(x[i], from[i], low + i);
}
#endif
INLINE v${w} enclosed_root${w}(v${w} x, v${w} *low) { return enclosed_root_from${w}(x, x, low); }
INLINE void enclosed_roots${w}(const v${w} *x, v${w} *high, v${w} *low) { enclosed_roots_from${w}(x, x, high, low); }
INLINE v${w} enclosed_root_of_quotient${w}(v${w} x, divisor y, v${w} *low)
{
#ifdef FUSES
    if (y.safe) return enclosed_root_from${w}(near_quotient${w}(x, y), x, low); /* see root_of_quotient */
#endif
    return enclosed_root${w}(x / y.number, low);
}
${roots_of_quotients}/* Of a quotient x / high, the one by `low`, or a number beyond it: both are positive. If `low` is smaller by some units,
   each is 2^-52 of it at most, so that its quotient is larger by two units of its own for each, and one for rounding twice.
   No number is one in either. */
INLINE v${w} other_quotient${w}(v${w} x, v${w} quotient, v${w} high, v${w} low)
{
#ifdef MASKS${w}
    (void)x;
    return (v${w})((n${w})quotient + (((n${w})high - (n${w})low) << 2));
#else
    (void)quotient;
    (void)high;
    return x / low;
#endif
}
/* Stores a vector but for the lanes in which the other one is not the same; these are returned. */
INLINE int store_sure${w}(double *p, v${w} x, v${w} other)
{
#if defined(MASKS${w}) && HAS(__builtin_ia32_storeupd512_mask)
    const int doubts = unlike${w}(x, other);
    __builtin_ia32_storeupd512_mask(p, x, (unsigned char)~doubts);
    return doubts;
#else
    const n${w} same = x == other;
    store${w}(p, blend${w}(same, x, load${w}(p)));
    return ALL_LANES & ~signs${w}(same);
#endif
}
/* pow(x, y) in lanes of `doubts`, for a positive y. Powers of zero are zero. */
INLINE v${w} settle_enclosed${w}(v${w} high, v${w} x, double y, int doubts)
{
    const v${w} r = keep${w}(x != 0.0, high);
    const int rest = doubts & unlike${w}(x, all${w}(0.0));
    return rest ? settle_power${w}(r, x, all${w}(y), rest) : r;
}
