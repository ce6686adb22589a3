
/* Correctly rounded: what Python computes outside of the programs. */
double ${prefix}_log(double x);
double ${prefix}_cos(double x);
double ${prefix}_sin(double x);
