"""Text that is the same on a terminal, in a file and in a notebook: escapes, tables, documents of several parts."""
