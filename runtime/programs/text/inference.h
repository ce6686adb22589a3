/* What the model knows of one document, and what it works with: ${bytes} bytes and a pointer. The caller owns it; what
   runs at once needs one each. */
typedef struct { const ${number} *weights; ${number} numbers[${memory}]; } ${prefix}_state;

/* ${exactness} */
int ${prefix}_exact(void);
/* Prepares a state. `weights` are the numbers of the model: they stay where they are, and states may share them. */
void ${prefix}_begin(${prefix}_state *s, const ${number} *weights);
/* The probability of each token after `token`, at a position of which all earlier ones have been seen. */
const ${number} *${prefix}_next(${prefix}_state *s, int position, int token, ${number} temperature);
/* Chooses a token by a number from 0 to 1, as Python's random.choices does; -1 if the weights have no positive sum. */
int ${prefix}_choose(const ${number} *weights, ${number} uniform);
