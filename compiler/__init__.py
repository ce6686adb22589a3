"""The compiler: plain scalar functions in, programs out. It knows no model, no data and no runtime.

The stages, in the order in which a function goes through them (`pipeline` has the list that runs):

    trace                   the function runs once on symbolic scalars, which record a `Graph`
    hoist_selects           what is chosen by an index is computed after the choice
    differentiate           the backward pass, as operations of the same graph, in the eager autograd's order
    simplify                known results, neutral operands
    merge_equal_nodes       common subexpressions
    remove_dead_nodes       what no output needs

    form_statements         operations with one use become part of their consumer's expression
    schedule                blocks of like statements, in a topological order
    allocate                functions of bounded size; memory slots by live ranges
    emit_python             the text of a module

`ops` is the table of operations, `verify` the rules of a graph, `interpret` its meaning, `text` how it is written.
"""
