"""What the passes of the compiler do: the figures behind ``microgpt passes``, and the path of one operation."""
