static double portable_${name}(${types}) UNUSED;
#undef ${name}
#define ${name}(${operands}) portable_${name}(${operands})
