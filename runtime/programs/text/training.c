double ${prefix}_loss(${prefix}_state *s, int length, const int *index)
{
    lengths_of[length - 1](inside(s), index);
    return inside(s)->loss[0];
}

void ${prefix}_train(
    ${prefix}_state *s, const int *lengths, const int *index, const double *constants, long steps, double *losses)
{
    for (long step = 0; step < steps; step++) {
        losses[step] = ${prefix}_loss(s, lengths[step], index);
        index += 2 * lengths[step];
        for (int i = 0; i < 3; i++) inside(s)->step_constants[i] = (${number})constants[3 * step + i];
${flush}        adam(inside(s), index);
${restore}    }
}
