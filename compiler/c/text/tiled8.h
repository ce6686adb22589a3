#ifdef SHUFFLE
    /* Where a tile has more rows than there are, it has the last one again, and stores a part of its vectors. */
    for (long i = 0; i < rows; i += 8) {
        for (long j = 0; j < columns - columns % 8; j += 8) {
            /* No loop has more than four turns: UNROLL leaves none, so that all vectors are in registers. */
            v8 x[8], y[8];
            const double *row = from + i * from_row + j;
            UNROLL
            for (int k = 0; k < 8; k += 2) {
                const v8 one = load8(row);
                row += i + k + 1 < rows ? from_row : 0;
                const v8 other = load8(row);
                row += i + k + 2 < rows ? from_row : 0;
                y[k] = SHUFFLE(one, other, 0, 8, 2, 10, 4, 12, 6, 14);
                y[k + 1] = SHUFFLE(one, other, 1, 9, 3, 11, 5, 13, 7, 15);
            }
            UNROLL
            for (int k = 0; k < 8; k += 4) {
                UNROLL
                for (int l = k; l < k + 2; l++) {
                    x[l] = SHUFFLE(y[l], y[l + 2], 0, 1, 4, 5, 8, 9, 12, 13);
                    x[l + 2] = SHUFFLE(y[l], y[l + 2], 2, 3, 6, 7, 10, 11, 14, 15);
                }
            }
            UNROLL
            for (int k = 0; k < 4; k++) {
                store_part8(to + (j + k) * to_row + i, SHUFFLE(x[k], x[k + 4], 0, 1, 4, 5, 8, 9, 12, 13), rows - i);
                store_part8(to + (j + k + 4) * to_row + i, SHUFFLE(x[k], x[k + 4], 2, 3, 6, 7, 10, 11, 14, 15), rows - i);
            }
        }
        for (long j = columns - columns % 8; j < columns; j++)
            for (long k = i; k < i + 8 && k < rows; k++) to[j * to_row + k] = from[k * from_row + j];
    }
    done = rows;
#endif
