"""The playground: a page in which the model is trained, by WebAssembly, while one looks at its numbers."""
