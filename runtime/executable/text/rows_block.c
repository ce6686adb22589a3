        for (; done + ${together} <= count; done += ${together}, row += ${together} * ${size}, chosen += ${together} * ${indices}) {
            memcpy(m + ${block_row}, row, ${together} * ${size} * sizeof(double));
            memcpy(m + ${block_initial}, m + ${row_initial}, ${slopes} * sizeof(double));
            ${prefix}block${number}(m + ${block}, chosen);
            memcpy(m + ${row_initial}, m + ${block_jacobian}, ${slopes} * sizeof(double));
            for (long r = 0; r < ${together}; r++)
                for (long i = 0; i < ${count}; i++) sums[i] += m[${block_results} + r * ${count} + i];
        }
