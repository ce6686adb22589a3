double ${prefix}_loss(${prefix}_state *s, int length, const int *index)
{
    lengths_of[length - 1](inside(s), index);
    for (int part = 0; part < PARTS; part++) gradients_of[length - 1][part](inside(s), index);
    return inside(s)->loss[0];
}

${constants}
${waiting}
/* What one of `threads` does, each of which calls this with its number and all their states. Documents of a batch are
   computed side by side. Then their gradients are added up in their order, part by part: for each part, a document waits
   until the one before is done, and takes over the sum. The last document of a batch is the first thread's, which then
   takes the step. So nothing depends on the number of threads. */
void ${prefix}_train(
    ${prefix}_state *s, const int *lengths, const int *index, long first, long steps, long total, double learning_rate,
    double *losses, long batch, long thread, long threads, ${prefix}_state **states, long *progress)
{
    memory *m = inside(s);
    const divisor documents = divisor_of((${number})batch);
    for (long step = 0, number = 0; step < steps; step++) {
        wait_for(progress, step);
        if (thread) memcpy(m->parameters, inside(states[0])->parameters, ${parameters} * sizeof(${number}));
        for (long document = 0; document < batch; document++, number++) {
            const int length = lengths[number];
            const int *ix = index;
            index += 2 * length;
            if ((batch - 1 - document) % threads != thread) continue;
            lengths_of[length - 1](m, ix);
            losses[number] = m->loss[0];
            ${number} *own = ${prefix}_gradient(s), *before = ${prefix}_gradient(states[(batch - document) % threads]);
            for (int part = 0; part < PARTS; part++) {
                long *done = progress + STRIDE * (1 + part);
                const long first = spans[part][0], size = (spans[part][1] - first) * (long)sizeof(${number});
                wait_for(done, number);
                if (!document) memset(own + first, 0, (size_t)size);
                else if (before != own) memcpy(own + first, before + first, (size_t)size);
                gradients_of[length - 1][part](m, ix);
                publish(done, number + 1);
            }
        }
        if (thread) continue;
        ${number} *gradient = ${prefix}_gradient(s);
        /* Arrays fill whole cache lines. */
        for (long i = 0; i < ${parameters}; i += ${w}) store${w}(gradient + i, quotient${w}(load${w}(gradient + i), documents));
        set_step(m, first + step, total, learning_rate);
${flush}        adam(m, index);
${restore}        publish(progress, step + 1);
    }
}
