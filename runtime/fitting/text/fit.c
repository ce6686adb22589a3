/* Prepares a memory of so many doubles, from an address that 64 divides. */
void fit_begin(double *m)
{
@begin@
}

/* Takes `steps` steps. `rows` and `indices` have the numbers of all examples, `order` the numbers of `batch` examples
   for each step, `constants` those of the optimiser for each step; `losses` takes the loss before each step. */
void fit(double *m, const double *rows, const int *indices, const long long *order, const double *constants,
         long long steps, long long batch, double *losses)
{
    (void)rows, (void)indices, (void)constants;
    for (long long step = 0; step < steps; step++) {
        double loss = 0.0;
        memcpy(m + EXAMPLE_WEIGHTS, m + PARAMETER, WEIGHTS * sizeof(double));
        memset(m + EXAMPLE_INITIAL, 0, WEIGHTS * sizeof(double));
        long long place = 0;
@blocks@
        for (; place < batch; place++, order++) {
@row@
            example(m + EXAMPLE, indices + *order * INDICES);
            memcpy(m + EXAMPLE_INITIAL, m + EXAMPLE_GRADIENT, WEIGHTS * sizeof(double));
            loss += m[EXAMPLE_LOSS];
        }
        loss /= (double)batch;
        for (long long i = 0; i < WEIGHTS; i++) m[GRADIENT + i] = m[EXAMPLE_INITIAL + i] / (double)batch;
@penalty@
@constants@
        update(m + UPDATE, 0);
@moves@
        losses[step] = loss;
    }
}
