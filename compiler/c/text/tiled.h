#ifdef SHUFFLE
    done = rows - rows % ${w};
    for (long i = 0; i < done; i += ${w}) {
        for (long j = 0; j < columns - columns % ${w}; j += ${w}) {
${tile}        }
        for (long j = columns - columns % ${w}; j < columns; j++)
            for (int k = 0; k < ${w}; k++) to[j * to_row + i + k] = from[(i + k) * from_row + j];
    }
#endif
