"""The example that stands beside an exported library: it trains and samples as the Python program does, bit for bit."""

__all__ = ["MAIN", "MAKEFILE"]

MAKEFILE = """\
# Exactness needs these flags: no contraction to fused multiply-adds, and libm's own pow, exp and log.
CFLAGS ?= -std=gnu11 -O2 -march=native -fno-math-errno -fno-trapping-math -fno-ivopts -Wno-ignored-optimization-argument
EXACT = -ffp-contract=off -fno-builtin-pow -fno-builtin-exp -fno-builtin-log
WARNINGS = -Wall -Wextra -Werror

all: microgpt libmicrogpt.a

microgpt: main.o microgpt.o
\t$(CC) $(CFLAGS) $(EXACT) $(LDFLAGS) -o $@ main.o microgpt.o -lm

libmicrogpt.a: microgpt.o
\t$(AR) rcs $@ microgpt.o

%.o: %.c microgpt.h $(wildcard weights.h)
\t$(CC) $(CFLAGS) $(EXACT) $(WARNINGS) -c -o $@ $<

# The same program with every address and every undefined operation checked.
sanitized: main.c microgpt.c microgpt.h
\t$(CC) -std=gnu11 -O1 -g $(EXACT) $(WARNINGS) -fsanitize=address,undefined -fno-sanitize-recover=all \\
\t\t-o $@ main.c microgpt.c -lm

clean:
\trm -f microgpt sanitized libmicrogpt.a *.o

.PHONY: all clean
"""

