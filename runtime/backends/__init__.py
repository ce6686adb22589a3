"""Backends: the ways to carry out the model, alike in what they give and apart in speed."""
