            /* No loop has more than four turns: UNROLL leaves none, so that all vectors are in registers. */
            v8 x[8], y[8];
            UNROLL
            for (int k = 0; k < 8; k += 2) {
                const v8 one = load8(from + (i + k) * from_row + j), other = load8(from + (i + k + 1) * from_row + j);
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
                store8(to + (j + k) * to_row + i, SHUFFLE(x[k], x[k + 4], 0, 1, 4, 5, 8, 9, 12, 13));
                store8(to + (j + k + 4) * to_row + i, SHUFFLE(x[k], x[k + 4], 2, 3, 6, 7, 10, 11, 14, 15));
            }
