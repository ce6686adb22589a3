
typedef double v${w} __attribute__((vector_size(${bytes})));
typedef long long n${w} __attribute__((vector_size(${bytes})));
typedef double u${w} __attribute__((vector_size(${bytes}), aligned(8), may_alias));
INLINE v${w} load${w}(const double *p) { return *(const u${w} *)p; }
INLINE void store${w}(double *p, v${w} x) { *(u${w} *)p = x; }
INLINE v${w} all${w}(double x) { const v${w} r = {${xs}}; return r; }
INLINE n${w} flag${w}(int x) { const long long y = -(long long)x; const n${w} r = {${ys}}; return r; }
INLINE n${w} equal${w}(long lane) { const n${w} lanes = {${numbers}}; return lanes == lane; }
INLINE v${w} keep${w}(n${w} flag, v${w} x) { return (v${w})(flag & (n${w})x); }
INLINE v${w} drop${w}(n${w} flag, v${w} x) { return (v${w})(~flag & (n${w})x); }
INLINE v${w} blend${w}(n${w} flag, v${w} a, v${w} b) { return (v${w})((flag & (n${w})a) | (~flag & (n${w})b)); }
INLINE v${w} rectify${w}(v${w} x) { return keep${w}(x > 0.0, x); }
INLINE v${w} positive${w}(v${w} x) { return keep${w}(x > 0.0, all${w}(1.0)); }
INLINE v${w} larger${w}(v${w} a, v${w} b) { return blend${w}(b > a, b, a); }
INLINE v${w} smaller${w}(v${w} a, v${w} b) { return blend${w}(b < a, b, a); }
INLINE v${w} magnitude${w}(v${w} x) { return (v${w})((n${w})x & 0x7fffffffffffffffLL); }
${special}/* Zeros, if a flag is set that is the same for all lanes. */
#if defined(MASKS${w}) && HAS(__builtin_ia32_movapd512_mask)
INLINE v${w} drop_all${w}(int flag, v${w} x)
{
    const v${w} none = {0.0};
    return __builtin_ia32_movapd512_mask(x, none, (unsigned char)(flag - 1));
}
#else
INLINE v${w} drop_all${w}(int flag, v${w} x) { return drop${w}(flag${w}(flag), x); }
#endif
