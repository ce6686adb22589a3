typedef ${number} type_of_${name}(${types});
static type_of_${name} *const libm_${name} UNUSED = ${name}${f};
#undef ${name}
#define ${name}(${operands}) (*(type_of_${name} *const volatile *)&libm_${name})(${operands})
