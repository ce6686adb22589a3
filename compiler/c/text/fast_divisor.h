#define VECTOR ${w}
typedef struct { ${number} reciprocal; } divisor;
INLINE divisor divisor_of(${number} y) { const divisor d = {1 / y}; return d; }
INLINE divisor frequent_divisor(${number} y) { return divisor_of(y); }
