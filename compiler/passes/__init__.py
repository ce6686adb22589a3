"""From graph to graph: differentiate, and clean."""
