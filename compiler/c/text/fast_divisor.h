#define VECTOR ${w}
typedef struct { ${number} reciprocal; } divisor;
INLINE divisor divisor_of(${number} y) { const divisor d = {1 / y}; return d; }
