"""Training a user's own function: loss, gradient and optimiser compiled into one call that takes many steps."""
