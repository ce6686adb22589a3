#ifdef SHUFFLE
/* A tile as wide as a vector. Where it has fewer rows than that, it has the last one again, and stores a part of its vectors.
   No loop has more than four turns: UNROLL leaves none, so that all vectors are in registers. */
INLINE void transpose_tile(double *to, long to_row, const double *from, long from_row, long rows)
{
    v8 x[8], y[8];
    UNROLL
    for (int k = 0; k < 8; k += 2) {
        const v8 one = load8(from);
        from += k + 1 < rows ? from_row : 0;
        const v8 other = load8(from);
        from += k + 2 < rows ? from_row : 0;
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
        const v8 one = SHUFFLE(x[k], x[k + 4], 0, 1, 4, 5, 8, 9, 12, 13);
        const v8 other = SHUFFLE(x[k], x[k + 4], 2, 3, 6, 7, 10, 11, 14, 15);
        if (rows >= 8) {
            store8(to + k * to_row, one);
            store8(to + (k + 4) * to_row, other);
        } else {
            store_part8(to + k * to_row, one, rows);
            store_part8(to + (k + 4) * to_row, other, rows);
        }
    }
}
#endif
