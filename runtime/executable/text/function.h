/* ${name}, made by microgpt: the bits of Python's arithmetic, and nothing needed but libm. */
#ifndef ${PREFIX}_H
#define ${PREFIX}_H

#ifdef __cplusplus
extern "C" {
#endif

/* Doubles of memory that the function works in. Several threads need a memory each. */
#define ${PREFIX}_MEMORY ${memory}
/* How many numbers there are, and where among them each argument begins, row by row. */
${sizes}

/* 1 if this build, here and now, has the bits of every other backend; see the top of ${prefix}.c. */
int ${prefix}_exact(void);
/* Prepares a memory; once is enough. */
void ${prefix}_begin(double *memory);
/* Computes the results. Where a result is not wanted, 0 stands for it. */
void ${prefix}(double *memory${parameters});

#ifdef __cplusplus
}
#endif
#endif
