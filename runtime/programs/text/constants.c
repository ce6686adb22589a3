/* What a step counted from 0 divides a moment by; adam.py has the same line. */
static double bias_correction(double beta, double step, double last)
{
    /* Later powers are lost in the difference, and take longest. */
    return step < last ? 1 - ${power}(beta, step + 1) : 1;
}

/* Puts what all parameters share at a step of `total` where Adam reads it. */
static void set_step(memory *m, long step, long total, double learning_rate)
{
    const double before = (double)step;
    m->step_constants[0] = (${number})(learning_rate * (1 - before / (double)total));
    m->step_constants[1] = (${number})bias_correction(${beta1}, before, ${last1});
    m->step_constants[2] = (${number})bias_correction(${beta2}, before, ${last2});
}
