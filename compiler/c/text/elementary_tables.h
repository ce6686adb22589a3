
/* Written by tools/checks/elementary_tables.py. */
#define LOG_FIRST 0x3fe6555500000000LL
#define LN2_HIGH 0x1.62e42fefa3800p-1
#define LN2_LOW 0x1.ef35793c76730p-45
#define STEP_HIGH 0x1.62e42fefa0000p-5
#define STEP_LOW 0x1.cf79abc9e3b3ap-44
#define STEPS 0x1.71547652b82fep+4
#define EXP_2 0x1.0000000000004p-1
#define EXP_3 0x1.5555555555557p-3
#define EXP_4 0x1.555555547f6e5p-5
#define EXP_5 0x1.11111110b1ffcp-7
#define EXP_6 0x1.6c18417084c69p-10
#define EXP_7 0x1.a01b56f942eb2p-13
static const double step_power[16] = {
    0x1.0000000000000p+0, 0x1.0b5586cf9890fp+0, 0x1.172b83c7d517bp+0, 0x1.2387a6e756238p+0,
    0x1.306fe0a31b715p+0, 0x1.3dea64c123422p+0, 0x1.4bfdad5362a27p+0, 0x1.5ab07dd485429p+0,
    0x1.6a09e667f3bcdp+0, 0x1.7a11473eb0187p+0, 0x1.8ace5422aa0dbp+0, 0x1.9c49182a3f090p+0,
    0x1.ae89f995ad3adp+0, 0x1.c199bdd85529cp+0, 0x1.d5818dcfba487p+0, 0x1.ea4afa2a490dap+0,
};
static const double step_rest[16] = {
    0x0.0p+0, 0x1.79aa65d837b6cp-54, -0x1.01b15eaa59348p-55, 0x1.68efde3a8a894p-54,
    0x1.34d754db0abb6p-55, 0x1.59f48a72a4c6dp-55, 0x1.690cebb7aafb0p-56, 0x1.063e1e21c5409p-54,
    -0x1.3b3efbf5e2229p-54, -0x1.b32dcb94da51dp-56, 0x1.db72fc1f0eab4p-55, 0x1.1affc2b91ce27p-56,
    0x1.c1a7792cb3387p-55, 0x1.36eae30af0cb3p-56, 0x1.4a385a63d07a7p-56, -0x1.ff7128fd391f1p-55,
};
static const double reciprocals[16] = {
    0x1.6700000000000p+0, 0x1.5800000000000p+0, 0x1.4a00000000000p+0, 0x1.3d00000000000p+0,
    0x1.3100000000000p+0, 0x1.2600000000000p+0, 0x1.1c00000000000p+0, 0x1.1300000000000p+0,
    0x1.0a00000000000p+0, 0x1.0000000000000p+0, 0x1.e600000000000p-1, 0x1.cc00000000000p-1,
    0x1.b200000000000p-1, 0x1.9e00000000000p-1, 0x1.8a00000000000p-1, 0x1.7800000000000p-1,
};
static const double log_high[16] = {
    -0x1.5a42ab0f4d000p-2, -0x1.2e8e2bae12000p-2, -0x1.0402594b4d000p-2, -0x1.b5b519e8fc000p-3,
    -0x1.66acd4272a000p-3, -0x1.1b72ad52f6000p-3, -0x1.a926d3a4ac000p-4, -0x1.253f62f0a0000p-4,
    -0x1.39e87b9fe8000p-5, 0x0.0p+0, 0x1.aaef2d0fb0000p-5, 0x1.b6ac88dad4000p-4,
    0x1.527e5e4a1c000p-3, 0x1.b31d8575bc000p-3, 0x1.0c42d67616000p-2, 0x1.3c25277333000p-2,
};
static const double log_low[16] = {
    0x1.e63af2df7ba69p-50, 0x1.67b1e99b72bd8p-45, -0x1.036b89ef42d7fp-48, 0x1.4b722ec011f31p-44,
    -0x1.aa1bdbfc6c785p-44, -0x1.e80a41811a396p-45, -0x1.563650bd22a9cp-44, -0x1.416f8fb69a701p-44,
    -0x1.eafd480ad9015p-44, 0x0.0p+0, 0x1.0fc1a353bb42ep-45, 0x1.b1bdff50225c7p-44,
    -0x1.4e60b8d4b411dp-44, 0x1.c794e562a63cbp-44, 0x1.7188b163ceae9p-45, 0x1.83b54b606bd5cp-46,
};
