"""The runtime: everything that runs programs. It knows the compiler, the model and its data, and no command line.

Each folder imports those above it, and nothing below:

    value           the eager autograd, which every compiled program must equal
    storage/        files written whole or not at all; the cache of generated programs
    machine/        C compilers and what they can be trusted with; libm, memory, peak rates; child processes
    executable/     one graph, compiled, proved, cached, loaded and called; `microgpt.compile` of a user's function
    programs/       the programs of the model: its graphs, its Python programs, its C library, its export
    backends/       the ways to carry out the model: eager, Python, C, and the choice among them
    training/       taking steps, sampling, evaluating, and what a run leaves behind
"""
