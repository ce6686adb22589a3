${exact}
void ${prefix}_begin(${prefix}_state *state) { ${program}_begin(state->numbers); }

void ${prefix}(${prefix}_state *state${parameters})
{
${copies_in}${call}${copies_out}}
