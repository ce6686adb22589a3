static double (*const volatile libm_${name})(${types}) UNUSED = ${name};
#undef ${name}
#define ${name}(${operands}) libm_${name}(${operands})
