typedef void program(memory *m, const int *ix);
static program *const positions_of[] = {${positions}};
typedef char state_is_the_memory[sizeof(${prefix}_state) == sizeof(memory) ? 1 : -1];

static memory *inside(${prefix}_state *s) { return (memory *)(void *)s; }

void ${prefix}_begin(${prefix}_state *s, const ${number} *weights)
{
    memset(s, 0, sizeof *s);
    inside(s)->OUTSIDE = weights;
    set_constants(inside(s));
}

const ${number} *${prefix}_next(${prefix}_state *s, int position, int token, ${number} temperature)
{
    memory *m = inside(s);
    m->temperature[0] = temperature;
    positions_of[position](m, &token);
    return m->probabilities;
}

${choose}