/* libm's own functions. Compilers replace calls that they recognise, pow(x, 2.0) by x * x, which rounds otherwise.
   These pointers are read as if they were volatile, so that no compiler knows what they point to. */
${protected}