
double ${prefix}_log(double x) { return log(x); }
double ${prefix}_cos(double x) { return cos(x); }
double ${prefix}_sin(double x) { return sin(x); }
