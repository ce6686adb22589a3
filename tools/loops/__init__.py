"""What the loops of a program say of it where its graph is too large to be made."""
