#include <time.h>

static team alone = {0, 1, 0, 0};

static void carry_out(memory *m, int length, const int *index, team *t)
{
    lengths_of[length - 1](m, index, t);
${parts}}

double ${prefix}_loss(${prefix}_state *s, int length, const int *index)
{
    carry_out(inside(s), length, index, &alone);
    return inside(s)->loss[0];
}

static double seconds(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The number of a step among those for which it is found out at the first ones what is worth it: one thread takes two
   steps, then all do. The second one counts: by then, numbers are in the caches of those who need them. */
enum { TRIED = 4, PERIOD = 128 };
static int next_trial(memory *m)
{
    const int number = (int)m->trials[2];
    m->trials[2] = (${number})((number + 1) % PERIOD);
    return number;
}

${constants}
${mean}
/* What one of `threads` does, each of which calls this with its number and the same state. They divide all that a step
   consists of, unless it has fewer positions than are worth it, or one thread was faster. Nothing depends on that. `losses`
   has room for each document, and in the end the mean of each step. */
void ${prefix}_train(
    ${prefix}_state *s, const int *lengths, const int *index, long first, long steps, long total, double learning_rate,
    double *losses, long batch, long thread, long threads, ${prefix}_state **states, long *progress)
{
    memory *m = inside(s);
    team own = {thread, threads, 0, progress};
    const divisor documents = divisor_of((${number})batch);
    (void)states;
    for (long step = 0; step < steps; step++) {
        long positions = 0, *together = progress + STRIDE * (1 + step % 2); /* others may not have read the last one */
        int trial = TRIED;
        double begun = 0;
        for (long i = 0; i < batch; i++) positions += lengths[i];
        if (!thread && threads > 1 && positions >= batch * ${shortest}) {
            trial = next_trial(m);
            begun = seconds();
            *together = trial < TRIED ? trial >= TRIED / 2 : m->trials[1] < m->trials[0];
        } else if (!thread) {
            *together = 0;
        }
        meet(&own);
        team *t = *together ? &own : &alone;
        if (t == &own || !thread) {
            ${number} *gradient = ${prefix}_gradient(s);
            const long start = part(t, 0, 0, ${parameters}, ${line}), end = part(t, 1, 0, ${parameters}, ${line});
            const int *ix = index;
            if (!t->number) set_step(m, first + step, total, learning_rate);
${zero}            for (long i = 0; i < batch; i++) {
                meet(t);
                carry_out(m, lengths[i], ix, t);
                meet(t);
                if (!t->number) losses[step * batch + i] = m->loss[0];
                ix += 2 * lengths[i];
            }
            /* Arrays fill whole cache lines. */
            for (long i = start; i < end && batch > 1; i += ${w})
                store${w}(gradient + i, quotient${w}(load${w}(gradient + i), documents));
            if (!t->number) losses[step] = mean_of(losses + step * batch, batch);
            meet(t);
${flush}            adam(m, ix, t);
${restore}        }
        /* The update takes as long as some positions. */
        if (trial < TRIED && trial % 2) m->trials[trial / 2] = (${number})((seconds() - begun) / (double)(positions + 10));
        lengths += batch;
        index += 2 * positions;
    }
}
