"""The explorer: one page that shows a program as model, graph, IR, Python, C and assembly, linked line by line.

collect     what the page shows, from the stages of the compiler and the chain of provenance
places      what it shows of a program whose graph is too large to be made
blocks      which part of the model an operation belongs to
values      a trained model and texts, as inputs of the graph
measure     how long each loop nest takes
pack        text and numbers as compressed blocks of the page
assemble    the page: one file, with everything in it and nothing fetched
page/       its markup, style and scripts
"""
