"""Tracing: the values that a function computes with while it is recorded, and the recorder they write to."""
