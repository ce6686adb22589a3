"""The graph of scalar operations: what it is made of, its meaning, its text."""
