"""From loops to C."""
