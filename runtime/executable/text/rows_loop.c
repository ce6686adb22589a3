    {
        const long long count = counts[${rows}];
        const double *row = rows[${rows}];
        const int *chosen = numbers[${rows}];
        double sums[${count}] = {0.0};
        long long done = 0;
        (void)row, (void)chosen;
        memset(m + ${row_initial}, 0, ${slopes} * sizeof(double));
${blocks}        for (; done < count; done++, row += ${size}, chosen += ${indices}) {
            memcpy(m + ${row_row}, row, ${size} * sizeof(double));
            ${prefix}row${number}(m + ${row}, chosen);
            memcpy(m + ${row_initial}, m + ${row_jacobian}, ${slopes} * sizeof(double));
            for (long i = 0; i < ${count}; i++) sums[i] += m[${row_results} + i];
        }
${after}
    }
