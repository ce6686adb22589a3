"""The machine: its C compilers and what they can be trusted with, its libm, memory and peak rates; child processes."""
