/* What there is of math.h without a C library: each is one instruction of WebAssembly. */
#define INFINITY __builtin_inf()
#define NAN __builtin_nan("")
#define fabs(x) __builtin_fabs(x)
#define sqrt(x) __builtin_sqrt(x)
#define copysign(x, y) __builtin_copysign(x, y)
#define signbit(x) __builtin_signbit(x)
