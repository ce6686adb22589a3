double ${prefix}_loss(${prefix}_state *s, int length, const int *index)
{
    lengths_of[length - 1](inside(s), index);
    for (int part = 0; part < PARTS; part++) gradients_of[length - 1][part](inside(s), index);
    return inside(s)->loss[0];
}

${constants}
${waiting}
${mean}
/* What one of `threads` does, each of which calls this with its number and all their states. In each round they compute a
   document each. Then gradients are added up in the order of the documents, each part of them by one thread for all
   documents: so sums stay with a core, and others' activations are only read. The last document of a batch is in the first
   thread's state, where the step is taken. So nothing depends on the number of threads. `losses` has room for each
   document, and in the end the mean of each step. */
void ${prefix}_train(
    ${prefix}_state *s, const int *lengths, const int *index, long first, long steps, long total, double learning_rate,
    double *losses, long batch, long thread, long threads, ${prefix}_state **states, long *progress)
{
    memory *m = inside(s);
    long *added = progress + STRIDE, *computed = added + STRIDE * PARTS; /* documents: of parts, and by threads */
    const divisor documents = divisor_of((${number})batch);
    for (long step = 0, number = 0; step < steps; step++) {
        ${prefix}_state *before = s;
        wait_for(progress, step);
        if (thread) memcpy(m->parameters, inside(states[0])->parameters, ${parameters} * sizeof(${number}));
        for (long left = batch; left;) {
            /* Its last document, which is the first thread's. */
            const long end = number + left - (left - 1) / threads * threads - 1, own = end - thread;
            if (own >= number) {
                const int *ix = index;
                for (long other = number; other < own; other++) ix += 2 * lengths[other];
                for (int part = 0; part < PARTS; part++) wait_for(added + STRIDE * part, number);
                lengths_of[lengths[own] - 1](m, ix);
                losses[own] = m->loss[0];
                publish(computed + STRIDE * thread, own + 1);
            }
            for (; number <= end; number++, left--) {
                ${prefix}_state *of = states[end - number];
                wait_for(computed + STRIDE * (end - number), number + 1);
                for (int part = (int)thread; part < PARTS; part += (int)threads) {
                    const long start = spans[part][0], size = (spans[part][1] - start) * (long)sizeof(${number});
                    ${number} *gradient = ${prefix}_gradient(of) + start;
                    if (left == batch) memset(gradient, 0, (size_t)size);
                    else if (before != of) memcpy(gradient, ${prefix}_gradient(before) + start, (size_t)size);
                    gradients_of[lengths[number] - 1][part](inside(of), index);
                    publish(added + STRIDE * part, number + 1);
                }
                before = of;
                index += 2 * lengths[number];
            }
        }
        if (thread) continue;
        for (int part = 0; part < PARTS; part++) wait_for(added + STRIDE * part, number);
        losses[step] = mean_of(losses + number - batch, batch);
        ${number} *gradient = ${prefix}_gradient(s);
        /* Arrays fill whole cache lines. */
        for (long i = 0; i < ${parameters}; i += ${w}) store${w}(gradient + i, quotient${w}(load${w}(gradient + i), documents));
        set_step(m, first + step, total, learning_rate);
${flush}        adam(m, index);
${restore}        publish(progress, step + 1);
    }
}
