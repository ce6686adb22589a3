
/* What programs call in place of libm's functions. */
static double portable_exp(double x) { return exponential${w}(all${w}(x))[0]; }
static double portable_log(double x) { return logarithm${w}(all${w}(x))[0]; }
static double portable_pow(double x, double y) { return power${w}(all${w}(x), all${w}(y))[0]; }
/* pow(x, 2), pow(x, 0.5) and pow(x, -1): one correctly rounded operation each, but for a root of minus infinity, or
   zero. */
INLINE v${w} settled_square${w}(v${w} x) { return x * x; }
INLINE v${w} settled_root${w}(v${w} x) { return blend${w}(x == -INFINITY, -x, square_root${w}(x) + 0.0); }
INLINE v${w} settled_inverse${w}(v${w} x) { return 1.0 / x; }
INLINE v${w} settled_inverse_root${w}(v${w} x) { return power${w}(x, all${w}(-0.5)); }
INLINE v${w} settled_inverse_square${w}(v${w} x) { return power${w}(x, all${w}(-2.0)); }
INLINE v${w} settled_inverse_root_cube${w}(v${w} x) { return power${w}(x, all${w}(-1.5)); }
