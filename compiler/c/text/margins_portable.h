/* exp(), log() and pow() of all lanes, correctly rounded. A function is computed to more than 61 bits, as the sum of its
   rounding and a rest. Where the rest shows that the exact value lies farther from a midpoint between two doubles than
   this errs, it is rounded right; all other lanes, and everything special, are computed by accurate functions. */
#define GUESSED
#define CLOSE
/* How far this errs, with a reserve. exp: three roundings of r^3/6 < 2^-19 of 1, four of sums that are no larger, and
   r^2/2 times what rounding r has lost: below 2^-69. log: the rounding of the last term of third, 2^-60, of a cube below
   2^-14.8, of a logarithm that is 2^-4 or, within, of a cube of itself: 2^-68 of it. pow: both. */
#define EXP_MARGIN 0x1.4p-68
#define POW_MARGIN(log) (EXP_MARGIN + 0x1p-66 * (log))
#define POW_MOST EXP_MOST
#define LOG_MARGIN 0x1p-66
#define LOG_ERROR 0.0
#define LOG_NEAR 0x1p-4
