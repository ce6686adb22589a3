#if defined(_WIN32)
#define MICROGPT_EXPORT __declspec(dllexport)
#else
#define MICROGPT_EXPORT __attribute__((visibility("default")))
#endif

/* 1 if this build, here and now, has the bits of every other backend. 0 where the file itself cannot see to it: built
   by Clang with -ffp-contract=fast, linked with -ffast-math, or run in another rounding mode. */
MICROGPT_EXPORT int microgpt_exact(void);
/* How many doubles the memory must have, from an address that 64 divides. */
MICROGPT_EXPORT long microgpt_memory(void);
/* Prepares a memory: everything is zero, and the parameters are the caller's to fill in. */
MICROGPT_EXPORT void microgpt_initialize(double *m);
/* Where in the memory the parameters, their gradient, and the optimiser's two moments are. */
MICROGPT_EXPORT double *microgpt_parameters(double *m);
MICROGPT_EXPORT double *microgpt_gradient(double *m);
MICROGPT_EXPORT double *microgpt_first_moment(double *m);
MICROGPT_EXPORT double *microgpt_second_moment(double *m);
/* Where the keys and values of earlier positions are: for each position and layer, a key vector and a value vector. */
MICROGPT_EXPORT double *microgpt_cache(double *m);
/* The loss of one document of `length` tokens and its gradient: `index` has the tokens, then the targets. */
MICROGPT_EXPORT double microgpt_loss(double *m, int length, const int *index);
/* Trains for `steps` steps, one document each; `constants` has each one's learning rate and two bias corrections. */
MICROGPT_EXPORT void microgpt_train(
    double *m, const int *lengths, const int *index, const double *constants, long steps, double *losses);
/* To be called when the parameters have changed, before the next two. */
MICROGPT_EXPORT void microgpt_prepare(double *m);
/* The probability of each token after `token`, at a position of which all earlier ones have been seen. */
MICROGPT_EXPORT const double *microgpt_next(double *m, int position, int token, double temperature);
/* Chooses a token by a number from 0 to 1, as Python's random.choices does; -1 if the weights have no positive sum. */
MICROGPT_EXPORT int microgpt_choose(const double *weights, double uniform);
/* Draws documents that begin after `bos`, with the numbers from 0 to 1 in `uniform`, one a token. Each document is
   written to `tokens`, then -1. Stops after `documents`, or when fewer numbers are left than one document may need.
   Returns the documents drawn; `used` is how many numbers that took. Negative: a token's weights were not finite. */
MICROGPT_EXPORT long microgpt_sample(
    double *m, double temperature, int bos, long documents,
    const double *uniform, long numbers, int *tokens, long *used);

