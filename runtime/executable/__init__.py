"""Executables: one graph, compiled, proved, kept in the cache, loaded and called. Own functions come in here."""
