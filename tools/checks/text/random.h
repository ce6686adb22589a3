#define JOIN_(name, width) name##width
#define JOIN(name, width) JOIN_(name, width)
#define VECTOR(name) JOIN(name, WIDTH)
static unsigned long long state;
static unsigned long long next(void)
{
    unsigned long long z = state += 0x9e3779b97f4a7c15ULL; /* splitmix64 (Steele, Lea and Flood, 2014) */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}
/* From `least` to `most`, evenly. */
static double even(double least, double most) { return least + (most - least) * ((double)(next() >> 11) * 0x1p-53); }
/* Of either sign, with any mantissa, and exponents from `least` to `most`. */
static double of_size(int least, int most)
{
    const unsigned long long exponent = (unsigned long long)(1023 + least) + next() % (unsigned)(most - least + 1);
    const unsigned long long bits = (next() & 0x800fffffffffffffULL) | exponent << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
