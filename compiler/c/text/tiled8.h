#ifdef SHUFFLE
    for (long i = 0; i < rows; i += 8) {
        for (long j = 0; j < columns - columns % 8; j += 8) {
            const double *tile = from + i * from_row + j;
            if (rows - i >= 8) transpose_tile(to + j * to_row + i, to_row, tile, from_row, 8);
            else transpose_tile(to + j * to_row + i, to_row, tile, from_row, rows - i);
        }
        for (long j = columns - columns % 8; j < columns; j++)
            for (long k = i; k < i + 8 && k < rows; k++) to[j * to_row + k] = from[k * from_row + j];
    }
    done = rows;
#endif
