"""Programs of loops over named sizes: found from small instances, and instantiated at any."""
