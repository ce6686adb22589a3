/* Called through pointers, so that no compiler puts something else in their place. */
static double (*const volatile math_log)(double) = log;
static double (*const volatile math_cos)(double) = cos;
static double (*const volatile math_sin)(double) = sin;
