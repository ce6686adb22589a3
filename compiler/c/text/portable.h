
/* What programs call in place of libm's functions. */
static double portable_exp(double x) { return exponential${w}(all${w}(x))[0]; }
static double portable_log(double x) { return logarithm${w}(all${w}(x))[0]; }
static double portable_pow(double x, double y) { return power${w}(all${w}(x), all${w}(y))[0]; }
static double portable_sin(double x) { return accurate_sin(x); }
static double portable_cos(double x) { return accurate_cos(x); }
static double portable_tanh(double x) { return accurate_tanh(x); }
static double portable_sinh(double x) { return accurate_sinh(x); }
static double portable_cosh(double x) { return accurate_cosh(x); }
static double portable_atan(double x) { return accurate_atan(x); }
static double portable_erf(double x) { return accurate_erf(x); }
static double portable_log1p(double x) { return accurate_log1p(x); }
static double portable_expm1(double x) { return accurate_expm1(x); }
/* pow(x, 2), pow(x, 0.5) and pow(x, -1): one correctly rounded operation each, but for a root of minus infinity, or
   zero. */
INLINE v${w} settled_square${w}(v${w} x) { return x * x; }
INLINE v${w} settled_root${w}(v${w} x) { return blend${w}(x == -INFINITY, -x, square_root${w}(x) + 0.0); }
INLINE v${w} settled_inverse${w}(v${w} x) { return 1.0 / x; }
INLINE v${w} settled_inverse_root${w}(v${w} x) { return power${w}(x, all${w}(-0.5)); }
INLINE v${w} settled_inverse_square${w}(v${w} x) { return power${w}(x, all${w}(-2.0)); }
INLINE v${w} settled_inverse_root_cube${w}(v${w} x) { return power${w}(x, all${w}(-1.5)); }
