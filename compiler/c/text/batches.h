
/* Of `count` numbers, in place. There is room to fill the last vector. */
#define FILL(x, count) for (long i = (count); i % VECTOR; i++) (x)[i] = 1.0
static __attribute__((noinline)) void exponentials(double *x, long count)
{
    FILL(x, count);
    for (long i = 0; i < count; i += VECTOR) store${w}(x + i, exponential${w}(load${w}(x + i)));
}
static __attribute__((noinline)) void logarithms(double *x, long count)
{
    FILL(x, count);
    for (long i = 0; i < count; i += VECTOR) store${w}(x + i, logarithm${w}(load${w}(x + i)));
}
static __attribute__((noinline)) void powers(double *x, long count, double exponent)
{
    FILL(x, count);
    for (long i = 0; i < count; i += VECTOR) store${w}(x + i, power${w}(load${w}(x + i), all${w}(exponent)));
}
static __attribute__((noinline)) void squares(double *x, long count)
{
    FILL(x, count);
    for (long i = 0; i < count; i += VECTOR) store${w}(x + i, settled_square${w}(load${w}(x + i)));
}
static __attribute__((noinline)) void roots(double *x, long count)
{
    FILL(x, count);
    for (long i = 0; i < count; i += VECTOR) store${w}(x + i, settled_root${w}(load${w}(x + i)));
}
