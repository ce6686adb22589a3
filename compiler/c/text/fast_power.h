/* Halves of whole numbers as exponents that are known here are products and roots. */
INLINE ${type} power${w}(${type} x, ${type} y)
{
    const ${number} exponent = ${first};
    if (__builtin_constant_p(exponent)) {
        const int halves = (int)(2 * exponent);
        if (halves == 2 * exponent && halves >= -8 && halves <= 8) {
            const int count = (halves < 0 ? -halves : halves) / 2;
            /* A reciprocal first: the square of a large number would be infinite. */
            if (halves < 0) x = 1 / x;
            ${type} r = halves % 2 ? ${root}(x) : ${one};
            for (int i = 0; i < count; i++) r *= x;
            return r;
        }
    }
${general}}
