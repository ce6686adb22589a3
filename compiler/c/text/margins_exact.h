/* exp(), log() and pow() of all lanes, with the bits that libm gives. A function is computed to more than 61 bits, as
   the sum of its rounding and a rest. Where the rest shows that the exact value lies farther from a midpoint between
   two doubles than libm errs, libm rounds as we do; all other lanes, and everything special, are libm's to compute. */
#define GUESSED
/* How far libm errs before its last rounding, and we: glibc's own bounds (e_exp.c, e_log.c, e_pow.c), and a reserve.
   exp: 0.011 units, where 2^53 units are the number; ours is below 0.0015 of them, most of it what the square of r lacks
   when r is rounded. pow: that and 1.5 * 2^-68 * |ln(power)| of its logarithm; ours is 2^-67 * |ln(power)|, together
   below 0.0161 of these units for powers from 2^-48 to 2^48.
   log: 0.007 units of its logarithm near 1, which are at most 0.014 * 2^-53 of it; 0.0202 * 2^-56 elsewhere. */
#define EXP_MARGIN (0x1p-53 * 0.013)
#define POW_MARGIN(log) (0x1p-53 * 0.017)
#define POW_MOST 0x4040a00000000000LL /* 33.25, about the logarithm of 2^48 */
#define LOG_MARGIN (0x1p-53 * 0.017)
#define LOG_ERROR 0x1.7p-62
#define LOG_NEAR 0x1p-4 /* logarithms within are those that glibc counts as near 1, and perhaps a few others */
