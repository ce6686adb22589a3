double ${prefix}_loss(${prefix}_state *s, int length, const int *index)
{
    lengths_of[length - 1](inside(s), index);
    return inside(s)->loss[0];
}

void ${prefix}_train(
    ${prefix}_state *s, const int *lengths, const int *index, const double *constants, long steps, double *losses,
    long batch)
{
    ${number} *gradient = ${prefix}_gradient(s);
    const divisor documents = divisor_of((${number})batch);
    for (long step = 0; step < steps; step++) {
        double total = 0.0;
        memset(gradient, 0, ${parameters} * sizeof(${number}));
        for (long document = 0; document < batch; document++) {
            total += ${prefix}_loss(s, *lengths, index);
            index += 2 * *lengths++;
        }
        losses[step] = total / (double)batch;
        /* Arrays fill whole cache lines. */
        for (long i = 0; i < ${parameters}; i += ${w}) store${w}(gradient + i, quotient${w}(load${w}(gradient + i), documents));
        for (int i = 0; i < 3; i++) inside(s)->step_constants[i] = (${number})constants[3 * step + i];
        adam(inside(s), index);
    }
}
