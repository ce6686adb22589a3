"""From a line of any text of a program to what belongs to it in all others. `Chain` in `chain` is the entrance."""
