"""From a graph to loops again."""
