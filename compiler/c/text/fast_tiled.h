#ifdef SHUFFLE
    for (; done + ${w} <= rows; done += ${w}) {
        for (long j = 0; j < columns - columns % ${w}; j += ${w}) {
            const ${number} *f = from + done * from_row + j;
            ${number} *t = to + j * to_row + done;
${tile}        }
        for (long j = columns - columns % ${w}; j < columns; j++)
            for (long k = done; k < done + ${w}; k++) to[j * to_row + k] = from[k * from_row + j];
    }
#endif
