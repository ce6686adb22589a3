/* Trains or samples with an exported model.

       ${prefix} train FILE STEPS [SEED]     one document a line; prints each loss, then samples
       ${prefix} sample COUNT [SEED]         with the weights that were exported

   The random numbers are those of Python's `random`, so this prints what the Python program prints. */

#include "${prefix}.h"
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if ${PREFIX}_HAS_WEIGHTS
#include "${prefix}_weights.h"
#endif

/* The characters of the tokens 0, 1, 2, ... in Unicode. */
static const uint32_t alphabet[] = {${alphabet}
};
enum { CHARACTERS = ${PREFIX}_VOCABULARY - 1, BOS = CHARACTERS };

${functions}
${random}
${gauss}
static void fail(const char *what)
{
    fprintf(stderr, "${prefix}: %s\n", what);
    exit(1);
}

static void *allocate(size_t count, size_t size)
{
    void *block = calloc(count ? count : 1, size);
    if (!block) fail("out of memory");
    return block;
}

static const char *file_name;
static unsigned char *text;
static size_t text_size;

/* Fails because of what stands at a place of the text. */
static void fail_at(size_t place, const char *what)
{
    unsigned long line = 1;
    for (size_t i = 0; i < place; i++) line += text[i] == '\n' || (text[i] == '\r' && text[i + 1] != '\n');
    fprintf(stderr, "${prefix}: %s: %s at offset %lu, line %lu\n", file_name, what, (unsigned long)place, line);
    exit(1);
}

/* Reads the file to `text`, behind which stands a zero. */
static void read_text(void)
{
    FILE *file = fopen(file_name, "rb");
    size_t room = 1 << 16, got = 1;
    text = (unsigned char *)allocate(room, 1);
    while (file && (got = fread(text + text_size, 1, room - text_size - 1, file)) > 0) {
        text_size += got;
        if (text_size + 1 < room) continue;
        unsigned char *larger = (unsigned char *)(room > SIZE_MAX / 2 ? NULL : realloc(text, room *= 2));
        if (!larger) fail("out of memory");
        text = larger;
    }
    if (!file || ferror(file)) {
        fprintf(stderr, "${prefix}: %s cannot be read: %s\n", file_name, strerror(errno));
        exit(1);
    }
    fclose(file);
    text[text_size] = 0;
}

/* The character at `*at`, which is moved behind it. Refuses what is not UTF-8 as Python does. */
static uint32_t next_character(size_t *at)
{
    const size_t start = *at;
    const unsigned first = text[(*at)++];
    if (first < 0x80) {
        if (!first) fail_at(start, "not text: a zero byte");
        return first;
    }
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    uint32_t character = first & (0x3fu >> more);
    int valid = first >= 0xc0 && first < 0xf8;
    for (int i = 0; valid && i < more; i++) {
        valid = (text[*at] & 0xc0u) == 0x80; /* not so for the zero behind the text */
        if (valid) character = character << 6 | (text[(*at)++] & 0x3fu);
    }
    if (!valid || character < least[more] || character > 0x10ffff || (character >= 0xd800 && character < 0xe000))
        fail_at(start, "not UTF-8");
    return character;
}

