int ${prefix}_exact(void)
{
    volatile double x = 1.0 + 0x1p-30, y = -(1.0 + 0x1p-29), tiny = 0x1p-1074;
    volatile double one = 1.0, less = 0x1p-53, more = 0x1.8p-53;
    const double a = x, b = y;
    return a * a + b == 0.0 && tiny + tiny == 0x1p-1073 && one + less == 1.0 && one + more == 1.0 + 0x1p-52;
}
