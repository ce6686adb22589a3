${exact}
/* What the module exports, for microgpt.js. */
#define EXPORT(name) __attribute__((export_name(name)))

static double state[${memory}] __attribute__((aligned(64)));
static int numbers[${indices}];

EXPORT("begin") void wasm_begin(void) { own_begin(state); }
EXPORT("exact") int wasm_exact(void) { return own_exact(); }
EXPORT("state") double *wasm_state(void) { return state; }
EXPORT("index") int *wasm_index(void) { return numbers; }
EXPORT("call") void wasm_call(void) { own(state, numbers); }
