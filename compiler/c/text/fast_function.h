#undef ${name}
#define ${name}(${operands}) ${name}f(${operands})
