double ${prefix}_loss(${prefix}_state *s, int length, const int *index)
{
    lengths_of[length - 1](inside(s), index);
    return inside(s)->loss[0];
}

${constants}
void ${prefix}_train(
    ${prefix}_state *s, const int *lengths, const int *index, long first, long steps, long total, double learning_rate,
    double *losses)
{
    for (long step = 0; step < steps; step++) {
        losses[step] = ${prefix}_loss(s, lengths[step], index);
        index += 2 * lengths[step];
        set_step(inside(s), first + step, total, learning_rate);
${flush}        adam(inside(s), index);
${restore}    }
}
