"""The tools: the command line, and all that it shows. Nothing but the command line imports them.

cli             finds the command, and turns every error into one line and an exit code
commands/       one file a command
terminal/       printing, tables, exit codes, signals, suggestions
options/        the options that commands share, and what they stand for
training/       training that is watched, recorded, resumed and sampled from
checks/         whole runs against the eager autograd; the bisection of a fault; powers by the million
loops/          what loops say of a program whose graph is too large to be made
passes/         what each stage of the compiler did
provenance/     from a line of any text of a program to what belongs to it in all others
stats/          what a program is made of, and how fast it could be
drawing/        graphs as pictures, by Graphviz
explore/        one page with a program in all its forms
pictures/       charts as SVG and as text
report/         a page about a run
sweeping/       many trainings side by side
baselines/      the same training written for other libraries
"""
