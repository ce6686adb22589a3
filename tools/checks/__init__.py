"""Checks beyond those of every compilation: whole runs against the eager autograd, bisection, powers by the million."""
