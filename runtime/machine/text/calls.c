
double roof_calls_${name}(long turns, double y)
{
    double x[64], total = 0.0;
    for (int i = 0; i < 64; i++) x[i] = 0.25 + 0.1 * i * y;
    for (long turn = 0; turn < turns; turn++)
        for (int i = 0; i < 64; i++) {
            total += ${expression};
            x[i] += 0x1p-40;
        }
    return total;
}
