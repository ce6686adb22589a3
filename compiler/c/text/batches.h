
/* Of `count` numbers, in place. There is room to fill the last vector. */
#define FILL(x, count) for (long i = (count); i % VECTOR; i++) (x)[i] = 1.0
${kept} void exponentials(${number} *x, long count)
{
    FILL(x, count);
    for (long i = 0; i < count; i += VECTOR) store${w}(x + i, exponential${w}(load${w}(x + i)));
}
${kept} void logarithms(${number} *x, long count)
{
    FILL(x, count);
    for (long i = 0; i < count; i += VECTOR) store${w}(x + i, logarithm${w}(load${w}(x + i)));
}
${kept} void powers(${number} *x, long count, ${number} exponent)
{
    FILL(x, count);
    for (long i = 0; i < count; i += VECTOR) store${w}(x + i, power${w}(load${w}(x + i), all${w}(exponent)));
}
${kept} void squares(${number} *x, long count)
{
    FILL(x, count);
    for (long i = 0; i < count; i += VECTOR) store${w}(x + i, settled_square${w}(load${w}(x + i)));
}
${kept} void roots(${number} *x, long count)
{
    FILL(x, count);
    for (long i = 0; i < count; i += VECTOR) store${w}(x + i, settled_root${w}(load${w}(x + i)));
}
${kept} void inverses(${number} *x, long count)
{
    FILL(x, count);
    for (long i = 0; i < count; i += VECTOR) store${w}(x + i, settled_inverse${w}(load${w}(x + i)));
}
${kept} void inverse_roots(${number} *x, long count)
{
    FILL(x, count);
    for (long i = 0; i < count; i += VECTOR) store${w}(x + i, settled_inverse_root${w}(load${w}(x + i)));
}
${kept} void inverse_squares(${number} *x, long count)
{
    FILL(x, count);
    for (long i = 0; i < count; i += VECTOR) store${w}(x + i, settled_inverse_square${w}(load${w}(x + i)));
}
${kept} void inverse_root_cubes(${number} *x, long count)
{
    FILL(x, count);
    for (long i = 0; i < count; i += VECTOR) store${w}(x + i, settled_inverse_root_cube${w}(load${w}(x + i)));
}
