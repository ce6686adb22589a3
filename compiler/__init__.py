"""The compiler: plain scalar functions in, programs out. It knows no model, no data and no runtime.

The folders are the stages, in the order in which a function goes through them; `pipeline` runs them, a function for
each road. A folder imports what stands before it, and nothing else; python and loops do not know of each other. All ask
`numerics` what functions mean: what libm gives (`arithmetic`), or the nearest double (`correctly_rounded`).

    ir/                     the graph: its table of operations, its rules, its meaning, its text; what it is made of
    tracing/                symbolic scalars, conditions and indices, which record what is done with them
    trace                   the function runs once on these; the record is a `Graph`
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
    loops/                  graph to loops over arrays
        place               elements are numbered, so that every array of the model is strided
        stored_nodes        which values have a statement of their own
        form_reductions     statements, in groups that are alike; chains of additions become folds
        schedule            which group of statements runs when
        find_nests          what does the same at evenly spaced addresses is a nest
        reroll              groups of statements become loop nests
        roll_steps          nests that a recurrence repeats become nests of one loop over its steps
        join_recurrences    recurrences that take the same steps become one
        extrapolate         longer sequences continue shorter ones (`compile_family`)
        name_arrays         addresses become arrays and indices
        transpose           matrices that loops walk along, not across
        reuse               arrays that are not needed at the same time have the same room
        run_loops           the meaning of loops
        prove_loops         the proof: unrolled again, loops are the graph
        unroll              which operations of the graph each nest carries out, point by point
        labels              which lines of the model a nest carries out, in words
        vmap                a graph of a few scalars, such as an optimiser's, becomes loops over all their elements
        vmap_program        loops carry out several instances of their inputs at once, side by side in vectors
    sizes/                  loops over named sizes
        fit                 the simplest expression in the sizes for a number that differs from sample to sample
        sized_layout        arrays whose extents are such expressions
        generalise          programs of small sizes become one over the sizes, which makes those of any
        split               arrays of all layers become an array for each
        learn               the same for a function: from its graphs at small sizes, and proved at others
    jax/                    loops to whole-array code in JAX
        program             nests become statements over arrays
        first_rows          what a program does to first rows apart is joined to what it does to the others
        emit_jax            the body of a function
    kernels/                loops to the functions of a processor with vectors
        fuse                nests that walk through the same lanes become one, block by block
        share               nests that differ only in where they begin become calls of one kernel
        hoist               what does not change is read once
        stage_powers        powers are guessed for many lanes ahead, and settled where that is not proved
        tile                several sums are computed side by side
        vectorise           loops over lanes take several turns at once
        accumulate          folds become variables that terms are added to
        hold                vectors that several sums read are read once
        batch_calls         calls of exp, log and pow that stand alone are computed ahead, in vectors
        carry               what a step of a recurrence computes stays in variables for this step and the next
        walk_pointers       what sums read is reached by pointers that walk along
        divide              threads that run a program together take a part of the turns each
        merge               programs that call the same kernels with other numbers become calls of one routine
    c/                      kernels to C
        prelude             vectors; exp, log, powers and quotients that are proved to have the same bits
        drop_unused         of those, the ones that the program does not use are left out
        memory_struct       the arrays as a type
        print_c             a kernel becomes a function
        emit_c              programs become calls of kernels; which lines carry out which nests
"""
