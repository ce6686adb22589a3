#if defined(__AVX512F__) && HAS(__builtin_ia32_rcp14ps512_mask) && HAS(__builtin_ia32_cmpps512_mask)
    /* A division of 16 numbers takes the divider 16 cycles, and it also takes roots. A step of Newton's method makes a
       reciprocal of 14 bits of it, but where something is infinite or no number. */
    const v16 near = __builtin_ia32_rcp14ps512_mask(y, y, 65535), found = x * (near + near * (1 - y * near));
    return __builtin_expect((int)__builtin_ia32_cmpps512_mask(found, found, 3, 65535, 4), 0) ? x / y : found;
