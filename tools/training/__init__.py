"""Training as commands do it: watched, recorded, resumed, and sampled from."""
