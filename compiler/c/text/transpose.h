
/* Copies a matrix of `rows` rows and `columns` columns, so that its columns are the copy's rows. */
static NOINLINE void transpose(
    ${number} *to, long to_row, const ${number} *from, long from_row, long rows, long columns)
{
    long done = 0;
${tiles}    for (long i = done; i < rows; i++)
        for (long j = 0; j < columns; j++) to[j * to_row + i] = from[i * from_row + j];
}
