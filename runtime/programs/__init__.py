"""The programs of the model, in Python and as one C library, and what the eager autograd gives in their place."""
