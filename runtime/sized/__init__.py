"""Functions over named sizes: learned at small ones, instantiated at any."""
