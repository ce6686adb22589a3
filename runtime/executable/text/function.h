/* All that the function works with: ${bytes} bytes. The caller owns it; what runs at once needs one each. */
typedef struct { ${number} numbers[${memory}]; } ${prefix}_state;

/* ${exactness} */
int ${prefix}_exact(void);
/* Prepares a state; once is enough. */
void ${prefix}_begin(${prefix}_state *state);
/* Computes the results. Where a result is not wanted, 0 stands for it. */
void ${prefix}(${prefix}_state *state${parameters});
