#define fabs(x) fabsf(x)
#define sqrt(x) sqrtf(x)
