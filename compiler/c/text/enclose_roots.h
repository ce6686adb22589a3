/* A root is r + (x - r*r) * half, where half is about 1 / (2*r): by Newton's iteration it lacks 2^-27 of the term, and 2^-14
   where r is rounded and the term half a unit. Of roots below TINY, half is too small, so that r is between zero and the
   root, or is the root. */
INLINE void ${name}${w}(const v${w} *x, v${w} *high, v${w} *low)
{
    const v${w} start@ = capped${w}(near_reciprocal_root${w}(x[@], -1), all${w}(1.0 / TINY));
    v${w} r@ = BY_UNIT(@) ? square_root${w}(x[@]) : x[@] * start@;
    v${w} half@ = (v${w})((n${w})start@ - (1LL << 52));
    const v${w} change@ = fused${w}(-r@, half@, all${w}(0.5));
    if (!BY_UNIT(@)) r@ = fused${w}(r@, change@, r@);
    if (!BY_UNIT(@)) half@ = fused${w}(half@, change@, half@);
    if (!BY_UNIT(@)) r@ = fused${w}(fused${w}(-r@, r@, x[@]), half@, r@);
    const v${w} added@ = fused${w}(r@, root_error${w}(r@), all${w}(TINY));
    const v${w} rest@ = fused${w}(-r@, r@, x[@]);
    const v${w} less@ = fused${w}(rest@, half@, -added@);
    const v${w} more@ = fused${w}(rest@, half@, added@);
    low[@] = r@ + less@;
    high[@] = r@ + more@;
}
