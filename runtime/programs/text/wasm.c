/* What the module exports, for microgpt.js: one model, and random numbers of its own. */

#include "${prefix}.h"
#include <math.h>
#include <stdint.h>
#include <string.h>
${weights}
#define EXPORT(name) __attribute__((export_name(name)))

${functions}
${random}
${gauss}
static ${prefix}_state model __attribute__((aligned(64)));
static int tokens[2 * ${PREFIX}_BLOCK];

EXPORT("begin") void wasm_begin(void) { ${prefix}_initialize(&model); }
EXPORT("exact") int wasm_exact(void) { return ${prefix}_exact(); }
EXPORT("state") double *wasm_state(void) { return model.numbers; }
EXPORT("index") int *wasm_index(void) { return tokens; }
#if ${PREFIX}_HAS_WEIGHTS
EXPORT("trained") void wasm_trained(void)
{
    memcpy(${prefix}_parameters(&model), ${prefix}_weights, sizeof ${prefix}_weights);
}
#endif

EXPORT("seed") void wasm_seed(uint32_t seed)
{
    seed_random(seed);
    has_gauss = 0;
}
EXPORT("uniform") double wasm_uniform(void) { return random_number(); }
EXPORT("gauss") double wasm_gauss(double deviation) { return random_gauss(deviation); }
EXPORT("below") uint32_t wasm_below(uint32_t limit) { return random_below(limit); }

/* A step of `total` with the document whose tokens, then targets, are in `tokens`; returns the loss. */
EXPORT("step") double wasm_step(int length, int step, int total, double learning_rate)
{
    double loss;
    ${prefix}_train(&model, &length, tokens, step, 1, total, learning_rate, &loss);
    return loss;
}
EXPORT("prepare") void wasm_prepare(void) { ${prefix}_prepare(&model); }
EXPORT("next") const double *wasm_next(int position, int token, double temperature)
{
    return ${prefix}_next(&model, position, token, temperature);
}
EXPORT("choose") int wasm_choose(const double *weights, double uniform) { return ${prefix}_choose(weights, uniform); }
