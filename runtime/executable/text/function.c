${exact}
void ${prefix}_begin(${prefix}_state *state) { ${prefix}_graph_begin(state->numbers); }

void ${prefix}(${prefix}_state *state${parameters})
{
${copies_in}    ${prefix}_graph(state->numbers, ${index});
${copies_out}}
