/* ${about} */
#ifndef ${PREFIX}_H
#define ${PREFIX}_H

${sizes}

#ifdef __cplusplus
extern "C" {
#endif

${declarations}
#ifdef __cplusplus
}
#endif
#endif
