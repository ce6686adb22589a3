"""The playground: a page that trains the model by WebAssembly and shows its numbers."""
