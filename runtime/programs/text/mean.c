/* The mean of a batch's losses, added up in order. */
static double mean_of(const double *losses, long count)
{
    double sum = 0;
    for (long i = 0; i < count; i++) sum += losses[i];
    return sum / (double)count;
}
