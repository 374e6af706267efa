"""Networks for other tools: NIR files, plain arrays, C headers and memory images.

A graph with binary neurons becomes an `Exchange` (`lowering`): the nodes that NIR has, channels first,
with sums as edges. Writers put it into files; `reading` and `raising` turn a NIR file into a graph.
"""
