"""What the loops of a program say of it where its graph is too large to be made.

pieces      nests, cut so that each place of a statement carries out operations of one kind
terms       the places of a statement, and how often each is carried out
known       what the graph of a small model says of each place
flow        how many operations groups of places carry out, and how many values they hand to each other
marks       which elements of memory a program touches
"""
