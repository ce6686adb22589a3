${exact}
void ${prefix}_begin(double *memory) { ${prefix}_graph_begin(memory); }

void ${prefix}(double *memory${parameters})
{
${copies_in}    ${prefix}_graph(memory, ${index});
${copies_out}}
