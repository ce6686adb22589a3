/* Prepares a memory, from an address that 64 divides. */
void ${prefix}rows_begin(double *m)
{
${begins}
}

/* `rows` and `numbers` have the floats and the indices of all rows, one after the other, and `counts` how many they are,
   for each argument that is rows of data. */
void ${prefix}rows_run(double *m, const int *index, const double *const *rows, const int *const *numbers,
    const long long *counts)
{
    (void)index, (void)rows, (void)numbers, (void)counts;
${steps}
}
