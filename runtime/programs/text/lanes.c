enum { LANES = ${lanes}, MOST = 1024 };

/* What a document is read from, and its number in the run. */
typedef struct { const int *index; int length; long number; } document;

/* Computes documents side by side, each in a lane, and adds up their gradients. One that is shorter than the last goes on
   with its last token, in positions that have no share in its loss. So does all of a lane that is left. */
static void carry_out(memory *m, const document *documents, long count)
{
    int ix[2 * BLOCK * LANES];
    const int length = documents[count - 1].length;
    for (long lane = 0; lane < LANES; lane++) {
        const document *d = documents + (lane < count ? lane : 0);
        const ${number} share = lane < count ? 1 / (${number})d->length : 0;
        for (int i = 0; i < length; i++) {
            const int inside = i < d->length;
            const int *at = d->index + (inside ? i : d->length - 1);
            ix[i * LANES + lane] = at[0];
            ix[(length + i) * LANES + lane] = at[d->length];
            m->shares[i][lane] = inside ? share : 0;
        }
    }
    lengths_of[length - 1](m, ix);
}

double ${prefix}_loss(${prefix}_state *s, int length, const int *index)
{
    const document d = {index, length, 0};
    carry_out(inside(s), &d, 1);
    return inside(s)->loss[0][0];
}

/* Sorts documents by length: what stands side by side should be as long. */
static void sort(document *to, const int *lengths, const int *index, long first, long count)
{
    long place[BLOCK + 1] = {0};
    for (long i = 0; i < count; i++) place[lengths[i]]++;
    for (int length = 1, before = 0; length <= BLOCK; length++) {
        const long own = place[length];
        place[length] = before;
        before += own;
    }
    for (long i = 0; i < count; i++) {
        const document d = {index, lengths[i], first + i};
        to[place[lengths[i]]++] = d;
        index += 2 * lengths[i];
    }
}

/* Streaming stores, where the compiler has them. */
#if HAS(__builtin_nontemporal_store)
typedef float streamed __attribute__((vector_size(16), may_alias));
#define STREAM(to, from) __builtin_nontemporal_store(from, to)
#elif defined(__AVX512F__) && HAS(__builtin_ia32_movntps512)
typedef float streamed __attribute__((vector_size(64), may_alias));
#define STREAM(to, from) __builtin_ia32_movntps512((float *)(to), from)
#elif defined(__SSE2__) && HAS(__builtin_ia32_movntps)
typedef float streamed __attribute__((vector_size(16), may_alias));
#define STREAM(to, from) __builtin_ia32_movntps((float *)(to), from)
#endif
/* Copies a gradient to where another core has read the one before. A store to a line that another core holds takes ten
   times as long as a streaming one, which leaves it in memory alone, from where it is read more slowly: so only the last
   thread streams, for which all others wait. */
static NOINLINE void hand_over(${number} *to, const ${number} *from, int streams)
{
    const size_t size = ${parameters} * sizeof(${number});
#if defined(STREAM) && defined(__SSE2__)
    if (streams) {
        /* Arrays fill whole cache lines. */
        for (size_t i = 0; i < size; i += sizeof(streamed))
            STREAM((streamed *)((char *)to + i), *(const streamed *)((const char *)from + i));
        __builtin_ia32_sfence();
        return;
    }
#endif
    (void)streams;
    memcpy(to, from, size);
}

/* What one thread begins with. */
static void copy_state(${prefix}_state *to, ${prefix}_state *from)
{
    memcpy(${prefix}_parameters(to), ${prefix}_parameters(from), ${parameters} * sizeof(${number}));
    memcpy(${prefix}_first_moment(to), ${prefix}_first_moment(from), ${parameters} * sizeof(${number}));
    memcpy(${prefix}_second_moment(to), ${prefix}_second_moment(from), ${parameters} * sizeof(${number}));
}

${constants}
${waiting}
${mean}
/* What one of `threads` does, each of which calls this with its number and all their states. They take turns at the lanes
   full of documents that a batch consists of, and hand each other what they have added up. Then each takes the same step
   for itself: what one has changed reaches another core many times as slowly as this takes. If there are fewer such lanes
   than threads, the others have nothing to do. `losses` has room for each document, and in the end the mean of each step. */
void ${prefix}_train(
    ${prefix}_state *s, const int *lengths, const int *index, long first, long steps, long total, double learning_rate,
    double *losses, long batch, long thread, long threads, ${prefix}_state **states, long *progress)
{
    memory *m = inside(s);
    ${number} *gradient = ${prefix}_gradient(s);
    const divisor documents = divisor_of((${number})batch);
    const long most = (batch + LANES - 1) / LANES;
    if (threads > most) threads = most;
    if (thread >= threads) return;
    if (thread) copy_state(s, states[0]);
    for (long step = 0, number = 0; step < steps; step++) {
        memset(gradient, 0, ${parameters} * sizeof(${number}));
        for (long left = batch, turn = 0; left;) {
            document sorted[MOST];
            const long count = left < MOST ? left : MOST, parts = (count + LANES - 1) / LANES;
            sort(sorted, lengths + number, index, number, count);
            for (long part = parts - 1; part >= 0; part--, turn++) {
                /* Back and forth, as earlier parts take longer. */
                const long own = turn / threads % 2 ? threads - 1 - turn % threads : turn % threads;
                if (own != thread) continue;
                const document *group = sorted + part * count / parts;
                const long size = (part + 1) * count / parts - part * count / parts;
                carry_out(m, group, size);
                for (long i = 0; i < size; i++) losses[group[i].number] = m->loss[0][i];
            }
            for (long i = 0; i < count; i++) index += 2 * lengths[number++];
            left -= count;
        }
        if (threads > 1) {
            /* Others may still read what was handed over before, but not what was before that. */
            const long others = __atomic_load_n(progress, __ATOMIC_RELAXED) - step * threads;
            hand_over(m->handed_over[step % 2], gradient, others == threads - 1);
            __atomic_fetch_add(progress, 1, __ATOMIC_RELEASE);
            wait_for(progress, (step + 1) * threads);
        }
        /* Arrays fill whole cache lines. */
        for (long i = 0; i < ${parameters}; i += ${w}) {
            v${w} sum = all${w}(0);
            for (long other = 0; other < threads; other++)
                sum += load${w}((other == thread ? gradient : inside(states[other])->handed_over[step % 2]) + i);
            store${w}(gradient + i, quotient${w}(sum, documents));
        }
        if (!thread) losses[step] = mean_of(losses + number - batch, batch);
        set_step(m, first + step, total, learning_rate);
${flush}        adam(m, index);
${restore}    }
}
