/* The Mersenne Twister (Matsumoto and Nishimura, 1998), seeded as CPython seeds it with a whole number below 2^32. */
static uint32_t state[624];
static int state_at;

static void seed_random(uint32_t seed)
{
    state[0] = 19650218u;
    for (uint32_t i = 1; i < 624; i++) state[i] = 1812433253u * (state[i - 1] ^ (state[i - 1] >> 30)) + i;
    uint32_t i = 1;
    for (int k = 0; k < 624; k++) {
        state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1664525u)) + seed;
        if (++i >= 624) { state[0] = state[623]; i = 1; }
    }
    for (int k = 0; k < 623; k++) {
        state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1566083941u)) - i;
        if (++i >= 624) { state[0] = state[623]; i = 1; }
    }
    state[0] = 0x80000000u;
    state_at = 624;
}

static uint32_t random_bits(void)
{
    if (state_at >= 624) {
        for (int k = 0; k < 624; k++) {
            uint32_t y = (state[k] & 0x80000000u) | (state[(k + 1) % 624] & 0x7fffffffu);
            state[k] = state[(k + 397) % 624] ^ (y >> 1) ^ (y & 1u ? 0x9908b0dfu : 0u);
        }
        state_at = 0;
    }
    uint32_t y = state[state_at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

static double random_number(void)
{
    uint32_t a = random_bits() >> 5, b = random_bits() >> 6;
    return ((double)a * 67108864.0 + (double)b) * (1.0 / 9007199254740992.0);
}
