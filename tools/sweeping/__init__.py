"""A sweep: the same training with many options, side by side.

grid     which runs there are
job      one run, in whatever process it is carried out
execute  all runs, on the cores of this machine or of a cluster
lanes    all runs, as lanes of JAX programs
results  what came out, by setting
plot     loss against an option, as SVG
"""
