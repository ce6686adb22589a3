
static double portable_exp(double x) { return accurate_exp(x); }
static double portable_log(double x) { return accurate_log(x); }
static double portable_pow(double x, double y) { return accurate_pow(x, y); }
