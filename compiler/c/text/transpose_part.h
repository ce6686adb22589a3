/* A thread's part of the rows of a matrix that is transposed; of the copy, whole cache lines. */
static void transpose_part(
    const team *t, ${number} *to, long to_row, const ${number} *from, long from_row, long rows, long columns)
{
    const long first = part(t, 0, 0, rows, 16), next = part(t, 1, 0, rows, 16), end = next < rows ? next : rows;
    if (first < end) transpose(to + first, to_row, from + first * from_row, from_row, end - first, columns);
}
