"""The compiler: plain scalar functions in, programs out. It knows no model, no data and no runtime.

The folders are the stages, in the order in which a function goes through them (`pipeline` has the list that runs). A
folder imports what stands before it, and nothing else; python and loops do not know of each other.

    trace                   the function runs once on symbolic scalars, which record a `Graph`
    ir/                     the graph: its table of operations, its rules, its meaning, its text; what it is made of
    passes/                 graph to graph
        sink_through_selects  what is chosen by an index is computed after the choice
        differentiate       the backward pass, as operations of the same graph, in the eager autograd's order
        simplify            known results, neutral operands
        cse                 common subexpressions
        dce                 what no output needs
    python/                 graph to straight-line Python
        form_statements     operations with one use become part of their consumer's expression
        schedule            blocks of like statements, in a topological order
        allocate            functions of bounded size; memory slots by live ranges
        emit_python         the text of a module; each line knows which operations it is there for
    loops/                  graph to loops
        place               addresses: what people would call an array is evenly spaced
        contract            chains of additions become folds
        order_groups        which group of statements runs when
        reroll              statements at evenly spaced addresses become loop nests
        continue_loops      longer sequences continue shorter ones
        run_loops           the meaning of loops, and the proof: unrolled again, they are the graph
        unroll              which operations of the graph each nest carries out, point by point
        labels              which lines of the model a nest carries out, in words
        transpose           matrices that loops walk along, not across
        memory_map          what stands where in memory, in the words of the model
        map_lanes           a graph of a few scalars, such as an optimiser's, becomes loops over all their elements
    c/                      loops to C
        prelude             vectors; powers and quotients that are proved to have the same bits
        emit_nest           a nest becomes a kernel
        emit_lanes          nests that walk through the same lanes become one, block by block
        emit_c              programs become calls of the kernels that they share; which lines carry out which nests
"""
