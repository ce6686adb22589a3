/* The library's own, correctly rounded. */
#define math_log ${prefix}_log
#define math_cos ${prefix}_cos
#define math_sin ${prefix}_sin

