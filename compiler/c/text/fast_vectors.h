
typedef ${number} v${w} __attribute__((vector_size(${bytes})));
typedef ${whole} n${w} __attribute__((vector_size(${bytes})));
typedef ${number} u${w} __attribute__((vector_size(${bytes}), aligned(${size}), may_alias));
INLINE v${w} load${w}(const ${number} *p) { return *(const u${w} *)p; }
INLINE void store${w}(${number} *p, v${w} x) { *(u${w} *)p = x; }
INLINE v${w} all${w}(${number} x) { const v${w} r = {${xs}}; return r; }
INLINE n${w} flag${w}(int x) { const ${whole} y = -(${whole})x; const n${w} r = {${ys}}; return r; }
INLINE n${w} equal${w}(long lane) { const n${w} lanes = {${numbers}}; return lanes == (${whole})lane; }
INLINE v${w} load_part${w}(const ${number} *p, long count)
{
${load_part}}
INLINE void store_part${w}(${number} *p, v${w} x, long count)
{
${store_part}}
typedef int i${w} __attribute__((vector_size(4 * ${w}), aligned(4), may_alias));
INLINE n${w} entries${w}(const int *p) { return __builtin_convertvector(*(const i${w} *)p, n${w}); }
/* From each lane's own place. */
INLINE v${w} choose${w}(const ${number} *p, const int *chosen, long stride, long step)
{
${choose}}
INLINE v${w} keep${w}(n${w} flag, v${w} x) { return (v${w})(flag & (n${w})x); }
INLINE v${w} drop${w}(n${w} flag, v${w} x) { return (v${w})(~flag & (n${w})x); }
INLINE v${w} drop_all${w}(int flag, v${w} x) { return drop${w}(flag${w}(flag), x); }
INLINE v${w} blend${w}(n${w} flag, v${w} a, v${w} b) { return (v${w})((flag & (n${w})a) | (~flag & (n${w})b)); }
INLINE v${w} rectify${w}(v${w} x) { return keep${w}(x > 0, x); }
INLINE v${w} positive${w}(v${w} x) { return keep${w}(x > 0, all${w}(1)); }
INLINE v${w} larger${w}(v${w} a, v${w} b)
{
${larger}}
INLINE v${w} smaller${w}(v${w} a, v${w} b)
{
${smaller}}
INLINE v${w} magnitude${w}(v${w} x) { return (v${w})((n${w})x & ${most}); }
INLINE v${w} square_root${w}(v${w} x)
{
${root}}
INLINE v${w} quotient${w}(v${w} x, divisor y) { return x * y.reciprocal; }
INLINE v${w} ratio${w}(v${w} x, v${w} y, long lane)
{
    (void)lane;
${over}}
INLINE v${w} settled_square${w}(v${w} x) { return x * x; }
INLINE v${w} settled_root${w}(v${w} x) { return square_root${w}(x); }
INLINE v${w} settled_inverse${w}(v${w} x) { return 1 / x; }
INLINE v${w} settled_inverse_root${w}(v${w} x) { return square_root${w}(1 / x); }
INLINE v${w} settled_inverse_square${w}(v${w} x) { const v${w} r = 1 / x; return r * r; }
INLINE v${w} settled_inverse_root_cube${w}(v${w} x) { const v${w} r = 1 / x; return square_root${w}(r) * r; }
/* x * 2^n, where n is whole, and the last bits of `shifted`. The power of 2 is multiplied in halves, each
   of which is a number, also where the result overflows or vanishes. */
INLINE v${w} scaled${w}(v${w} x, v${w} n, v${w} shifted)
{
    (void)n;
    (void)shifted;
${scaled}}
/* 2^n times the series of the rest, which is at most ln(2)/2. A sum of so large a number has no digits behind the point. */
INLINE v${w} exponential${w}(v${w} x)
{
    x = smaller${w}(larger${w}(x, all${w}(${lowest})), all${w}(${highest}));
    const v${w} shifted = x * (${number})1.4426950408889634 + (${number})${to_whole}, n = shifted - (${number})${to_whole};
    const v${w} rest = (x - n * (${number})${log2_high}) - n * (${number})${log2_low};
    v${w} r = all${w}((${number})(1.0 / ${factorial}));
    ${exponential_terms}
    return scaled${w}(r, n, shifted);
}
/* exponent * ln(2) and the series of the inverse hyperbolic tangent of (m - 1) / (m + 1), for m from sqrt(1/2) to sqrt(2). */
INLINE v${w} logarithm${w}(v${w} x)
{
    const n${w} tiny = x < ${least};
    const v${w} normal = blend${w}(tiny, x * (${number})${scale}, x);
    const n${w} exponent = ((n${w})normal - ${root_half}) >> ${mantissa};
    const v${w} m = (v${w})((n${w})normal - (exponent << ${mantissa}));
    const v${w} s = (m - 1) / (m + 1), z = s * s;
    v${w} r = all${w}((${number})(2.0 / ${odd}));
    ${logarithm_terms}
    const v${w} power = __builtin_convertvector(exponent - (tiny & ${scale_bits}), v${w});
    r = s * r + (power * (${number})${log2_low} + power * (${number})${log2_high});
    r = blend${w}(x == 0, all${w}(-(${number})INFINITY), r);
    return blend${w}((x > 0) & (x < (${number})INFINITY), r, blend${w}(x > 0, x, blend${w}(x == 0, r, all${w}((${number})NAN))));
}
