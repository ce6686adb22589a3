/* Calls ${prefix} once, with the numbers that it was compiled for, and prints every result with all of its bits. */

#include "${prefix}.h"
#include <math.h>
#include <stdio.h>

${tables}
static ${prefix}_state state;

int main(void)
{
${refusal}    ${prefix}_begin(&state);
    ${prefix}(&state, ${arguments});
${prints}    return 0;
}
