        memcpy(m + BLOCK_WEIGHTS, m + PARAMETER, WEIGHTS * sizeof(double));
        for (; place + TOGETHER <= batch; place += TOGETHER, order += TOGETHER) {
            int chosen[TOGETHER * INDICES + 1];
            for (int row = 0; row < TOGETHER; row++) {
@block_row@
@block_indices@
            }
            memcpy(m + BLOCK_INITIAL, m + EXAMPLE_INITIAL, WEIGHTS * sizeof(double));
            block(m + BLOCK, chosen);
            memcpy(m + EXAMPLE_INITIAL, m + BLOCK_GRADIENT, WEIGHTS * sizeof(double));
            for (int row = 0; row < TOGETHER; row++) loss += m[BLOCK_LOSS + row];
        }
