static double next_gauss;
static int has_gauss;

static double random_gauss(double deviation)
{
    double z = next_gauss;
    if (!has_gauss) {
        double angle = random_number() * 6.283185307179586, radius = sqrt(-2.0 * math_log(1.0 - random_number()));
        z = math_cos(angle) * radius;
        next_gauss = math_sin(angle) * radius;
    }
    has_gauss = !has_gauss;
    return 0.0 + z * deviation;
}

static uint32_t random_below(uint32_t limit)
{
    int bits = 0;
    while (bits < 32 && limit >> bits) bits++;
    uint32_t r;
    do r = random_bits() >> (32 - bits);
    while (r >= limit);
    return r;
}
