static double portable_${name}(${parameters}) { return accurate_${name}(${operands}); }
