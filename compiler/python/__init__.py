"""From a graph to straight-line Python."""
