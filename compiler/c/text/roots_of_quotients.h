INLINE void enclosed_roots_of_quotients${w}(const v${w} *x, divisor y, v${w} *high, v${w} *low)
{
    v${w} quotients[SEVERAL];
#ifdef FUSES
    if (y.safe && y.sure) {
        quotients[@] = fused${w}(x[@], y.reciprocals, x[@] * y.rests); /* see near_quotient */
    } else if (y.safe) {
        quotients[@] = near_quotient${w}(x[@], y);
    } else
#endif
    {
        quotients[@] = x[@] / y.number;
    }
    enclosed_roots_from${w}(quotients, x, high, low);
}
