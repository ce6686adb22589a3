"""The program that is looked at: one of the GPT's, or a function of the user's. What looks at it sees a `Subject`.

subject     what every program has: a trace, a gradient, a graph, its text in Python and in C
model       a program of the GPT, by its recipe
function    a compiled function
user_file   a compiled function, or a function with an example, in a file of the user's
c_program   one program in a file of C: which nests of loops its lines carry out
sources     the user's source files
"""