MAIN = r"""/* Trains or samples with an exported model.

       microgpt train FILE STEPS [SEED]     one document a line; prints each loss, then samples
       microgpt sample COUNT [SEED]         with the weights that were exported

   The random numbers are those of Python's `random`, so this prints what the Python program prints. */

#include "microgpt.h"
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if MICROGPT_HAS_WEIGHTS
#include "weights.h"
#endif

static const char *const alphabet[] = {@ALPHABET@};
enum { CHARACTERS = MICROGPT_VOCABULARY - 1, BOS = CHARACTERS };

/* The Mersenne Twister (Matsumoto and Nishimura, 1998), seeded as CPython seeds it with a whole number below 2^32. */
static uint32_t state[624];
static int state_at;
static double next_gauss;
static int has_gauss;

static void seed_random(uint32_t seed)
{
    state[0] = 19650218u;
    for (uint32_t i = 1; i < 624; i++) state[i] = 1812433253u * (state[i - 1] ^ (state[i - 1] >> 30)) + i;
    uint32_t i = 1;
    for (int k = 0; k < 624; k++) {
        state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1664525u)) + seed;
        if (++i >= 624) { state[0] = state[623]; i = 1; }
    }
    for (int k = 0; k < 623; k++) {
        state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1566083941u)) - i;
        if (++i >= 624) { state[0] = state[623]; i = 1; }
    }
    state[0] = 0x80000000u;
    state_at = 624;
    has_gauss = 0;
}

static uint32_t random_bits(void)
{
    if (state_at >= 624) {
        for (int k = 0; k < 624; k++) {
            uint32_t y = (state[k] & 0x80000000u) | (state[(k + 1) % 624] & 0x7fffffffu);
            state[k] = state[(k + 397) % 624] ^ (y >> 1) ^ (y & 1u ? 0x9908b0dfu : 0u);
        }
        state_at = 0;
    }
    uint32_t y = state[state_at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

static double random_number(void)
{
    uint32_t a = random_bits() >> 5, b = random_bits() >> 6;
    return ((double)a * 67108864.0 + (double)b) * (1.0 / 9007199254740992.0);
}

static double random_gauss(double deviation)
{
    double z = next_gauss;
    if (!has_gauss) {
        double angle = random_number() * 6.283185307179586, radius = sqrt(-2.0 * log(1.0 - random_number()));
        z = cos(angle) * radius;
        next_gauss = sin(angle) * radius;
    }
    has_gauss = !has_gauss;
    return 0.0 + z * deviation;
}

static uint32_t random_below(uint32_t limit)
{
    int bits = 0;
    while (bits < 32 && limit >> bits) bits++;
    uint32_t r;
    do r = random_bits() >> (32 - bits);
    while (r >= limit);
    return r;
}

static void fail(const char *what)
{
    fprintf(stderr, "microgpt: %s\n", what);
    exit(1);
}

static void *allocate(size_t count, size_t size)
{
    void *block = calloc(count ? count : 1, size);
    if (!block) fail("out of memory");
    return block;
}

static char *text;

/* The documents of a file: one a line, stripped, blank lines dropped. They stand in `text`. */
static char **read_documents(const char *path, long *count)
{
    FILE *file = fopen(path, "rb");
    if (!file) fail("the file cannot be read");
    size_t size = 0, room = 1 << 16;
    text = allocate(room, 1);
    for (size_t got; (got = fread(text + size, 1, room - size - 1, file)) > 0;) {
        size += got;
        if (size + 1 < room) continue;
        char *larger = realloc(text, room *= 2);
        if (!larger) fail("out of memory");
        text = larger;
    }
    fclose(file);
    text[size] = 0;
    long lines = 1;
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    char **documents = allocate((size_t)lines, sizeof *documents);
    *count = 0;
    for (char *line = text, *end; line <= text + size; line = end + 1) {
        end = line + strcspn(line, "\n");
        *end = 0;
        char *first = line + strspn(line, " \t\r\v\f"), *last = end;
        while (last > first && strchr(" \t\r\v\f", last[-1])) *--last = 0;
        if (*first) documents[(*count)++] = first;
        if (end >= text + size) break;
    }
    if (!*count) fail("the file has no documents");
    return documents;
}

/* The tokens and targets of a document; returns its length. */
static int encode(const char *document, int *index)
{
    int tokens[MICROGPT_BLOCK + 2], length = 0;
    tokens[length++] = BOS;
    while (*document && length <= MICROGPT_BLOCK) {
        int token = 0;
        while (token < CHARACTERS && strncmp(document, alphabet[token], strlen(alphabet[token])) != 0) token++;
        if (token == CHARACTERS) fail("a document has a character that the model does not know");
        document += strlen(alphabet[token]);
        tokens[length++] = token;
    }
    if (length <= MICROGPT_BLOCK) tokens[length++] = BOS;
    memcpy(index, tokens, (size_t)(length - 1) * sizeof *tokens);
    memcpy(index + length - 1, tokens + 1, (size_t)(length - 1) * sizeof *tokens);
    return length - 1;
}

static void train(double *memory, char **documents, long count, long steps)
{
    int index[2 * MICROGPT_BLOCK];
    for (long step = 0; step < steps; step++) {
        int length = encode(documents[step % count], index);
        double loss, constants[3] = {
            MICROGPT_LEARNING_RATE * (1 - (double)step / (double)steps),
            1 - pow(MICROGPT_BETA1, (double)(step + 1)),
            1 - pow(MICROGPT_BETA2, (double)(step + 1)),
        };
        microgpt_train(memory, &length, index, constants, 1, &loss);
        printf("step %ld loss %a\n", step + 1, loss);
    }
}

static void sample(double *memory, long count)
{
    microgpt_prepare(memory);
    for (; count > 0; count--) {
        int token = BOS;
        printf("sample ");
        for (int position = 0; position < MICROGPT_BLOCK; position++) {
            token = microgpt_choose(microgpt_next(memory, position, token, 0.5), random_number());
            if (token < 0) fail("the model's probabilities are not finite numbers");
            if (token == BOS) break;
            fputs(alphabet[token], stdout);
        }
        putchar('\n');
    }
}

int main(int argc, char **argv)
{
    int training = argc >= 4 && !strcmp(argv[1], "train"), sampling = argc >= 3 && !strcmp(argv[1], "sample");
    if (!training && !sampling) fail("usage: microgpt train FILE STEPS [SEED] | microgpt sample COUNT [SEED]");
    seed_random((uint32_t)(argc > 3 + training ? strtoul(argv[3 + training], 0, 10) : 42));
    size_t size = ((size_t)microgpt_memory() * sizeof(double) + 63) / 64 * 64;
    double *memory = aligned_alloc(64, size);
    if (!memory) fail("out of memory");
    microgpt_initialize(memory);
    double *parameters = microgpt_parameters(memory);
    if (training) {
        long count;
        char **documents = read_documents(argv[2], &count);
        for (long i = count - 1; i > 0; i--) {
            uint32_t j = random_below((uint32_t)i + 1);
            char *other = documents[i];
            documents[i] = documents[j];
            documents[j] = other;
        }
        for (long i = 0; i < MICROGPT_PARAMETERS; i++) parameters[i] = random_gauss(0.08);
        train(memory, documents, count, strtol(argv[3], 0, 10));
        free(documents);
        free(text);
    }
    if (sampling) {
#if MICROGPT_HAS_WEIGHTS
        memcpy(parameters, microgpt_weights, sizeof microgpt_weights);
#else
        fail("no weights were exported");
#endif
    }
    sample(memory, training ? 20 : strtol(argv[2], 0, 10));
    free(memory);
    return 0;
}
"""
