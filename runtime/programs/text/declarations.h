#if defined(_WIN32)
#define ${PREFIX}_API __declspec(dllexport)
#elif defined(__GNUC__)
#define ${PREFIX}_API __attribute__((visibility("default")))
#else
#define ${PREFIX}_API
#endif

/* All that the functions work with: ${bytes} bytes. The caller owns it; what runs at once needs one each. An address that
   64 divides is fastest. */
typedef struct { ${number} numbers[${memory}]; } ${prefix}_state;

/* 1 if this build, here and now, has the bits of every other backend. 0 where the file itself cannot see to it: built
   by Clang with -ffp-contract=fast, linked with -ffast-math, or run in another rounding mode. */
${PREFIX}_API int ${prefix}_exact(void);
/* How many numbers the state has. */
${PREFIX}_API long ${prefix}_memory(void);
/* Prepares a state: everything is zero, and the parameters are the caller's to fill in. */
${PREFIX}_API void ${prefix}_initialize(${prefix}_state *s);
/* Where in the state the parameters, their gradient, and the optimiser's two moments are. */
${PREFIX}_API ${number} *${prefix}_parameters(${prefix}_state *s);
${PREFIX}_API ${number} *${prefix}_gradient(${prefix}_state *s);
${PREFIX}_API ${number} *${prefix}_first_moment(${prefix}_state *s);
${PREFIX}_API ${number} *${prefix}_second_moment(${prefix}_state *s);
/* Where the keys and values of earlier positions are: for each position and layer, a key vector and a value vector. */
${PREFIX}_API ${number} *${prefix}_cache(${prefix}_state *s);
/* The loss of one document of `length` tokens and its gradient${added}: `index` has the tokens, then the targets. */
${PREFIX}_API double ${prefix}_loss(${prefix}_state *s, int length, const int *index);
/* Trains for `steps` steps, ${documents} each, of which the first has the number `first`, counted from 0, among `total`:
   over these, the learning rate falls from `learning_rate` to zero. */
${PREFIX}_API void ${prefix}_train(
    ${prefix}_state *s, const int *lengths, const int *index, long first, long steps, long total, double learning_rate,
    double *losses${batch});
/* To be called when the parameters have changed, before the next two. */
${PREFIX}_API void ${prefix}_prepare(${prefix}_state *s);
/* The probability of each token after `token`, at a position of which all earlier ones have been seen. */
${PREFIX}_API const ${number} *${prefix}_next(${prefix}_state *s, int position, int token, double temperature);
/* Chooses a token by a number from 0 to 1, as Python's random.choices does; -1 if the weights have no positive sum. */
${PREFIX}_API int ${prefix}_choose(const ${number} *weights, double uniform);
/* Draws documents that begin after `bos`. For each token, `bits` has two words of 32 random bits, of which its number from
   0 to 1 is made as Python's random.random() makes it. Each document is written to `tokens`, then -1. Stops after
   `documents`, or when fewer numbers are left than one document may need.
   Returns the documents drawn; `used` is how many numbers that took. Negative: a token's weights were not finite. */
${PREFIX}_API long ${prefix}_sample(
    ${prefix}_state *s, double temperature, int bos, long documents,
    const unsigned *bits, long numbers, int *tokens, long *used);

