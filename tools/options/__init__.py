"""What commands share of their options, and what the options stand for: a model, a program, a backend, a training."""
