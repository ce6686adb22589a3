static void print_character(uint32_t c)
{
    if (c < 0x80) {
        putchar((int)c);
        return;
    }
    const int more = c >= 0x10000 ? 3 : c >= 0x800 ? 2 : 1;
    putchar((int)((0xf00u >> (more + 1) & 0xffu) | c >> 6 * more));
    for (int i = more - 1; i >= 0; i--) putchar((int)(0x80u | (c >> 6 * i & 0x3fu)));
}
