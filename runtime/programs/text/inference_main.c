/* Samples with an exported model.

       ${prefix} [COUNT [SEED]]

   The random numbers are those of Python's `random`, so this prints what the Python program prints. */

#include "${prefix}.h"
#include "${prefix}_weights.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The characters of the tokens 0, 1, 2, ... in Unicode. */
static const uint32_t alphabet[] = {${alphabet}
};
enum { BOS = ${PREFIX}_VOCABULARY - 1 };

${random}
${print_character}
int main(int argc, char **argv)
{
    static ${prefix}_state model;
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 20;
    seed_random(argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 42u);
${refusal}    ${prefix}_begin(&model, ${prefix}_weights);
    for (; count > 0; count--) {
        int token = BOS;
        printf("sample ");
        for (int position = 0; position < ${PREFIX}_BLOCK; position++) {
            token = ${prefix}_choose(${prefix}_next(&model, position, token, 0.5${f}), ${uniform});
            if (token < 0) return 1;
            if (token == BOS) break;
            print_character(alphabet[token]);
        }
        putchar('\n');
    }
    return 0;
}
