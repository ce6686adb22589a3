/* Single operations, and how many doubles the widest vector has that the processor knows. */
double probe_power(double x, double y) { return pow(x, y); }
double probe_square(double x) { return pow(x, 2.0); }
double probe_root(double x) { return pow(x, 0.5); }
double probe_inverse(double x) { return pow(x, -1.0); }
double probe_exp(double x) { return exp(x); }
double probe_log(double x) { return log(x); }
double probe_muladd(double a, double b, double c) { return a * b + c; }
double probe_sum(double a, double b, double c) { return (a + b) + c; }
double probe_quotient(double a, double b) { return a / b; }
double probe_half(double x) { return x * 0.5; }
double probe_atan(double x) { return atan(x); }
double probe_cos(double x) { return cos(x); }
double probe_cosh(double x) { return cosh(x); }
double probe_erf(double x) { return erf(x); }
double probe_expm1(double x) { return expm1(x); }
double probe_log1p(double x) { return log1p(x); }
double probe_sin(double x) { return sin(x); }
double probe_sinh(double x) { return sinh(x); }
double probe_sqrt(double x) { return sqrt(x); }
double probe_tanh(double x) { return tanh(x); }
void probe_neighbours(double *m)
{
    m[0] = m[2] * m[4] - m[6];
    m[1] = m[3] * m[5] + m[7];
}
int probe_vector_width(void) { return WIDTH; }