/* What Python's str.strip() takes away. */
static int is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
        (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static int token_of(uint32_t character)
{
    int token = 0;
    while (token < CHARACTERS && alphabet[token] != character) token++;
    return token;
}

typedef struct { size_t start, end; } document; /* offsets in `text` */

/* The documents of the file: one a line, stripped, blank ones left out. Lines end with \n, \r\n or \r. */
static document *read_documents(size_t *count)
{
    read_text();
    size_t lines = 1, at = 0;
    for (size_t i = 0; i < text_size; i++) lines += text[i] == '\n' || text[i] == '\r';
    document *documents = (document *)allocate(lines, sizeof *documents);
    *count = 0;
    if (text_size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) at = 3; /* a byte order mark */
    while (at < text_size) {
        document here = {at, at};
        int empty = 1;
        while (at < text_size && text[at] != '\n' && text[at] != '\r') {
            const size_t start = at;
            if (is_space(next_character(&at))) continue;
            if (empty) here.start = start;
            here.end = at;
            empty = 0;
        }
        if (!empty) documents[(*count)++] = here;
        at++;
    }
    if (!*count) fail("the file has no documents");
    if (*count > 0x7fffffff) fail("the file has too many documents");
    for (size_t i = 0; i < *count; i++)
        for (size_t start = documents[i].start; start < documents[i].end;) {
            const size_t place = start;
            if (token_of(next_character(&start)) == CHARACTERS)
                fail_at(place, "a character that the model does not know");
        }
    return documents;
}

/* The tokens and targets of a document; returns its length. */
static int encode(document from, int *index)
{
    int tokens[${PREFIX}_BLOCK + 2], length = 0;
    tokens[length++] = BOS;
    for (size_t at = from.start; at < from.end && length <= ${PREFIX}_BLOCK;)
        tokens[length++] = token_of(next_character(&at));
    if (length <= ${PREFIX}_BLOCK) tokens[length++] = BOS;
    memcpy(index, tokens, (size_t)(length - 1) * sizeof *tokens);
    memcpy(index + length - 1, tokens + 1, (size_t)(length - 1) * sizeof *tokens);
    return length - 1;
}

${print_character}
static ${prefix}_state model;

static void train(const document *documents, size_t count, long steps)
{
    int index[2 * ${PREFIX}_BLOCK];
    for (long step = 0; step < steps; step++) {
        int length = encode(documents[(size_t)step % count], index);
        double loss;
        ${prefix}_train(&model, &length, index, step, 1, steps, ${PREFIX}_LEARNING_RATE, &loss);
        printf("step %ld loss %a\n", step + 1, loss);
    }
}

static void sample(long count)
{
    ${prefix}_prepare(&model);
    for (; count > 0; count--) {
        int token = BOS;
        printf("sample ");
        for (int position = 0; position < ${PREFIX}_BLOCK; position++) {
            token = ${prefix}_choose(${prefix}_next(&model, position, token, 0.5), random_number());
            if (token < 0) fail("the model's probabilities are not finite numbers");
            if (token == BOS) break;
            print_character(alphabet[token]);
        }
        putchar('\n');
    }
}

/* A whole number from 0 to `most`. */
static unsigned long number(const char *digits, unsigned long most, const char *what)
{
    char *end;
    errno = 0;
    const unsigned long value = strtoul(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || *end || errno || value > most) {
        fprintf(stderr, "${prefix}: %s is a whole number from 0 to %lu, not %s\n", what, most, digits);
        exit(1);
    }
    return value;
}

int main(int argc, char **argv)
{
    const int training = argc >= 2 && !strcmp(argv[1], "train"), least = training ? 4 : 3;
    if (argc < least || argc > least + 1 || (!training && strcmp(argv[1], "sample")))
        fail("usage: ${prefix} train FILE STEPS [SEED] | ${prefix} sample COUNT [SEED]");
    const long times = (long)number(argv[least - 1], 0x7fffffff, training ? "STEPS" : "COUNT");
    seed_random((uint32_t)(argc > least ? number(argv[least], 0xffffffff, "SEED") : 42));
    if (!${prefix}_exact())
        fail("this build loses bits; compile and link it without -ffp-contract=fast and -ffast-math");
    ${prefix}_initialize(&model);
    double *parameters = ${prefix}_parameters(&model);
    if (training) {
        size_t count;
        file_name = argv[2];
        document *documents = read_documents(&count);
        for (size_t i = count - 1; i > 0; i--) {
            const size_t j = random_below((uint32_t)i + 1);
            const document other = documents[i];
            documents[i] = documents[j];
            documents[j] = other;
        }
        for (long i = 0; i < ${PREFIX}_PARAMETERS; i++) parameters[i] = random_gauss(0.08);
        train(documents, count, times);
        free(documents);
        free(text);
    } else {
#if ${PREFIX}_HAS_WEIGHTS
        memcpy(parameters, ${prefix}_weights, sizeof ${prefix}_weights);
#else
        fail("no weights were exported");
#endif
    }
    sample(training ? 20 : times);
    if (fflush(stdout) || ferror(stdout)) fail("the output cannot be written");
    return 0;
}
