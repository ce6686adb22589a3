"""The target JAX: whole-array programs from loops."""
