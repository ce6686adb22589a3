static memory *inside(${prefix}_state *s) { return (memory *)s->numbers; }

long ${prefix}_memory(void) { return sizeof(memory) / sizeof(${number}); }

void ${prefix}_initialize(${prefix}_state *s)
{
    memset(s, 0, sizeof(memory));
    set_constants(inside(s));
}

${number} *${prefix}_parameters(${prefix}_state *s) { return inside(s)->parameters; }
${number} *${prefix}_gradient(${prefix}_state *s) { return inside(s)->gradient; }
${number} *${prefix}_first_moment(${prefix}_state *s) { return inside(s)->first_moment; }
${number} *${prefix}_second_moment(${prefix}_state *s) { return inside(s)->second_moment; }
${number} *${prefix}_cache(${prefix}_state *s) { return &inside(s)->cache[0][0]; }

${train}
void ${prefix}_prepare(${prefix}_state *s) { copy_parameters(inside(s), 0${alone}); }

const ${number} *${prefix}_next(${prefix}_state *s, int position, int token, double temperature)
{
    inside(s)->temperature[0] = (${number})temperature;
    positions_of[position](inside(s), &token${alone});
    return inside(s)->probabilities;
}

${choose}
long ${prefix}_sample(
    ${prefix}_state *s, double temperature, int bos, long documents,
    const unsigned *bits, long numbers, int *tokens, long *used)
{
    long drawn = 0, at = 0;
    ${number} first[VOCABULARY]; /* all documents begin alike */
    memcpy(first, ${prefix}_next(s, 0, bos, temperature), sizeof first);
    for (; drawn < documents && at + BLOCK <= numbers; drawn++) {
        int token = bos;
        for (int position = 0; position < BLOCK; position++) {
            const ${number} *weights = position ? ${prefix}_next(s, position, token, temperature) : first;
            const unsigned *words = bits + 2 * at++;
            const double uniform = (words[0] >> 5) * 67108864.0 + (words[1] >> 6);
            token = ${prefix}_choose(weights, uniform * (1.0 / 9007199254740992.0));
            if (token < 0) return -1;
            if (token == bos) break;
            *tokens++ = token;
        }
        *tokens++ = -1;
    }
    *used = at;
    return drawn;
}
