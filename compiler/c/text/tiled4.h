#ifdef SHUFFLE
    done = rows - rows % 4;
    for (long i = 0; i < done; i += 4) {
        for (long j = 0; j < columns - columns % 4; j += 4) {
            v4 x[4], y[4];
            UNROLL
            for (int k = 0; k < 4; k++) x[k] = load4(from + (i + k) * from_row + j);
            UNROLL
            for (int k = 0; k < 4; k += 2) {
                y[k] = SHUFFLE(x[k], x[k + 1], 0, 4, 2, 6);
                y[k + 1] = SHUFFLE(x[k], x[k + 1], 1, 5, 3, 7);
            }
            UNROLL
            for (int k = 0; k < 2; k++) {
                store4(to + (j + k) * to_row + i, SHUFFLE(y[k], y[k + 2], 0, 1, 4, 5));
                store4(to + (j + k + 2) * to_row + i, SHUFFLE(y[k], y[k + 2], 2, 3, 6, 7));
            }
        }
        for (long j = columns - columns % 4; j < columns; j++)
            for (int k = 0; k < 4; k++) to[j * to_row + i + k] = from[(i + k) * from_row + j];
    }
#endif
